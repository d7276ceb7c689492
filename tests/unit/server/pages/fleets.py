"""Fleets as the pages see them, made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cronfleet import GapInfo, Health, InstanceInfo, JobInfo, Latest, RunInfo
from cronfleet.schedule import Schedule, cron
from cronfleet.server.pages.fleet import Fleet

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
TTL = timedelta(seconds=10)
SECOND = timedelta(seconds=1)
HOURLY = cron("0 * * * *")


def job(name: str = "report", schedule: Schedule = HOURLY, **changes: Any) -> JobInfo:
    """A job that is well, and fires an hour from noon."""
    fire = next(schedule.after(NOON), None)
    well = JobInfo(
        name=name,
        program="shop",
        state="scheduled",
        schedule="0 * * * *",
        description=schedule.describe(),
        schedule_values=schedule.to_definition(),
        next_fire=fire,
        next_due=fire,
        jitter_s=0,
        watermark=NOON,
        active=0,
        paused_by="",
        paused_why="",
        paused_until=None,
        paused_reason=None,
        generation=1,
        handler="",
        undeclared_since=None,
    )
    return replace(well, **changes)


def run(name: str = "report", **changes: Any) -> RunInfo:
    """A tick of noon that took two seconds, claimed 10 ms and started 30 ms after it was due."""
    ended = RunInfo(
        id=f"{name}@{NOON.timestamp() * 1000:.0f}",
        job=name,
        kind="tick",
        state="succeeded",
        fire_time=NOON,
        attempt=1,
        losses=0,
        instance="host:1",
        created_at=NOON,
        not_before=NOON,
        claimed_at=NOON + timedelta(milliseconds=10),
        started_at=NOON + timedelta(milliseconds=30),
        ended_at=NOON + timedelta(milliseconds=2030),
        outcome="succeeded",
        late_outcome=None,
        error="",
        reason=None,
        cancel_asked_at=None,
        shard=None,
        shards=1,
        tally=None,
    )
    return replace(ended, **changes)


def failed(name: str = "report", **changes: Any) -> RunInfo:
    return replace(run(name), state="failed", outcome="failed", error="no paper", **changes)


def gap(reason: str = "misfire", count: int = 1, last: datetime = NOON) -> GapInfo:
    return GapInfo("report", last, last, count, reason, last)


def instance(label: str = "host:1", silence: timedelta = SECOND, **changes: Any) -> InstanceInfo:
    """An instance that was heard of a while ago."""
    well = InstanceInfo(
        id=label,
        label=label,
        program="shop",
        joined_at=NOON - timedelta(days=1),
        expires_at=NOON - silence + TTL,
        held=0,
        tzdata="2026a",
    )
    return replace(well, **changes)


WELL = Health(
    store="memory:", store_id="id", epoch=1, ready=True, detail="", promise=None, backlog=""
)


def fleet(
    *jobs: JobInfo,
    latest: Mapping[str, Latest] | None = None,
    instances: Sequence[InstanceInfo] = (),
    health: Health = WELL,
    paused_at: Mapping[str, datetime] | None = None,
    trouble: str = "",
) -> Fleet:
    """A fleet at noon, of one instance unless told otherwise."""
    return Fleet(
        now=NOON,
        health=health,
        session_ttl=TTL,
        jobs=jobs or (job(),),
        instances=instances or (instance(),),
        latest=latest or {},
        paused_at=paused_at or {},
        trouble=trouble,
    )
