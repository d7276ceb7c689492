"""Fleets as an alert would see them, made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cronfleet import GapInfo, InstanceInfo, JobInfo, RunInfo
from cronfleet.apps.alerting.conditions import Snapshot

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

JOB = JobInfo(
    name="report",
    program="office",
    state="scheduled",
    schedule="0 * * * *",
    description="every hour",
    next_fire=NOW + HOUR,
    next_due=NOW + HOUR,
    jitter_s=0,
    watermark=NOW,
    active=0,
    paused_by="",
    paused_why="",
    paused_reason=None,
    generation=1,
    handler="",
    undeclared_since=None,
)


def job(**fields: Any) -> JobInfo:
    return replace(JOB, **fields)


def run(state: str = "succeeded", ago: timedelta = HOUR, **fields: Any) -> RunInfo:
    """A run that was started so long ago, and ended after a minute if it has ended."""
    at = NOW - ago
    made = RunInfo(
        id=f"report@{int(at.timestamp() * 1000)}",
        job="report",
        kind="tick",
        state=state,
        fire_time=at,
        attempt=1,
        instance="anna:1",
        created_at=at,
        not_before=at,
        started_at=at,
        ended_at=None if state == "started" else at + MINUTE,
        outcome=state,
        late_outcome=None,
        error="",
        reason=None,
        cancel_asked_at=None,
        shard=None,
        shards=1,
        tally=None,
    )
    return replace(made, **fields)


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
