"""A store in memory that forgets nothing: what its history lets go is kept beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cronfleet.clock import Clock
from cronfleet.model import GapRecord, History, Instant, JobName, RunId, RunRecord, SessionId
from cronfleet.promise import Promise
from cronfleet.store import ClaimAnswer, ClaimItem, Moved, Order, Ordered, Skipped, TickClaim
from cronfleet.stores.memory import MemoryStore

ALL = 1_000_000_000


class KeepingStore(MemoryStore):
    """The contract as it is, and all runs and gaps that there ever were."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._pruned: defaultdict[JobName, dict[RunId, RunRecord]] = defaultdict(dict)
        self._all_gaps: defaultdict[JobName, dict[Instant, GapRecord]] = defaultdict(dict)

    async def promise(self) -> Promise:
        return replace(await super().promise(), downgrades=())  # Nobody is to be warned of it.

    def all_runs(self, job: JobName) -> list[RunRecord]:
        """The oldest made first."""
        kept = self._runs(job)
        # Failures are kept for longer than successes that are newer.
        return sorted(
            [*self._pruned[job].values(), *kept], key=lambda run: (run.created_at, run.id)
        )

    def all_gaps(self, job: JobName) -> list[GapRecord]:
        """The oldest first."""
        return sorted(self._all_gaps[job].values(), key=lambda each: each.gap.first)

    # --- what may let go of something

    async def prune(self, kept: Mapping[JobName, History], limit: int = 200) -> int:
        before = {job: self._runs(job) for job in kept}
        pruned = await super().prune(kept, limit)
        for job, runs in before.items():
            left = {run.id for run in self._runs(job)}
            self._pruned[job] |= {run.id: run for run in runs if run.id not in left}
        return pruned

    def _runs(self, job: JobName) -> Sequence[RunRecord]:
        return self.step(lambda records: records.runs(job, ALL, 0))

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        answers = await super().claim(session, items)
        jobs = {
            item.job
            for item, answer in zip(items, answers, strict=True)
            if isinstance(item, TickClaim) and (item.gap or isinstance(answer, Skipped))
        }
        for job in jobs:
            self._keep_gaps(job, 2 * len(items))  # Late ticks, and then one that overlaps.
        return answers

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        answer = await super().resume(job, moved, order)
        self._keep_gaps(job, 1)
        return answer

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        answer = await super().skip_next(job, moved, order)
        self._keep_gaps(job, 1)
        return answer

    def _keep_gaps(self, job: JobName, made: int) -> None:
        """A gap that grows is put in place of what it was."""
        newest = self.step(lambda records: records.gaps(job, made, 0))
        self._all_gaps[job] |= {each.gap.first: each for each in newest}
