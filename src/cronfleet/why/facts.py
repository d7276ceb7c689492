"""What is on record about one tick, as it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cronfleet.model import (
    AuditRecord,
    GapRecord,
    InstanceRecord,
    Instant,
    JobRecord,
    Kind,
    RunRecord,
    RunState,
)
from cronfleet.policy import Plan, count_fires
from cronfleet.store import MOST_GAPS
from cronfleet.why.asking import Asked


@dataclass(frozen=True, slots=True)
class Facts:
    """All that there is to judge by."""

    job: JobRecord
    plan: Plan
    now: Instant
    asked: Asked
    fire_time: Instant | None
    """The fire time that it is about; also one of an earlier schedule, if it is on record."""
    run: RunRecord | None = None
    """The tick's run."""
    gap: GapRecord | None = None
    """The gap in which the tick lies."""
    runs: Sequence[RunRecord] = ()
    """The job's runs, the newest first, without shards."""
    all_runs: bool = True
    """Whether these are all that are on record."""
    gaps: Sequence[GapRecord] = ()
    """The job's gaps, the newest first."""
    orders: Sequence[AuditRecord] = ()
    """What operators did to the job, or to all of them, the oldest first."""
    instances: Sequence[InstanceRecord] = ()
    """Those at work now."""
    silent: Sequence[InstanceRecord] = ()
    """Those whose lease is over, and that nobody has closed yet."""
    others: Sequence[RunRecord] = ()
    """Runs of other jobs, where it matters whether the fleet was at work."""

    @property
    def due(self) -> Instant:
        """When the tick was due. Only where there is a fire time."""
        return self.plan.fire(self.fire_time or 0).due

    @property
    def gone(self) -> InstanceRecord | None:
        """The silent instance that holds the tick's run."""
        if self.run is None or self.run.state is not RunState.STARTED:
            return None
        session = self.run.session
        return next((each for each in self.silent if each.session == session), None)

    @property
    def is_doubtful(self) -> bool:
        """Whether the gap was made by another schedule, which may have had no such tick within it."""
        gap = self.gap and self.gap.gap
        if not gap or self.fire_time in (gap.first, gap.last):
            return False
        return count_fires(self.plan.schedule, gap.first, gap.last) != gap.count

    @property
    def by_hand(self) -> Sequence[RunRecord]:
        """The tick's back-fills, the newest first."""
        return [
            run
            for run in self.runs
            if run.kind is Kind.BACKFILL and run.id.fire_time == self.fire_time
        ]

    @property
    def keeps_all(self) -> bool:
        """Whether nothing that became of the tick can have been pruned."""
        history, ended = self.plan.definition.history, [run.outcome for run in self.runs]
        successes = ended.count(None) + sum(each == "succeeded" for each in ended)
        return (
            self.all_runs
            and successes < history.successes
            and len(ended) - successes < history.failures
            and self.now - (self.fire_time or 0) < history.age_ms
            and len(self.gaps) < MOST_GAPS
        )
