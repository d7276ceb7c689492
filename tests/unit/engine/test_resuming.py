"""A pause that has an end of its own: whoever notices it first resumes the job, once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from cronfleet.engine.resuming import AGAIN_MS, LEFT_TO_OTHERS_MS
from cronfleet.model import JobRecord, JobState, Reason
from cronfleet.store import Order
from tests.unit.engine.rig import EACH_MINUTE, Rig, job
from tests.unit.engine.scripted_store import first, lost_request

MINUTE_MS = 60_000


async def paused_for(rig: Rig, span_ms: int) -> int:
    """Pauses `report`; answers when that ends."""
    until = rig.clock.wall_ms() + span_ms
    await rig.store.pause("report", Order(f"pause {until}", "anna"), until)
    return until


async def the_job(rig: Rig) -> JobRecord:
    record = await rig.store.job("report")
    assert record is not None
    return record


async def test_at_its_end_the_job_goes_on_and_what_fell_into_it_is_a_gap(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        before = await the_job(rig)
        assert before.expected is not None
        until = before.expected.fire_time + 2 * MINUTE_MS
        await paused_for(rig, until - rig.clock.wall_ms())
        await asyncio.sleep(5 * 60)
    (gap,) = await rig.store.gaps("report")
    assert (gap.gap.reason, gap.gap.count) == (Reason.PAUSED, 2)
    ran = sorted(run.id.fire_time for run in await rig.runs())
    assert ran[0] == until, "what is due as the pause ends is no part of it"
    assert ran == [until + n * MINUTE_MS for n in range(len(ran))]
    assert (await rig.runs())[-1].claimed_at == until


async def test_the_audit_says_that_the_pause_has_come_to_its_end(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await paused_for(rig, 90_000)
        await asyncio.sleep(100)
        entry = (await rig.store.audit(1))[0]
    assert (entry.verb, entry.who, entry.why) == (
        "resume",
        "anna",
        "its pause has come to its end",
    )


async def test_five_instances_resume_it_once(rig: Rig) -> None:
    known = job(rig.handlers.quick)
    async with (
        rig.at_work(known),
        rig.at_work(known),
        rig.at_work(known),
        rig.at_work(known),
        rig.at_work(known),
    ):
        await paused_for(rig, 90_000)
        generation = (await the_job(rig)).generation
        before = rig.store.calls.copy()
        await asyncio.sleep(100)
        asked = rig.store.calls - before
        assert asked["resume"] == 1, "the others leave it to the one that goes first for it"
        assert (await the_job(rig)).generation == generation + 1
        assert [each.verb for each in await rig.store.audit()] == ["resume", "pause"]


async def test_what_became_due_since_its_end_is_late_and_no_part_of_the_pause(rig: Rig) -> None:
    """Nobody was at work when it ended."""
    known = job(rig.handlers.quick)
    session = await rig.declare(known)
    await rig.store.leave(session)
    expected = (await the_job(rig)).expected
    assert expected is not None
    until = expected.fire_time + MINUTE_MS
    await paused_for(rig, until - rig.clock.wall_ms())
    await asyncio.sleep(5 * 60)
    async with rig.at_work(known):
        await asyncio.sleep(10)
    late, paused = await rig.store.gaps("report")
    assert (paused.gap.first, paused.gap.last) == (expected.fire_time, expected.fire_time)
    assert paused.gap.reason is Reason.PAUSED
    assert (late.gap.first, late.gap.reason) == (until, Reason.MISFIRE)


async def test_one_that_is_given_another_end_meanwhile_stays_paused(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await paused_for(rig, 90_000)
        rig.store.next("resume", first(lambda: paused_for(rig, 3_600_000)))
        await asyncio.sleep(100)
        assert (await the_job(rig)).state is JobState.PAUSED


async def test_a_store_that_is_away_is_asked_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cronfleet")
    async with rig.at_work(job(rig.handlers.quick)):
        await paused_for(rig, 90_000)
        rig.store.next("resume", *[lost_request] * 2)
        await asyncio.sleep(90 + 3 * AGAIN_MS / 1000)
        assert (await the_job(rig)).state is JobState.SCHEDULED
    assert "stays paused past its end" in caplog.text


async def test_an_instance_with_older_tzdata_leaves_it_to_the_others(rig: Rig) -> None:
    known = job(rig.handlers.quick, schedule=EACH_MINUTE)
    async with rig.at_work(known, tzdata="2026a"), rig.at_work(known, tzdata="2020a") as old:
        await paused_for(rig, 90_000)
        await asyncio.sleep(120)
        assert old.trouble == ""
        assert (await the_job(rig)).state is JobState.SCHEDULED


async def test_when_the_one_that_goes_first_does_not_another_does(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        monkeypatch.setattr(instance._session.ranking, "rank", {"report": 1}.get)
        until = await paused_for(rig, 90_000)
        await rig.until(lambda: rig.store.calls["resume"] == 1)
        assert rig.clock.wall_ms() >= until + LEFT_TO_OTHERS_MS


async def test_jobs_that_cannot_be_read_hold_up_no_other(rig: Rig) -> None:
    """A newer version wrote them."""
    session = await rig.stranger()
    for n in range(60):
        known = job(rig.handlers.quick, f"a-{n:02}")
        declared = replace(known.declaration(rig.clock.wall_ms()), digest=f"{n:032}", json="{}")
        await rig.store.sync_jobs(session, "app", [declared])
        await rig.store.pause(f"a-{n:02}", Order(f"a{n}", "anna"), rig.clock.wall_ms() + 80_000)
    async with rig.at_work(job(rig.handlers.quick)):
        await paused_for(rig, 90_000)
        await asyncio.sleep(95)
        assert (await the_job(rig)).state is JobState.SCHEDULED
