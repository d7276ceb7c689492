from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cronfleet import at, cron, every
from cronfleet.definition import encode
from cronfleet.info import (
    UNREADABLE,
    AuditInfo,
    GapInfo,
    InstanceInfo,
    JobInfo,
    RunInfo,
    moment,
)
from cronfleet.model import (
    AuditRecord,
    Fire,
    Gap,
    GapRecord,
    InstanceRecord,
    JobDefinition,
    JobRecord,
    Kind,
    OnLost,
    Outcome,
    Reason,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.schedule import Schedule

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)
JOB = JobRecord(
    name="report",
    program="app",
    digest="d",
    schedule_digest="s",
    limit=1,
    on_lost=OnLost.ABANDON,
    generation=1,
    expected=Fire(NOON_MS, NOON_MS + 500),
    watermark=-1,
    active=2,
)
RUN = RunRecord(
    id=RunId("report", NOON_MS),
    kind=Kind.TICK,
    state=RunState.PENDING,
    attempt=1,
    token=7,
    on_lost=OnLost.ABANDON,
    losses=0,
    created_at=NOON_MS,
    not_before=NOON_MS,
)


def definition(schedule: Schedule) -> str:
    return encode(JobDefinition("report", schedule.to_definition()))


HOURLY = definition(cron("0 * * * *"))


def test_a_job_says_when_it_fires_next_not_when_its_jitter_lets_it() -> None:
    info = JobInfo.of(JOB, HOURLY)
    assert (info.name, info.program, info.state, info.active) == ("report", "app", "scheduled", 2)
    assert info.next_fire == NOON
    assert info.next_due == NOON + timedelta(milliseconds=500)


def test_a_job_tells_its_jitter() -> None:
    jittery = encode(
        JobDefinition("report", every(timedelta(hours=1)).to_definition(), jitter_ms=1500)
    )
    assert JobInfo.of(JOB, jittery).jitter_s == 1.5
    assert JobInfo.of(JOB, HOURLY).jitter_s == JobInfo.of(JOB, None).jitter_s == 0


def test_a_job_that_never_fired_has_no_watermark() -> None:
    assert JobInfo.of(JOB, HOURLY).watermark is None
    assert JobInfo.of(replace(JOB, watermark=NOON_MS), HOURLY).watermark == NOON


def test_a_paused_job_has_no_next_fire_and_says_who_paused_it() -> None:
    info = JobInfo.of(replace(JOB, paused=True, paused_by="anna", paused_why="holiday"), HOURLY)
    assert (info.state, info.next_fire) == ("paused", None)
    assert (info.paused_by, info.paused_why) == ("anna", "holiday")


def test_a_job_whose_schedule_has_ended_has_no_next_fire() -> None:
    info = JobInfo.of(replace(JOB, expected=None), definition(at(NOON)))
    assert (info.state, info.next_fire) == ("finished", None)


@pytest.mark.parametrize(
    ("schedule", "written", "described"),
    [
        (cron("0 * * * *"), "0 * * * *", "hour"),
        (cron("0 9 * * *", tz="Europe/Berlin"), "0 9 * * * (Europe/Berlin)", "Europe/Berlin"),
        (every(timedelta(minutes=90)), "every 1:30:00", "every 1 hour 30 minutes"),
        (at(NOON), "at 2026-03-29T12:00:00+00:00", "once"),
        (cron("H 9 * * *").for_job("report"), "H 9 * * *", "at 09:16 every day"),
    ],
)
def test_a_schedule_is_told_as_people_write_it_and_in_words(
    schedule: Schedule, written: str, described: str
) -> None:
    info = JobInfo.of(JOB, definition(schedule))
    assert info.schedule == written
    assert described in info.description


@pytest.mark.parametrize(
    "unreadable",
    [
        None,
        "",
        HOURLY.replace('"cron"', '"lunar"'),
        HOURLY.replace('"UTC"', '"Mars/Olympus"'),
        HOURLY.replace("0 * * * *", "0 * * * lunch"),
    ],
)
def test_a_job_that_this_version_cannot_read_is_told_all_the_same(unreadable: str | None) -> None:
    info = JobInfo.of(JOB, unreadable)
    assert (info.name, info.schedule, info.description) == ("report", "", UNREADABLE)
    assert info.next_fire == NOON


def test_a_newer_versions_policies_do_not_hide_a_schedule() -> None:
    newer = HOURLY.replace('"skip"', '"wait_all"')
    assert JobInfo.of(JOB, newer).schedule == "0 * * * *"


def test_a_run_that_waits_for_an_instance_has_neither_begun_nor_ended() -> None:
    info = RunInfo.of(RUN)
    assert (info.id, info.job, info.kind, info.state) == (
        f"report@{NOON_MS}",
        "report",
        "tick",
        "pending",
    )
    assert (info.fire_time, info.created_at, info.not_before) == (NOON, NOON, NOON)
    assert (info.started_at, info.ended_at, info.outcome, info.late_outcome) == (None,) * 4


def test_a_lost_run_tells_its_late_outcome_too() -> None:
    lost = replace(
        RUN,
        state=RunState.LOST,
        outcome=Outcome.LOST,
        late_outcome=Outcome.SUCCEEDED,
        started_at=NOON_MS,
        ended_at=NOON_MS + 1_000,
        instance="host:7",
    )
    info = RunInfo.of(lost)
    assert (info.state, info.outcome, info.late_outcome) == ("lost", "lost", "succeeded")
    assert (info.started_at, info.ended_at) == (NOON, NOON + timedelta(seconds=1))
    assert info.instance == "host:7"


def test_gaps_instances_and_audit_are_told_in_datetimes() -> None:
    gap = GapRecord("report", Gap(NOON_MS, NOON_MS + 1_000, 2, Reason.MISFIRE), 1, NOON_MS)
    session = SessionId("f" * 32)
    instance = InstanceRecord(session, "host:7", "app", NOON_MS, NOON_MS + 10_000, 3, "2026f")
    audit = AuditRecord(NOON_MS, "pause", "report", "anna", "holiday")
    second = NOON + timedelta(seconds=1)
    assert GapInfo.of(gap) == GapInfo("report", NOON, second, 2, "misfire", NOON)
    told = InstanceInfo(session, "host:7", "app", NOON, NOON + timedelta(seconds=10), 3, "2026f")
    assert InstanceInfo.of(instance, NOON_MS + 9_999) == told
    assert AuditInfo.of(audit) == AuditInfo(NOON, "pause", "report", "anna", "holiday")


def test_an_instance_whose_lease_is_over_is_silent_since_then() -> None:
    session = SessionId("f" * 32)
    instance = InstanceRecord(session, "host:7", "app", NOON_MS, NOON_MS + 10_000, 3, "2026f")
    told = InstanceInfo.of(instance, NOON_MS + 10_000)
    assert told.silent_since == told.expires_at == NOON + timedelta(seconds=10)


def test_moments_are_aware_and_in_utc() -> None:
    assert moment(NOON_MS + 1) == NOON + timedelta(milliseconds=1)
    assert moment(0).tzinfo is UTC
