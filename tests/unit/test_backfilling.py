"""Which fire times of the past are run by hand, on a store in memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cronfleet import (
    BackfillInfo,
    InvalidBackfillError,
    RunContext,
    Scheduler,
    StoreError,
    UnknownJobError,
    every,
)
from cronfleet.backfilling import MOST_FIRE_TIMES
from cronfleet.engine.known import KnownJob
from cronfleet.info import moment
from cronfleet.model import History, Outcome, Reason, SessionId
from cronfleet.registry import known_job
from cronfleet.store import MOST_MADE, MOST_SHARDS, MOST_WAITING, Moved, NewSession, Order
from cronfleet.testing.samples import completed, granted, order, started, tick
from tests.unit.engine.scripted_store import ScriptedStore, lost_answer
from tests.virtual_time import START_MS, Backend, VirtualClock, virtual_time

ANNA = SessionId("a" * 32)
HOUR_MS = 3_600_000


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_time()


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(clock: VirtualClock) -> ScriptedStore:
    """An hourly report, declared at the full hour."""
    store = ScriptedStore(clock)
    await store.join(NewSession(ANNA, "app", "anna", 1_000 * HOUR_MS, "2026a"))
    await declare(store, hourly())
    return store


@pytest.fixture
def scheduler(store: ScriptedStore) -> Scheduler:
    return Scheduler(store, program="app")


async def nothing(run: RunContext) -> None: ...


def hourly(name: str = "report", shards: int = 1) -> KnownJob:
    return known_job(nothing, every(timedelta(hours=1)), name, {"shards": shards})


async def declare(store: ScriptedStore, *jobs: KnownJob) -> None:
    await store.sync_jobs(ANNA, "app", [job.declaration(after=START_MS) for job in jobs])


def hour(n: float) -> datetime:
    """So many hours after the job was declared."""
    return moment(START_MS + round(n * HOUR_MS))


async def run_tick(store: ScriptedStore, n: int, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    claim = await granted(store, ANNA, tick("report", START_MS + n * HOUR_MS))
    await completed(store, await started(store, ANNA, claim), outcome)


async def fill(
    scheduler: Scheduler, first: float, last: float, *, again: bool = False
) -> BackfillInfo:
    return await scheduler.backfill("report", hour(first), hour(last), again=again)


async def filled(store: ScriptedStore) -> list[float]:
    """The fire times of the back-fills that are kept, in hours."""
    runs = await store.runs("report", limit=2_000)
    times = [run.id.fire_time for run in runs if run.kind == "backfill"]
    return sorted((each - START_MS) / HOUR_MS for each in times)


async def test_what_lies_before_the_job_was_there_is_run_bounds_included(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    came_to = await fill(scheduler, -3, 0)
    assert (came_to.fire_times, came_to.made, came_to.had_run) == (4, 4, 0)
    assert (came_to.first, came_to.last) == (hour(-3), hour(0))
    assert await filled(store) == [-3, -2, -1, 0]


async def test_a_dry_run_tells_what_would_be_made_and_makes_nothing(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    told = await scheduler.backfill("report", hour(-3), hour(-1.5), dry_run=True)
    assert (told.made, told.dry_run) == (2, True)
    assert (await filled(store), await store.audit(), await store.backfills("report")) == (
        [],
        [],
        [],
    )


async def test_the_next_tick_and_all_after_it_are_left_to_the_schedule(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock
) -> None:
    clock.leap(3 * HOUR_MS)
    came_to = await fill(scheduler, -1, 99)
    assert (came_to.fire_times, came_to.last) == (2, hour(0))


async def test_a_paused_job_is_filled_up_to_now(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock
) -> None:
    await scheduler.pause("report")
    clock.leap(3 * HOUR_MS)
    came_to = await fill(scheduler, 1, 99)
    assert (came_to.made, came_to.paused) == (3, True)
    await scheduler.resume("report")
    assert (await scheduler.gaps("report"))[0].reason == "paused"


async def test_what_is_owed_since_a_pause_has_ended_is_left_to_its_ticks(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock
) -> None:
    """Nobody was there to resume the job yet."""
    await scheduler.pause("report", until=hour(3))
    clock.leap(5 * HOUR_MS)
    came_to = await fill(scheduler, 1, 99)
    assert (came_to.fire_times, came_to.made, came_to.last) == (2, 2, hour(2))


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.LOST])
async def test_what_has_run_is_passed_over_unless_it_is_to_run_again(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock, outcome: Outcome
) -> None:
    clock.leap(2 * HOUR_MS)
    await run_tick(store, 1, outcome)
    await run_tick(store, 2, outcome)
    passed_over = await fill(scheduler, 1, 2)
    assert (passed_over.made, passed_over.had_run, passed_over.unrecorded) == (0, 2, 0)
    assert (await fill(scheduler, 1, 2, again=True)).made == 2


async def test_what_has_run_is_passed_over_when_its_record_is_kept_no_more(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock
) -> None:
    clock.leap(2 * HOUR_MS)
    await run_tick(store, 1)
    await run_tick(store, 2)
    await store.prune({"report": History(successes=0, failures=0)})
    came_to = await fill(scheduler, 0, 2)
    assert (came_to.made, came_to.had_run, came_to.unrecorded) == (1, 2, 2)


async def test_so_is_what_was_filled(scheduler: Scheduler, store: ScriptedStore) -> None:
    await fill(scheduler, -9, -5)
    for run in await store.runs("report"):
        await store.cancel(run.id, order())
    await store.prune({"report": History(successes=0, failures=0)})
    came_to = await fill(scheduler, -9, -3)
    assert (came_to.made, came_to.unrecorded) == (2, 5)


async def test_ticks_that_were_skipped_are_run(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock
) -> None:
    clock.leap(2 * HOUR_MS)
    await scheduler.skip_next("report")
    came_to = await fill(scheduler, 1, 1)
    assert came_to.made == 1
    assert (await store.gaps("report"))[0].gap.reason is Reason.BY_HAND


async def test_a_tick_that_was_cancelled_before_it_began_is_run(
    scheduler: Scheduler, store: ScriptedStore, clock: VirtualClock
) -> None:
    clock.leap(HOUR_MS)
    claim = await granted(store, ANNA, tick("report", START_MS + HOUR_MS))
    await scheduler.cancel(str(claim.run))
    assert (await fill(scheduler, 1, 1)).made == 1


async def test_a_finished_job_is_filled_up_to_now(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    job = await store.job("report")
    assert job is not None
    assert job.expected is not None
    nothing_follows = Moved(job.generation, job.expected.fire_time, None, None)
    await store.skip_next("report", nothing_follows, order())
    assert (await fill(scheduler, -1, 5)).made == 2


async def test_hundreds_are_made_in_several_steps_and_all_is_on_record(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    came_to = await scheduler.backfill("report", hour(-499), hour(0), who="ops", why="new")
    assert (came_to.made, store.calls["backfill"]) == (500, 3)
    assert [each.verb for each in await store.audit()] == ["backfill"] * 3
    assert await filled(store) == [float(n) for n in range(-499, 1)]


async def test_ordered_again_under_its_key_it_goes_on_where_it_broke_off(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    store.broken["backfill"] = StoreError("the store is full")
    with pytest.raises(StoreError):
        await scheduler.backfill("report", hour(-299), hour(0), key="key")
    del store.broken["backfill"]
    first = START_MS - 299 * HOUR_MS
    first_part = Order(f"key+{first}+{START_MS}+False+0", "x")
    await store.backfill("report", [first], first_part, again=False)
    await scheduler.backfill("report", hour(-299), hour(0), key="key")
    times = await filled(store)
    assert times[:2] == [-299, -99]
    assert (await scheduler.backfill("report", hour(-299), hour(0), key="other")).made == 199


async def test_another_span_is_another_order_under_the_same_key(scheduler: Scheduler) -> None:
    made = await scheduler.backfill("report", hour(-5), hour(-4), key="key")
    assert (made.made, made.had_run) == (2, 0)
    wider = await scheduler.backfill("report", hour(-5), hour(-1), key="key")
    assert (wider.made, wider.had_run) == (3, 2)
    ran_again = await scheduler.backfill("report", hour(-5), hour(-4), key="key", again=True)
    assert ran_again.made == 2


async def test_an_unanswered_part_is_ordered_again_under_its_key(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    store.next("backfill", lost_answer)
    assert (await fill(scheduler, -3, 0)).made == 4
    assert await filled(store) == [-3, -2, -1, 0]


async def test_what_finds_no_place_is_told(scheduler: Scheduler, store: ScriptedStore) -> None:
    for _ in range(MOST_WAITING - 50):
        await store.trigger("report", order())
    with pytest.raises(StoreError, match="were made and no more; order the same again"):
        await fill(scheduler, -499, 0)


async def test_no_step_makes_more_runs_than_one_should(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    await declare(store, hourly(shards=MOST_SHARDS))
    came_to = await fill(scheduler, -11, 0)
    assert came_to.made == 12
    assert store.calls["backfill"] == -(-12 * MOST_SHARDS // MOST_MADE)


async def test_a_span_of_too_many_fire_times_is_refused(scheduler: Scheduler) -> None:
    assert (await fill(scheduler, 1 - MOST_FIRE_TIMES, 0)).fire_times == MOST_FIRE_TIMES
    with pytest.raises(InvalidBackfillError, match="take a shorter span"):
        await fill(scheduler, -MOST_FIRE_TIMES, 0)


async def test_bounds_that_cannot_be_are_refused(scheduler: Scheduler) -> None:
    with pytest.raises(InvalidBackfillError, match="need a time zone"):
        await scheduler.backfill("report", hour(0).replace(tzinfo=None), hour(1))
    with pytest.raises(InvalidBackfillError, match="lies before"):
        await fill(scheduler, 1, 0)
    with pytest.raises(UnknownJobError):
        await scheduler.backfill("reprot", hour(0), hour(1))


async def test_a_span_without_a_fire_time_comes_to_nothing(scheduler: Scheduler) -> None:
    came_to = await fill(scheduler, -0.9, -0.1)
    assert (came_to.fire_times, came_to.first, came_to.made) == (0, None, 0)


async def test_bounds_between_milliseconds_leave_out_what_lies_outside(
    scheduler: Scheduler, store: ScriptedStore
) -> None:
    a_bit = timedelta(microseconds=1)
    came_to = await scheduler.backfill("report", hour(-2) + a_bit, hour(-1) - a_bit)
    assert came_to.fire_times == 0
