"""Periodic jobs on a fleet of equal instances, every tick started at most once."""

from __future__ import annotations

from cronfleet.context import RunContext
from cronfleet.errors import (
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidJobError,
    InvalidScheduleError,
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
    "InvalidScheduleError",
    "JobInfo",
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
