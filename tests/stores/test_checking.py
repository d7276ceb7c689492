"""What is wrong with a store is found, told and mended; what is right is left alone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Gap, History, OnLost, Outcome, Reason, RunState, SessionId, Tally
from cronfleet.store import FaultKind, Granted, Moved, NotGranted, Ordered
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    START,
    TTL_MS,
    completed,
    fire,
    granted,
    joined,
    order,
    renew,
    report,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)
from tests.postgres_servers import Postgres
from tests.servers import Server
from tests.stores.checkups import found, lived, mended, pending, run_in
from tests.stores.plants import InMemory, InPostgres, InRedis, InSqlite, Planted

K = FaultKind
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(
    params=[
        *("memory", "sqlite"),
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("postgres", marks=pytest.mark.postgres),
    ],
)
async def planted(
    request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[Planted]:
    """A store in which things may be wrong."""
    match request.param:
        case "memory":
            made: Planted = InMemory(clock)
        case "sqlite":
            made = InSqlite(clock, tmp_path / "cronfleet.db")
        case "postgres":
            postgres: Postgres = request.getfixturevalue("postgres_server")
            made = InPostgres(clock, postgres, secrets.token_hex(4))
        case _:
            server: Server = request.getfixturevalue("redis_server")
            made = InRedis(clock, server.url, secrets.token_hex(4))
    await made.store.open()
    yield made
    await made.store.aclose()
    if isinstance(made, InRedis):
        made.redis.close()


# --- nothing is wrong


async def test_in_a_store_that_is_right_nothing_is_found(planted: Planted) -> None:
    await lived(planted)
    assert {run.state for run in await planted.store.runs("report")} == {
        RunState.FAILED,
        RunState.SUCCEEDED,
        RunState.STARTED,
        RunState.PENDING,
        RunState.WAITING,
    }
    assert await found(planted) == []
    before = [await the_job(planted.store), *await planted.store.runs("report")]
    assert await planted.store.check("report", None, order()) == []
    assert await planted.store.check_fleet(order()) == []
    assert [await the_job(planted.store), *await planted.store.runs("report")] == before
    assert await planted.store.audit() != []
    assert "repair" not in {each.verb for each in await planted.store.audit()}


async def test_of_a_job_that_is_not_there_nothing_is_found(planted: Planted) -> None:
    assert await planted.store.check("none") == []


# --- each corruption, found and mended

Plant: TypeAlias = Callable[[Planted, SessionId], Awaitable[str]]


async def wrong_count(planted: Planted, _: SessionId) -> str:
    planted.job("report", active=1)
    return "job report"


async def no_session(planted: Planted, _: SessionId) -> str:
    run = await run_in(planted, RunState.STARTED)
    planted.run(run, session=None)
    return f"run {run}"


async def needless_session(planted: Planted, anna: SessionId) -> str:
    run = await run_in(planted, RunState.PENDING)
    planted.run(run, session=anna)
    return f"run {run}"


async def no_end(planted: Planted, _: SessionId) -> str:
    run = await run_in(planted, RunState.FAILED)
    planted.run(run, ended_at=None)
    return f"run {run}"


async def needless_end(planted: Planted, _: SessionId) -> str:
    run = await run_in(planted, RunState.PENDING)
    planted.run(run, ended_at=NOON)
    return f"run {run}"


async def token_ahead(planted: Planted, _: SessionId) -> str:
    run = await run_in(planted, RunState.SUCCEEDED)
    planted.run(run, token=(NOON + HOUR_MS) * 1024)
    return f"run {run}"


async def far_expiry(planted: Planted, anna: SessionId) -> str:
    planted.session(anna, NOON + TTL_MS + 1)
    return f"session {anna}"


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (wrong_count, K.ACTIVE_COUNT),
        (no_session, K.RUN_SESSION),
        (needless_session, K.RUN_SESSION),
        (no_end, K.RUN_END),
        (needless_end, K.RUN_END),
        (token_ahead, K.RUN_TOKEN),
        (far_expiry, K.SESSION_EXPIRY),
    ],
)
async def test_what_is_planted_is_found_told_and_mended(
    planted: Planted, plant: Plant, kind: FaultKind
) -> None:
    anna = await lived(planted)
    where = await plant(planted, anna)
    assert (kind, where) in await found(planted)
    assert all(fault.mended for fault in await mended(planted))


async def test_a_started_run_without_a_session_is_lost_and_its_room_is_given_on(
    planted: Planted,
) -> None:
    await lived(planted)
    run = await run_in(planted, RunState.STARTED)
    planted.run(run, session=None)
    await mended(planted)
    record = await the_run(planted.store, run)
    assert (record.state, record.outcome) == (RunState.LOST, Outcome.LOST)
    assert "it had no session" in record.error
    states = [run.state for run in await planted.store.runs("report")]
    assert states.count(RunState.WAITING) == 0


async def test_a_tick_that_counts_its_shards_wrong_counts_them_again(planted: Planted) -> None:
    anna = await joined(planted.store, "anna", report(shards=2))
    claim = await started(planted.store, anna, await granted(planted.store, anna, tick()))
    await completed(planted.store, claim, Outcome.FAILED)
    assert await found(planted) == []
    planted.run(claim.run.whole, tally="0 0 0 0 1")
    assert await found(planted) == [(K.SHARDS, f"run {claim.run.whole}")]
    await mended(planted)
    record = await the_run(planted.store, claim.run.whole)
    assert (record.state, record.tally) == (RunState.SHARDED, Tally(failed=1))


async def test_a_tick_whose_shards_have_all_ended_ends_and_makes_room(planted: Planted) -> None:
    anna = await joined(planted.store, "anna", report(shards=2))
    first = await started(planted.store, anna, await granted(planted.store, anna, tick()))
    shards = first.run.whole.of_shards(2)
    other = await granted(planted.store, anna, pending(shards[1]))
    for claim in (first, await started(planted.store, anna, other)):
        await completed(planted.store, claim, Outcome.FAILED)
    planted.run(first.run.whole, state="sharded", tally="0 0 0 1 0", ended_at=None)
    planted.job("report", active=1)
    assert (K.SHARDS, f"run {first.run.whole}") in await found(planted)
    await mended(planted)
    record = await the_run(planted.store, first.run.whole)
    assert (record.state, record.tally) == (RunState.FAILED, Tally(failed=2))
    assert (await the_job(planted.store)).active == 0


async def test_runs_that_wait_needlessly_are_promoted(planted: Planted) -> None:
    anna = await joined(planted.store, "anna", report())
    first = await triggered(planted.store)
    second = await triggered(planted.store)
    await granted(planted.store, anna, pending(first))
    planted.run(first, state="failed", ended_at=NOON, session=None)
    assert (K.NEEDLESS_WAIT, "job report") in await found(planted)
    for _ in range(2):  # Where an index tells who waits, that is mended first.
        await planted.store.check("report", None, order())
        await planted.store.check_fleet(order())
    assert await found(planted) == []
    assert (await the_run(planted.store, second)).state is RunState.PENDING


async def test_a_missing_definition_is_stored_again_by_who_declares_it(planted: Planted) -> None:
    await lived(planted)
    planted.forget_definition((await the_job(planted.store)).digest)
    (fault,) = await planted.store.check("report", None, order())
    assert (fault.kind, fault.mended) == (K.NO_DEFINITION, False)
    await joined(planted.store, "ben", report(limit=3), report("other"))
    assert await found(planted) == []


# --- tombstones


async def broken_off(planted: Planted, shards: int = 1) -> None:
    """A job whose removal ended one of its runs, and then whoever removed it was killed."""
    await joined(planted.store, "anna", report(shards=shards))
    for _ in range(3):
        await triggered(planted.store)
    seen = (await the_job(planted.store)).expected
    assert seen is not None
    removed = await planted.store.remove(
        "report", Moved(1, seen.fire_time, None, None), order(), limit=1
    )
    assert removed is Ordered.MORE


async def test_what_a_removal_that_was_broken_off_has_left_is_ended(planted: Planted) -> None:
    await broken_off(planted)
    assert {kind for kind, _ in await found(planted)} == {K.REMOVED_RUN}
    assert all(fault.mended for fault in await mended(planted))
    states = sorted(run.state for run in await planted.store.runs("report"))
    assert states == [RunState.CANCELLED, RunState.SKIPPED, RunState.SKIPPED]
    assert (await the_job(planted.store)).active == 0


async def test_so_are_its_shards(planted: Planted) -> None:
    await broken_off(planted, shards=2)
    await mended(planted)
    runs = await planted.store.runs("report")
    assert not [run for run in runs if run.ended_at is None]
    assert (await the_job(planted.store)).active == 0


async def test_of_a_removed_job_nothing_becomes_pending_by_a_repair(planted: Planted) -> None:
    anna = await joined(planted.store, "anna", report(limit=2, on_lost=OnLost.RERUN))
    first = await granted(planted.store, anna, pending(await triggered(planted.store)))
    second = await granted(planted.store, anna, pending(await triggered(planted.store)))
    await started(planted.store, anna, second)
    await planted.store.remove("report", Moved(1, NOON, None, None), order())
    for claim in (first, second):
        planted.run(claim.run, session=None)
    await mended(planted)
    states = {run.id: run.state for run in await planted.store.runs("report")}
    assert states == {first.run: RunState.CANCELLED, second.run: RunState.LOST}


async def test_a_tombstone_expects_nothing_after_a_repair_either(planted: Planted) -> None:
    await joined(planted.store, "anna", report())
    await planted.store.remove("report", Moved(1, NOON, None, None), order())
    planted.job("report", watermark=NOON + DAY_MS)
    await mended(planted, Moved(2, None, fire(ONE_PM), None))
    job = await the_job(planted.store)
    assert (job.watermark, job.expected) == (NOON, None)


# --- watermarks


async def test_a_watermark_of_up_to_a_minute_ahead_is_right(
    planted: Planted, clock: ManualClock
) -> None:
    """A clock that stepped back is waited for."""
    await joined(planted.store, "anna", report())
    planted.job("report", watermark=NOON + 60_000, expected_fire_time=ONE_PM, expected_due=ONE_PM)
    assert await found(planted) == []


async def test_a_watermark_in_the_future_becomes_now_and_ticks_go_on(planted: Planted) -> None:
    anna = await joined(planted.store, "anna", report())
    tomorrow = NOON + DAY_MS
    planted.job(
        "report",
        watermark=tomorrow,
        expected_fire_time=tomorrow + HOUR_MS,
        expected_due=tomorrow + HOUR_MS,
    )
    assert await found(planted) == [(K.FUTURE_WATERMARK, "job report")]
    moved = Moved(1, tomorrow + HOUR_MS, fire(ONE_PM), None)
    (fault,) = await planted.store.check("report", moved, order())
    assert fault.mended
    job = await the_job(planted.store)
    assert (job.watermark, job.expected, job.generation) == (NOON, fire(ONE_PM), 2)
    assert await planted.store.peek(PROGRAM, limit=1) is not None
    assert (await planted.store.claim(anna, [tick(fire_time=ONE_PM, generation=2)])) != []


async def test_without_knowing_what_follows_a_watermark_stays(planted: Planted) -> None:
    await joined(planted.store, "anna", report())
    planted.job("report", watermark=NOON + DAY_MS)
    faults = await planted.store.check("report", None, order())
    assert [fault.mended for fault in faults] == [False, False]
    stale = Moved(7, NOON, fire(ONE_PM), None)
    faults = await planted.store.check("report", stale, order())
    assert [fault.mended for fault in faults] == [False, False]
    assert (await the_job(planted.store)).watermark == NOON + DAY_MS


async def test_a_settled_tick_that_is_expected_is_granted_to_nobody(planted: Planted) -> None:
    """Whatever has brought the store into this state."""
    anna = await joined(planted.store, "anna", report())
    planted.job("report", watermark=NOON)
    assert await planted.store.claim(anna, [tick()]) == [NotGranted.LOST]


async def test_a_settled_tick_that_is_expected_gives_way_to_the_next(planted: Planted) -> None:
    await joined(planted.store, "anna", report())
    planted.job("report", watermark=NOON)
    assert await found(planted) == [(K.SETTLED_EXPECTED, "job report")]
    await mended(planted, Moved(1, NOON, fire(ONE_PM), None))
    assert (await the_job(planted.store)).expected == fire(ONE_PM)


async def test_after_a_repair_no_tick_runs_again_that_ran_while_the_clock_was_ahead(
    planted: Planted, clock: ManualClock
) -> None:
    """Its record proves it, and is kept until its time has come, however old it is."""
    anna = await joined(planted.store, "anna", report(first=NOON + DAY_MS))
    clock.leap(timedelta(days=1))
    renew(planted.store, anna)
    ran = tick(fire_time=NOON + DAY_MS)
    claim = await started(planted.store, anna, await granted(planted.store, anna, ran))
    await completed(planted.store, claim, Outcome.SUCCEEDED)
    clock.leap(-timedelta(days=1))
    renew(planted.store, anna)
    ahead = NOON + DAY_MS + HOUR_MS
    await mended(planted, Moved(1, ahead, fire(NOON + DAY_MS), None))
    assert (await the_job(planted.store)).watermark == NOON
    await planted.store.prune({"report": History(successes=0, failures=0, age_ms=0)})
    clock.leap(timedelta(days=1))
    renew(planted.store, anna)
    (answer,) = await planted.store.claim(anna, [tick(fire_time=NOON + DAY_MS, generation=2)])
    assert not isinstance(answer, Granted)
    assert len(await planted.store.runs("report")) == 1
    gap = Gap(NOON, NOON, 1, Reason.BY_HAND)
    assert gap not in [each.gap for each in await planted.store.gaps("report")]
