"""Periodic jobs on a fleet of equal instances, every tick started at most once."""

from __future__ import annotations

from cronfleet.context import RunContext
from cronfleet.definer import Added
from cronfleet.doctor import Condition, Finding
from cronfleet.errors import (
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidBackfillError,
    InvalidJobError,
    InvalidLockError,
    InvalidPauseError,
    InvalidScheduleError,
    JobChangedError,
    LockLostError,
    LockTimeoutError,
    MissingExtraError,
    ProcessEndedError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownJobError,
    UnknownRunError,
)
from cronfleet.events import Alert, AlertKind
from cronfleet.info import (
    Adoption,
    AuditInfo,
    BackfillInfo,
    FaultInfo,
    GapInfo,
    Health,
    InstanceInfo,
    JobInfo,
    JobMark,
    Latest,
    RunInfo,
    TriggeredRun,
)
from cronfleet.lock import Lock, LockHeld
from cronfleet.promise import Downgrade, Failure, Held, Promise, Verdict
from cronfleet.registry import History, Retry
from cronfleet.run_log import RunLog, RunLogLine
from cronfleet.schedule import ClockMark, Schedule, Upcoming, at, cron, every
from cronfleet.scheduler import Scheduler
from cronfleet.why.explanation import Explanation, TickVerdict

__all__ = [
    "Added",
    "Adoption",
    "Alert",
    "AlertKind",
    "AuditInfo",
    "BackfillInfo",
    "ClockMark",
    "Condition",
    "ConfigurationError",
    "CronfleetError",
    "Downgrade",
    "Explanation",
    "Failure",
    "FaultInfo",
    "Finding",
    "ForeignJobError",
    "GapInfo",
    "Health",
    "Held",
    "History",
    "InstanceInfo",
    "InvalidBackfillError",
    "InvalidJobError",
    "InvalidLockError",
    "InvalidPauseError",
    "InvalidScheduleError",
    "JobChangedError",
    "JobInfo",
    "JobMark",
    "Latest",
    "Lock",
    "LockHeld",
    "LockLostError",
    "LockTimeoutError",
    "MissingExtraError",
    "ProcessEndedError",
    "Promise",
    "Retry",
    "RunContext",
    "RunInfo",
    "RunLog",
    "RunLogLine",
    "Schedule",
    "Scheduler",
    "StoreError",
    "StoreRefusedError",
    "StoreUnavailableError",
    "TickVerdict",
    "TriggeredRun",
    "UnknownJobError",
    "UnknownRunError",
    "Upcoming",
    "Verdict",
    "at",
    "cron",
    "every",
]
