"""What became of a tick, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cronfleet.info import AuditInfo, GapInfo, RunInfo


class TickVerdict(StrEnum):
    """What became of a tick."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    """It was started, and its instance was gone before it had ended."""
    RUNNING = "running"
    WAITING = "waiting"
    """It has a run, which waits for its turn, its next attempt or an instance."""
    TO_COME = "to_come"
    OVERDUE = "overdue"
    """It is due, instances are at work, and none has claimed it so far."""
    OVERLAP = "overlap"
    MISFIRE = "misfire"
    """It came too late, or a newer tick stood for it, while the fleet was at work."""
    PAUSED = "paused"
    POISONED = "poisoned"
    BY_HAND = "by_hand"
    REMOVED = "removed"
    NO_INSTANCE = "no_instance"
    """Instances were at work, and none of them knew the job."""
    FLEET_DOWN = "fleet_down"
    """Nothing shows that any instance was at work."""
    STORE_DOWN = "store_down"
    """An instance was there all the time and could start nothing: the store gave no answer."""
    CLOCK_CHANGE = "clock_change"
    """Clocks did not show that time, or showed it twice; another tick stands for it, or none."""
    NO_FIRE_TIME = "no_fire_time"
    NOT_IN_FORCE = "not_in_force"
    """The job was added later, or had another schedule then."""
    PRUNED = "pruned"
    """It was settled, and what became of it is kept no more."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of one tick, and why. What it rests on is in the fields below the sentence."""

    job: str
    verdict: TickVerdict
    is_well: bool
    """It ran well, is about to, or is still to come."""
    sentence: str
    """What happened, with the job, and the time in the schedule's zone and in UTC."""
    advice: str
    """What to do; empty if nothing is."""
    asked: datetime
    """The time that was asked about, in UTC."""
    fire_time: datetime | None
    """The fire time that this is about; None if there is none."""
    before: datetime | None
    """The last fire time before `asked`, by the schedule in force."""
    after: datetime | None
    """The first fire time after `asked`, by the schedule in force."""
    clock_change: str
    """What a clock change did to it; empty if nothing."""
    run: RunInfo | None
    """The tick's run."""
    gap: GapInfo | None
    """The row of skipped ticks in which it lies."""
    in_the_way: Sequence[RunInfo]
    """The runs for which it could not run."""
    by_hand: Sequence[RunInfo]
    """Its back-fills, the newest first."""
    orders: Sequence[AuditInfo]
    """What operators did that decided it, the oldest first."""
    last_seen: RunInfo | None
    """The last run that shows that the fleet was at work before."""
