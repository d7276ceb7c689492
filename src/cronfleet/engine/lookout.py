"""Looks out for what no instance can set right, so that a person hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from cronfleet.engine.announcing import Announcing
from cronfleet.engine.backlog import Backlog
from cronfleet.engine.known import KnownJobs
from cronfleet.engine.seats import Free
from cronfleet.engine.session import SessionKeeper
from cronfleet.engine.times import rest
from cronfleet.errors import StoreError
from cronfleet.events import Alert, AlertKind, Looked
from cronfleet.model import Digest, Instant, JobName, Reason, RunId
from cronfleet.store import Seen, Store

log: logging.Logger = logging.getLogger(__name__)

BETWEEN_ROUNDS_S = 60.0
LEAST_S = 59.0
"""For so long something is unknown before anybody asks: nearly a round, for timers are not exact."""
_NOBODY = (
    "it is due, and no instance at work declares it as it is defined now, or has its handler: start "
    "one that does"
)


class Lookout:
    """Alerts once for each job, and once for an overload, until that is over.

    Every instance that notices does.
    """

    def __init__(
        self,
        store: Store,
        jobs: KnownJobs,
        session: SessionKeeper,
        announcing: Announcing,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._session = session
        self._announcing = announcing
        self.backlog: Backlog = Backlog(jobs)
        self._lost: list[RunId] = []
        self._unknown_since: dict[Digest, float] = {}
        self._told: set[Digest] = set()
        self._pages: Sequence[Seen] = ()
        self._wake = asyncio.Event()

    def saw(self, pages: Sequence[Seen], free: Free, now: Instant) -> None:
        """What the instance found when it looked last, at `now` by a clock that nobody sets."""
        self._pages = pages
        if self.backlog.saw(pages, free, now, only_utc=self._session.has_old_tzdata):
            self._tell(AlertKind.OVERLOADED, self.backlog.job, self.backlog.said)
        if self._announcing.is_heard:
            backlog = self.backlog
            self._announcing.announce(Looked(backlog.oldest_ms / 1000, bool(backlog.job)))

    def run_lost(self, run: RunId) -> None:
        """It was swept as lost: its job may be poisoned by it."""
        self._lost.append(run)
        self._wake.set()

    async def work(self) -> None:
        """Look out for ever."""
        while True:
            await rest(self._wake, BETWEEN_ROUNDS_S * 1_000)
            self._wake.clear()
            try:
                await self._look_for_poison()
                await self._look_for_unknown()
            except StoreError as error:
                log.info("could not look out, will try again: %s", error)

    async def _look_for_poison(self) -> None:
        while self._lost:
            run = self._lost[-1]
            job = await self._store.job(run.job)
            self._lost.pop()
            if job and job.paused_reason is Reason.POISONED and str(run) in job.paused_why:
                said = f"{job.paused_why}: the job is paused; mend its handler, then resume it"
                self._tell(AlertKind.POISONED, run.job, said)

    async def _look_for_unknown(self) -> None:
        """What is due and was unknown a round ago, too, and which nobody else knows either."""
        unknown = dict(self._unknown())
        now = asyncio.get_running_loop().time()
        self._unknown_since = {each: self._unknown_since.get(each, now) for each in unknown}
        owed = [d for d, since in self._unknown_since.items() if now - since >= LEAST_S]
        names = sorted({unknown[each] for each in owed})
        undeclared = await self._store.undeclared(names) if names else []
        nobodys = {job.name for job in undeclared}
        orphaned = [each for each in owed if unknown[each] in nobodys]
        for digest in set(orphaned) - self._told:
            self._tell(AlertKind.NO_INSTANCE, unknown[digest], _NOBODY)
        self._told = set(orphaned)

    def _unknown(self) -> Iterator[tuple[Digest, JobName]]:
        for page in self._pages:
            things = [(each.digest, each.job) for each in page.due]
            for digest, name in things + [(each.digest, each.run.job) for each in page.pending]:
                job = self._jobs.get(name)
                if job is None or job.digest != digest:
                    yield digest, name

    def _tell(self, kind: AlertKind, job: JobName, said: str) -> None:
        self._announcing.alert(Alert(kind, job, said))
