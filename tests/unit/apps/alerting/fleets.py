"""Fleets as an alert would see them, made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cronfleet import GapInfo, InstanceInfo, JobInfo, RunInfo
from cronfleet.apps.alerting.conditions import Snapshot
from cronfleet.model import Fire, JobRecord, Kind, OnLost, RunId, RunRecord, RunState

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

_NOW_MS = int(NOW.timestamp() * 1000)
_LATER = Fire(_NOW_MS + 3_600_000, _NOW_MS + 3_600_000)
_MADE = JobRecord("report", "office", "d", "s", 1, OnLost.ABANDON, 1, _LATER, _NOW_MS, 0)
JOB = JobInfo.of(_MADE, None)


def job(**fields: Any) -> JobInfo:
    return replace(JOB, **fields)


def run(state: str = "succeeded", ago: timedelta = HOUR, **fields: Any) -> RunInfo:
    """A run that was started so long ago, and ended after a minute if it has ended."""
    at_ms = int((NOW - ago).timestamp() * 1000)
    made = RunRecord(
        id=RunId("report", at_ms),
        kind=Kind.TICK,
        state=RunState(state),
        attempt=1,
        token=1,
        on_lost=OnLost.ABANDON,
        losses=0,
        created_at=at_ms,
        not_before=at_ms,
        instance="anna:1",
        started_at=at_ms,
        ended_at=None if state == "started" else at_ms + 60_000,
    )
    return replace(RunInfo.of(made), **fields)


def gap(reason: str = "misfire", ago: timedelta = MINUTE, count: int = 1) -> GapInfo:
    """A gap that was found so long ago."""
    last = NOW - ago - MINUTE
    return GapInfo("report", last - (count - 1) * HOUR, last, count, reason, NOW - ago)


def instance(left: timedelta = MINUTE, label: str = "carl:7") -> InstanceInfo:
    """An instance whose session lasts so long from now on."""
    return InstanceInfo("s", label, "office", NOW - HOUR, NOW + left, 0, "2027a")


def fleet(*runs: RunInfo, gaps: tuple[GapInfo, ...] = (), **known: Any) -> Snapshot:
    """A fleet of one job, which has these runs and gaps."""
    usual = Snapshot(NOW, jobs=[JOB], runs={"report": runs}, gaps={"report": gaps})
    return replace(usual, **known)
