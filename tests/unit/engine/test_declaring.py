from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from cronfleet import at
from cronfleet.engine.declaring import declare
from cronfleet.engine.known import KnownJob
from cronfleet.errors import ForeignJobError
from cronfleet.model import Fire, SessionId
from cronfleet.store import Order
from cronfleet.verbs import skip_next
from tests.unit.engine.rig import EACH_SECOND, Rig, job

NOON_2020 = datetime(2020, 3, 29, 12, tzinfo=UTC)


async def declared(rig: Rig, *jobs: KnownJob, program: str = "app") -> SessionId:
    session = await rig.stranger()
    now = rig.clock.wall_ms()
    await declare(rig.store, session, program, {each.definition.name: each for each in jobs}, now)
    return session


async def test_a_job_never_seen_begins_after_now(rig: Rig) -> None:
    await declared(rig, job(rig.handlers.quick))
    record = await rig.store.job("report")
    assert record is not None
    minute = rig.clock.wall_ms() + 60_000
    assert record.expected == Fire(minute, minute)


async def test_a_new_schedule_begins_after_the_watermark_when_that_is_later(rig: Rig) -> None:
    """Skipped by hand, the job's time is ahead of the clock."""
    await declared(rig, job(rig.handlers.quick))
    await skip_next(rig.store, "report", Order("key", "anna"))
    settled = await rig.store.job("report")
    await declared(rig, job(rig.handlers.quick, schedule=EACH_SECOND))
    moved = await rig.store.job("report")
    assert settled is not None
    assert moved is not None
    assert moved.expected is not None
    assert moved.expected.fire_time == settled.watermark + 1_000
    assert rig.store.calls["sync_jobs"] == 3


async def test_a_job_of_another_program_is_refused_by_name(rig: Rig) -> None:
    await declared(rig, job(rig.handlers.quick), program="theirs")
    with pytest.raises(ForeignJobError, match="'report' belongs to program 'theirs'"):
        await declared(rig, job(rig.handlers.quick), program="ours")


async def test_a_moment_that_has_passed_is_finished_with_a_warning(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await declared(rig, job(rig.handlers.quick, schedule=at(NOON_2020)))
    record = await rig.store.job("report")
    assert record is not None
    assert record.state == "finished"
    assert "has no fire time after now; it is finished" in caplog.text


async def test_a_superseded_definition_is_said_to_be_left_to_others(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    old = job(rig.handlers.quick)
    await declared(rig, old)
    await declared(rig, job(rig.handlers.quick, max_active=2))
    await declared(rig, old)
    assert "the one that is declared here waits" in caplog.text


async def test_declaring_the_same_again_is_silent_and_changes_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await declared(rig, job(rig.handlers.quick))
    before = await rig.store.job("report")
    caplog.clear()
    await declared(rig, job(rig.handlers.quick))
    assert await rig.store.job("report") == before
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


async def test_an_instance_without_jobs_declares_none(rig: Rig) -> None:
    await declared(rig)
    assert await rig.store.jobs() == []
