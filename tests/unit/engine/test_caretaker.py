from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet import cron, every
from cronfleet.engine.caretaker import BETWEEN_ROUNDS_MS
from cronfleet.engine.known import KnownJob
from cronfleet.engine.times import Times
from cronfleet.model import JobRecord, Reason, SessionId
from cronfleet.store import Order
from tests.unit.engine.rig import EACH_MINUTE, EACH_SECOND, Rig, job
from tests.unit.engine.scripted_store import lost_request

ROUND_S = BETWEEN_ROUNDS_MS / 1000
A_DAY_S = 86_400
YEARLY = every(timedelta(days=365))


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """Days pass here, so it does not look every second."""
    rig.times = Times(ttl_ms=600_000, poll_ms=60_000)
    return rig


def lasting(rig: Rig) -> KnownJob:
    """Of the instance that is at work all the time."""
    return job(rig.handlers.quick, "lasting", YEARLY)


async def abandoned(rig: Rig, known: KnownJob, program: str = "app") -> JobRecord:
    """A job whose only instance has left."""
    session = await rig.stranger(program=program)
    declaration = known.declaration(rig.clock.wall_ms())
    await rig.store.sync_jobs(session, program, [declaration])
    await rig.store.leave(session)
    return await the_job(rig)


async def the_job(rig: Rig, name: str = "report") -> JobRecord:
    record = await rig.store.job(name)
    assert record is not None
    return record


async def test_a_pause_that_ended_while_nobody_was_there_ends_on_record(rig: Rig) -> None:
    """What came after it had no instance."""
    grace = timedelta(seconds=30)
    record = await abandoned(rig, job(rig.handlers.quick, misfire_grace=grace))
    assert record.expected is not None
    until = record.expected.fire_time + 60_000
    await rig.store.pause("report", Order("key", "anna"), until)
    async with rig.at_work(lasting(rig), program="other"):
        await asyncio.sleep(30 * 60)
    *_, first = await rig.store.gaps("report")
    newest = (await rig.store.gaps("report"))[0]
    assert (first.gap.reason, first.gap.count) == (Reason.PAUSED, 1)
    assert (newest.gap.reason, newest.gap.count > 5) == (Reason.NO_INSTANCE, True)


async def test_a_job_that_cannot_be_read_keeps_no_other_from_being_looked_after(rig: Rig) -> None:
    """Its pause has ended, and only a newer version can tell what that swallowed."""
    known = job(rig.handlers.quick, "a", misfire_grace=timedelta(seconds=30))
    declared = replace(known.declaration(rig.clock.wall_ms()), digest=f"{1:032}", json="{}")
    session = await rig.stranger()
    await rig.store.sync_jobs(session, "app", [declared])
    await rig.store.leave(session)
    await rig.store.pause("a", Order("key", "anna"), rig.clock.wall_ms() + 1_000)
    await abandoned(rig, job(rig.handlers.quick, misfire_grace=timedelta(seconds=30)))
    async with rig.at_work(lasting(rig), program="other"):
        await asyncio.sleep(10 * ROUND_S)
    assert (await rig.store.gaps("report"))[0].gap.reason is Reason.NO_INSTANCE
    assert (await the_job(rig, "a")).paused


async def test_what_is_too_late_to_be_run_is_a_gap_that_says_that_there_was_no_instance(
    rig: Rig,
) -> None:
    grace = timedelta(seconds=30)
    await abandoned(rig, job(rig.handlers.quick, schedule=EACH_SECOND, misfire_grace=grace))
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(3 * ROUND_S + 1)
    (gap,) = await rig.store.gaps("report")
    assert gap.gap.reason is Reason.NO_INSTANCE
    assert 100 < gap.gap.count <= 150


async def test_what_an_instance_could_still_run_is_left_for_it(rig: Rig) -> None:
    await abandoned(rig, job(rig.handlers.quick))
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(5 * ROUND_S)
        assert await rig.store.gaps("report") == []
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.until(lambda: len(rig.handlers.entered) == 1, within_s=61)
    assert {gap.gap.reason for gap in await rig.store.gaps("report")} == {Reason.MISFIRE}


async def test_jobs_of_another_program_are_looked_after_too(rig: Rig) -> None:
    await abandoned(rig, job(rig.handlers.quick, misfire="skip"), program="theirs")
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(4 * ROUND_S)
    assert len(await rig.store.gaps("report")) == 1


async def test_after_a_day_the_job_is_a_tombstone_with_its_watermark(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    before = await abandoned(rig, job(rig.handlers.quick))
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(A_DAY_S - 60)
        assert not (await the_job(rig)).removed
        await asyncio.sleep(3 * ROUND_S)
    after = await the_job(rig)
    assert after.removed
    assert after.generation == before.generation + 1
    assert after.watermark > rig.clock.wall_ms() - 5 * BETWEEN_ROUNDS_MS
    assert [each.verb for each in await rig.store.audit()] == ["remove"]
    assert "job report is removed: no open instance has declared it for a day" in caplog.text


async def test_a_job_that_somebody_declares_again_is_not_removed(rig: Rig) -> None:
    await abandoned(rig, job(rig.handlers.quick, schedule=YEARLY))
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(A_DAY_S / 2)
        async with rig.at_work(job(rig.handlers.quick, schedule=YEARLY)):
            await asyncio.sleep(2 * ROUND_S)
        await asyncio.sleep(A_DAY_S / 2 + 2 * ROUND_S)
        assert not (await the_job(rig)).removed


async def test_an_instance_asks_nothing_about_what_it_declares_itself(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick), lasting(rig)):
        await asyncio.sleep(5 * ROUND_S)
        assert rig.store.calls["undeclared"] == 0


async def test_of_many_instances_one_looks_around(rig: Rig) -> None:
    rig.times = Times()  # They have met before the first of them looks.
    await abandoned(rig, job(rig.handlers.quick, schedule=YEARLY))
    async with rig.at_work(lasting(rig)), rig.at_work(lasting(rig)), rig.at_work(lasting(rig)):
        await asyncio.sleep(4.5 * ROUND_S)
        assert rig.store.calls["undeclared"] == 4


async def test_a_store_that_is_away_is_asked_again(rig: Rig) -> None:
    await abandoned(rig, job(rig.handlers.quick, schedule=YEARLY))
    rig.store.next("undeclared", lost_request)
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(2.5 * ROUND_S)
        assert (await the_job(rig)).undeclared_since is not None


async def test_zoned_jobs_are_left_to_instances_with_newer_rules(rig: Rig) -> None:
    schedule = cron("* * * * *", tz="Europe/Berlin")
    await abandoned(rig, job(rig.handlers.quick, schedule=schedule, misfire="skip"))
    await rig.stranger(ttl_ms=10_000_000)  # It joined with rules of 2026a.
    async with rig.at_work(lasting(rig), tzdata="2025z"):
        await asyncio.sleep(4 * ROUND_S)
        assert await rig.store.gaps("report") == []


async def test_a_paused_job_is_left_as_it_is_until_it_is_removed(rig: Rig) -> None:
    await abandoned(rig, job(rig.handlers.quick, misfire="skip"))
    await rig.store.pause("report", Order("key", "anna"))
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(4 * ROUND_S)
        assert await rig.store.gaps("report") == []
        await asyncio.sleep(A_DAY_S)
    (gap,) = await rig.store.gaps("report")
    assert gap.gap.reason is Reason.PAUSED


async def test_more_jobs_than_a_page_are_seen_to_one_page_a_round(rig: Rig) -> None:
    many = [job(rig.handlers.quick, f"job-{n:03}", EACH_MINUTE, misfire="skip") for n in range(250)]
    session: SessionId = await rig.stranger()
    now = rig.clock.wall_ms()
    await rig.store.sync_jobs(session, "app", [each.declaration(now) for each in many])
    await rig.store.leave(session)
    async with rig.at_work(lasting(rig)):
        await asyncio.sleep(1.5 * ROUND_S)
        assert (await the_job(rig, "job-199")).undeclared_since is not None
        assert (await the_job(rig, "job-200")).undeclared_since is None
        await asyncio.sleep(ROUND_S)
        assert (await the_job(rig, "job-249")).undeclared_since is not None
