"""Jobs that no open instance declares: their missed ticks are recorded, and a day later they go.

One instance of the fleet is enough for it, whatever its program. Should two do it, each step is
taken once all the same.
"""

from __future__ import annotations

import asyncio
import logging

from cronfleet.engine.identity import Identity
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.session import SessionKeeper
from cronfleet.errors import StoreError
from cronfleet.model import Instant, JobName, JobRecord, Reason
from cronfleet.pausing import resume_in_time
from cronfleet.planning import plan_of
from cronfleet.policy import Plan, due_gap, too_late_gap
from cronfleet.store import Moved, Order, Ordered, Store, TickClaim

log: logging.Logger = logging.getLogger(__name__)

BETWEEN_ROUNDS_MS = 60_000
AT_ONCE = 200
"""So many jobs a round, by name; then the next ones."""

UNDECLARED_KEPT_MS = 86_400_000
"""A job that nobody has declared for so long becomes a tombstone."""

WHY = "no open instance has declared it for a day"


class Caretaker:
    """Looks after what nobody else does."""

    def __init__(
        self,
        store: Store,
        identity: Identity,
        jobs: Repertoire,
        session: SessionKeeper,
    ) -> None:
        self._store = store
        self._identity = identity
        self._jobs = jobs
        self._session = session
        self._after: JobName = ""

    async def work(self) -> None:
        """Look around now and then, for ever."""
        while True:
            await asyncio.sleep(BETWEEN_ROUNDS_MS / 1000)
            if not (self._session.is_first and self._session.may_claim):
                continue
            try:
                await self.look_around()
            except StoreError as error:
                log.info("could not look after jobs of nobody, will try again: %s", error)

    async def look_around(self) -> None:
        """See to the next jobs by name. Raises StoreError."""
        page = await self._store.jobs(AT_ONCE, self._after)
        self._after = page[-1].name if len(page) == AT_ONCE else ""
        doubtful = [job.name for job in page if self._is_doubtful(job)]
        if not doubtful:
            return
        undeclared = await self._store.undeclared(doubtful)
        now = (await self._store.open()).now
        for job in undeclared:
            await self._look_after(job, now)

    def _is_doubtful(self, job: JobRecord) -> bool:
        """Whether the store must be asked; that this instance declares it, it knows itself."""
        is_ours = job.program == self._identity.program and self._jobs.is_ours(job)
        return not job.removed and not (is_ours and job.undeclared_since is None)

    async def _look_after(self, job: JobRecord, now: Instant) -> None:
        so_long_ms = now - (now if job.undeclared_since is None else job.undeclared_since)
        try:
            plan = await plan_of(self._store, job)
        except StoreError as error:
            log.info("job %s is left as it is: %s", job.name, error)
            return
        if self._session.has_old_tzdata and plan.schedule.needs_tzdata:
            return  # Its fire times may be others.
        if job.resumes_at is not None and job.resumes_at <= now:
            # No instance of its program is there that would.
            await resume_in_time(self._store, job.name, self._identity.label, now)
        elif so_long_ms >= UNDECLARED_KEPT_MS:
            await self._remove(job, plan, now)
        else:
            await self._record(job, plan, now)

    async def _record(self, job: JobRecord, plan: Plan, now: Instant) -> None:
        """What an instance could still run, were one started now, is left for it."""
        gap = None if job.paused else too_late_gap(plan, job.expected, now, Reason.NO_INSTANCE)
        if gap and job.expected:
            item = TickClaim(
                job=job.name,
                generation=job.generation,
                expected=job.expected.fire_time,
                fire_time=None,
                following=plan.first_after(gap.last),
                gap=gap,
            )
            await self._store.claim(self._session.id, [item])

    async def _remove(self, job: JobRecord, plan: Plan, now: Instant) -> None:
        reason = Reason.PAUSED if job.paused else Reason.NO_INSTANCE
        gap = due_gap(plan, job.expected, now, reason)
        expected = job.expected.fire_time if job.expected else None
        moved = Moved(job.generation, expected, None, gap)
        order = Order(f"undeclared {job.generation}", self._identity.label, WHY)
        answer = Ordered.MORE
        while answer is Ordered.MORE:
            answer = await self._store.remove(
                job.name, moved, order, undeclared_ms=UNDECLARED_KEPT_MS
            )
        if answer is Ordered.DONE:
            log.warning("job %s is removed: %s", job.name, WHY)
