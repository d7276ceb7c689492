"""What operators order, decided from the stored definition and given to the store under a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cronfleet import RunContext, at, every
from cronfleet.definition import encode
from cronfleet.engine.known import KnownJob
from cronfleet.errors import StoreError, StoreUnavailableError, UnknownJobError
from cronfleet.info import moment
from cronfleet.model import Gap, JobRecord, Reason, RunState, SessionId
from cronfleet.pausing import resume_in_time
from cronfleet.registry import known_job
from cronfleet.schedule import Schedule
from cronfleet.store import MOST_WAITING, NewSession, Order, Ordered, Triggered
from cronfleet.verbs import (
    LOOKS,
    TRIES,
    order,
    pause,
    plan_of,
    resume,
    skip_next,
    trigger,
)
from tests.unit.engine.scripted_store import ScriptedStore, first, lost_answer, lost_request
from tests.virtual_time import START_MS, Backend, VirtualClock, virtual_time

HOUR_MS = 3_600_000
ANNA = SessionId("anna")


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_time()


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(clock: VirtualClock) -> ScriptedStore:
    """One hourly report, declared at the full hour."""
    store = ScriptedStore(clock)
    await store.join(NewSession(ANNA, "app", "anna", 10_000, "2026a"))
    await declare(store, hourly())
    return store


async def nothing(run: RunContext) -> None: ...


def hourly(**options: Any) -> KnownJob:
    return known_job(nothing, every(timedelta(hours=1)), "report", options)  # pyright: ignore[reportArgumentType] - a test names options that exist


async def declare(store: ScriptedStore, job: KnownJob) -> None:
    await store.sync_jobs(ANNA, "app", [job.declaration(after=START_MS)])


async def report(store: ScriptedStore) -> JobRecord:
    job = await store.job("report")
    assert job is not None
    return job


def hour(n: int) -> int:
    return START_MS + n * HOUR_MS


def by_anna(key: str | None = None) -> Order:
    return order(key, "anna", "holiday")


# --- orders


def test_an_order_without_a_key_has_one_of_its_own() -> None:
    assert order(None, "anna", "").key != order(None, "anna", "").key
    assert order("monday", "anna", "because") == Order("monday", "anna", "because")


async def test_a_job_that_is_not_there_is_named_with_those_that_are(store: ScriptedStore) -> None:
    for verb in (trigger, pause, resume, skip_next):
        with pytest.raises(UnknownJobError, match="no job 'reprot'; the store has: report"):
            await verb(store, "reprot", by_anna())


@pytest.mark.parametrize("verb", ["trigger", "pause", "resume", "skip_next"])
async def test_an_unanswered_order_is_given_again_under_its_key(
    store: ScriptedStore, verb: str
) -> None:
    verbs = {"trigger": trigger, "pause": pause, "resume": resume, "skip_next": skip_next}
    if verb == "resume":
        await pause(store, "report", by_anna())
    store.next(verb, lost_answer, lost_request)
    await verbs[verb](store, "report", by_anna())
    assert store.calls[verb] == 3
    assert [each.verb for each in await store.audit()].count(verb) == 1


async def test_a_store_that_stays_away_is_an_error_after_some_tries(store: ScriptedStore) -> None:
    store.next("trigger", *[lost_request] * TRIES)
    with pytest.raises(StoreUnavailableError):
        await trigger(store, "report", by_anna())
    assert store.calls["trigger"] == TRIES


# --- trigger


async def test_a_trigger_makes_one_run_for_its_key(store: ScriptedStore) -> None:
    made = await trigger(store, "report", by_anna("monday"))
    again = await trigger(store, "report", by_anna("monday"))
    assert made == again
    assert (made.state, made.paused) == (RunState.PENDING, False)
    assert [run.id for run in await store.runs("report")] == [made.run]


async def test_at_the_limit_a_triggered_run_waits_and_there_are_a_thousand_at_most(
    store: ScriptedStore,
) -> None:
    made = [await trigger(store, "report", by_anna()) for _ in range(MOST_WAITING + 1)]
    assert {each.state for each in made[1:]} == {RunState.WAITING}
    with pytest.raises(StoreError, match="so many of its runs wait already that none was added"):
        await trigger(store, "report", by_anna())


async def test_a_paused_job_is_triggered_all_the_same_and_says_so(store: ScriptedStore) -> None:
    await pause(store, "report", by_anna())
    assert (await trigger(store, "report", by_anna())).paused


# --- pause and resume


async def test_what_a_pause_swallowed_is_one_gap_and_time_goes_on(
    store: ScriptedStore, clock: VirtualClock
) -> None:
    await pause(store, "report", by_anna())
    await asyncio.sleep(2.5 * HOUR_MS / 1000)
    await resume(store, "report", by_anna())
    job = await report(store)
    (gap,) = await store.gaps("report")
    assert gap.gap == Gap(hour(1), hour(2), 2, Reason.PAUSED)
    assert (job.watermark, job.expected) == (hour(2), (hour(3), hour(3)))
    assert not job.paused


async def test_a_short_pause_changes_nothing(store: ScriptedStore) -> None:
    before = await report(store)
    await pause(store, "report", by_anna())
    await resume(store, "report", by_anna())
    after = await report(store)
    assert (after.expected, after.watermark) == (before.expected, before.watermark)
    assert await store.gaps("report") == []
    assert after.generation == before.generation + 2


async def test_a_tick_that_its_jitter_holds_back_outlives_a_pause(
    store: ScriptedStore, clock: VirtualClock
) -> None:
    await declare(store, hourly(jitter=timedelta(minutes=50)))
    jittered = hourly(jitter=timedelta(minutes=50)).plan.fire(hour(1))
    store.step(lambda records: records.put_job(replace(_job(records), expected=jittered)))
    await asyncio.sleep(HOUR_MS / 1000 + 1)
    assert jittered.due > clock.wall_ms()
    await pause(store, "report", by_anna())
    await resume(store, "report", by_anna())
    assert (await report(store)).expected == jittered


def _job(records: Any) -> JobRecord:
    return records.job("report")


async def test_resuming_a_job_at_work_changes_nothing(store: ScriptedStore) -> None:
    before = await report(store)
    await resume(store, "report", by_anna())
    assert await report(store) == before


async def test_a_finished_job_is_resumed_without_a_tick(store: ScriptedStore) -> None:
    once = known_job(nothing, at(moment(hour(-1))), "once", {})
    await declare(store, once)
    await pause(store, "once", by_anna())
    await resume(store, "once", by_anna())
    job = await store.job("once")
    assert job is not None
    assert (job.state, await store.gaps("once")) == ("finished", [])


# --- skip next


async def test_the_next_tick_is_skipped_by_hand_and_the_one_after_it_is_not(
    store: ScriptedStore,
) -> None:
    await skip_next(store, "report", by_anna())
    (gap,) = await store.gaps("report")
    assert gap.gap == Gap(hour(1), hour(1), 1, Reason.BY_HAND)
    assert (await report(store)).expected == (hour(2), hour(2))


async def test_under_one_key_only_one_tick_is_skipped(store: ScriptedStore) -> None:
    for _ in range(3):
        await skip_next(store, "report", by_anna("monday"))
    assert (await report(store)).watermark == hour(1)


async def test_a_finished_job_has_no_next_tick_to_skip(store: ScriptedStore) -> None:
    await declare(store, known_job(nothing, at(moment(hour(-1))), "once", {}))
    await skip_next(store, "once", by_anna())
    assert await store.gaps("once") == []


# --- a job that changes under our hands


async def test_a_job_that_changed_meanwhile_is_looked_at_again(store: ScriptedStore) -> None:
    store.next("skip_next", first(lambda: skip_next(store, "report", by_anna())))
    await skip_next(store, "report", by_anna())
    assert (await report(store)).watermark == hour(2)
    assert store.calls["skip_next"] == 3


async def changing(store: ScriptedStore) -> None:
    store.step(
        lambda records: records.put_job(
            replace(_job(records), generation=_job(records).generation + 1)
        )
    )


@pytest.mark.parametrize(
    ("verb", "operation", "said"),
    [(resume, "resume", "nothing was resumed"), (skip_next, "skip_next", "nothing was skipped")],
)
async def test_a_job_that_changes_all_the_time_is_given_up(
    store: ScriptedStore, verb: Callable[..., Any], operation: str, said: str
) -> None:
    await pause(store, "report", by_anna())
    store.next(operation, *[first(lambda: changing(store))] * LOOKS)
    with pytest.raises(StoreError, match=said):
        await verb(store, "report", by_anna())


async def test_a_job_that_vanishes_meanwhile_is_unknown() -> None:
    class Vanishing:
        async def trigger(self, *_: object) -> Triggered | Ordered:
            return Ordered.UNKNOWN

        async def job(self, *_: object) -> None: ...

        async def jobs(self, **_: object) -> list[JobRecord]:
            return []

    with pytest.raises(UnknownJobError, match="none yet"):
        await trigger(Vanishing(), "report", by_anna())  # pyright: ignore[reportArgumentType] - as much of a store as is asked


# --- definitions of other versions


def other_version(store: ScriptedStore, text: str | None) -> None:
    job = store.step(_job)
    definitions = store._records._definitions
    if text is None:
        del definitions[job.digest]
    else:
        definitions[job.digest] = text


@pytest.mark.parametrize("verb", [resume, skip_next])
@pytest.mark.parametrize(
    "text",
    [
        None,
        "{}",
        encode(hourly().definition).replace('"every"', '"lunar"'),
        encode(hourly().definition).replace('"latest"', '"oldest"'),
    ],
)
async def test_a_definition_that_cannot_be_read_is_the_stores_error_and_changes_nothing(
    store: ScriptedStore, verb: Callable[..., Any], text: str | None
) -> None:
    await pause(store, "report", by_anna())
    before = await report(store)
    other_version(store, text)
    with pytest.raises(StoreError, match=r"read|not in the store"):
        await verb(store, "report", by_anna())
    assert await report(store) == before


async def test_a_plan_is_made_of_what_is_stored_not_of_what_is_registered(
    store: ScriptedStore,
) -> None:
    plan = await plan_of(store, await report(store))
    schedule: Schedule = every(timedelta(hours=1))
    assert (plan.definition, plan.schedule) == (hourly().definition, schedule)


# --- a pause with an end


async def test_resumed_by_hand_after_its_end_only_what_fell_into_it_is_its_gap(
    store: ScriptedStore, clock: VirtualClock
) -> None:
    await pause(store, "report", by_anna(), hour(2))
    clock.leap(3 * HOUR_MS + 1_000)
    await resume(store, "report", by_anna())
    (gap,) = await store.gaps("report")
    assert gap.gap == Gap(hour(1), hour(1), 1, Reason.PAUSED)
    expected = (await report(store)).expected
    assert expected is not None
    assert expected.fire_time == hour(2)


async def test_resumed_by_hand_before_its_end_it_goes_on_from_then(
    store: ScriptedStore, clock: VirtualClock
) -> None:
    await pause(store, "report", by_anna(), hour(9))
    clock.leap(3 * HOUR_MS + 1_000)
    await resume(store, "report", by_anna())
    (gap,) = await store.gaps("report")
    assert gap.gap == Gap(hour(1), hour(3), 3, Reason.PAUSED)


async def test_a_pause_that_has_not_come_to_its_end_is_left_alone(
    store: ScriptedStore, clock: VirtualClock
) -> None:
    await pause(store, "report", by_anna(), hour(2))
    clock.leap(2 * HOUR_MS - 1)
    assert not await resume_in_time(store, "report", "ben", clock.wall_ms())
    assert (await report(store)).paused
    clock.leap(1)
    assert await resume_in_time(store, "report", "ben", clock.wall_ms())
    assert not await resume_in_time(store, "report", "ben", clock.wall_ms())
    assert not await resume_in_time(store, "mystery", "ben", clock.wall_ms())
    assert not (await report(store)).paused
