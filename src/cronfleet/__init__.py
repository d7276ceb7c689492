"""Periodic jobs on a fleet of equal instances, every tick started at most once."""

from __future__ import annotations

from cronfleet.context import RunContext
from cronfleet.errors import (
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidJobError,
    InvalidLockError,
    InvalidScheduleError,
    LockLostError,
    LockTimeoutError,
    MissingExtraError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownJobError,
)
from cronfleet.info import (
    AuditInfo,
    GapInfo,
    Health,
    InstanceInfo,
    JobInfo,
    RunInfo,
    TriggeredRun,
)
from cronfleet.lock import Lock, LockHeld
from cronfleet.registry import History, Retry
from cronfleet.schedule import Schedule, at, cron, every
from cronfleet.scheduler import Scheduler

__all__ = [
    "AuditInfo",
    "ConfigurationError",
    "CronfleetError",
    "ForeignJobError",
    "GapInfo",
    "Health",
    "History",
    "InstanceInfo",
    "InvalidJobError",
    "InvalidLockError",
    "InvalidScheduleError",
    "JobInfo",
    "Lock",
    "LockHeld",
    "LockLostError",
    "LockTimeoutError",
    "MissingExtraError",
    "Retry",
    "RunContext",
    "RunInfo",
    "Schedule",
    "Scheduler",
    "StoreError",
    "StoreRefusedError",
    "StoreUnavailableError",
    "TriggeredRun",
    "UnknownJobError",
    "at",
    "cron",
    "every",
]
