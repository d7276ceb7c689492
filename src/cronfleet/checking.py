"""A look at all that a store has on record, job by job, and its repair."""

from __future__ import annotations

from collections.abc import Callable

from cronfleet.adopting import all_jobs
from cronfleet.clock import Clock
from cronfleet.errors import StoreError
from cronfleet.model import SUCCEEDED, Instant, JobDefinition, JobName, JobRecord
from cronfleet.planning import plan_of
from cronfleet.store import (
    BY_HAND,
    CLOCK_STEP_BACK_MS,
    Fault,
    FaultKind,
    Moved,
    Order,
    Store,
)

_PAGE = 200


class Check:
    """Goes through a store once; with an order, mends what it finds."""

    def __init__(self, store: Store, clock: Clock, repair: Order | None) -> None:
        self._store = store
        self._clock = clock
        self._repair = repair
        self._now = 0
        self._behind_ms = 0
        self._told_of_clock = False

    async def faults(self, told: Callable[[int], None] | None = None) -> list[Fault]:
        """All that is found; `told` hears how many jobs were looked at. Raises StoreError."""
        self._now = (await self._store.open()).now
        self._behind_ms = self._clock.wall_ms() - self._now
        found: list[Fault] = []
        jobs = 0
        async for job in all_jobs(self._store):
            found += await self._check_job(job)
            jobs += 1
            if told is not None:
                told(jobs)
        return found + await self._check_fleet()

    async def _check_fleet(self) -> list[Fault]:
        found = await self._store.check_fleet(self._repair)
        if self._told_of_clock:
            detail = f"{self._behind_ms / 1000:.1f} s"
            found.append(Fault(FaultKind.CLOCK, "fleet", detail=detail))
        return found

    async def _check_job(self, job: JobRecord) -> list[Fault]:
        faults = await self._store.check(job.name, await self._moved(job), self._repair)
        if self._repair is None or not _needs_another_look(faults):
            return faults
        # Some can be mended only when others are.
        after = await self._store.check(job.name, await self._moved(job), self._repair)
        return [*(fault for fault in faults if fault.mended), *after]

    async def _moved(self, job: JobRecord) -> Moved | None:
        """Where the job's ticks would go on, if they must be moved."""
        is_ahead = job.watermark > self._now + CLOCK_STEP_BACK_MS
        expected = job.expected.fire_time if job.expected else None
        if not (is_ahead or (expected is not None and expected <= job.watermark)):
            return None
        if is_ahead and self._is_clock_behind():
            return None
        now = (await self._store.open()).now
        try:
            plan = await plan_of(self._store, job)
        except StoreError:
            return None  # Its definition is missing, or of a newer version.
        if is_ahead and not await self._has_all_since(now, plan.definition):
            return None
        following = plan.first_after(now if is_ahead else max(now, job.watermark))
        return Moved(job.generation, expected, following, None)

    async def _has_all_since(self, now: Instant, definition: JobDefinition) -> bool:
        """Whether every tick that ran while the clock was ahead still has its record.

        What ended first is deleted first, successes and failures apart: one kept from before, or
        fewer than are kept at all, shows that none of those was deleted.
        """
        kept = definition.history
        for succeeded, most in ((True, kept.successes), (False, kept.failures)):
            ended = await self._ends(definition.name, succeeded=succeeded)
            if len(ended) >= most and all(end > now for end in ended):
                return False
        return True

    async def _ends(self, name: JobName, *, succeeded: bool) -> list[Instant]:
        ends: list[Instant] = []
        skip = 0
        while page := await self._store.runs(name, _PAGE, skip):
            ends += [
                run.ended_at
                for run in page
                if run.ended_at is not None and (run.state in SUCCEEDED) == succeeded
            ]
            skip += len(page)
        return ends

    def _is_clock_behind(self) -> bool:
        """Then it is not the watermark that is wrong, and to move it would run ticks again."""
        is_behind = self._behind_ms > CLOCK_STEP_BACK_MS
        self._told_of_clock = self._told_of_clock or is_behind
        return is_behind


def _needs_another_look(faults: list[Fault]) -> bool:
    open_ones = [fault for fault in faults if not fault.mended and fault.kind not in BY_HAND]
    return bool(open_ones) and any(fault.mended for fault in faults)
