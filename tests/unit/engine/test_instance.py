"""The loop: what is looked for and when, what is claimed, and what it costs to be idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from cronfleet import every
from cronfleet.engine import peeking
from cronfleet.engine.peeking import PEEKED_PER_SEAT
from cronfleet.engine.seats import Seats
from cronfleet.model import Reason, RunState
from cronfleet.schedule import EPOCH
from cronfleet.store import Order
from tests.unit.engine.rig import EACH_SECOND, TTL_S, Rig, job
from tests.unit.engine.scripted_store import first, late_answer

HOURLY = every(timedelta(hours=1))
AT_5_SECONDS = every(timedelta(minutes=1), anchor=EPOCH + timedelta(seconds=5))
AT_58_SECONDS = every(timedelta(minutes=1), anchor=EPOCH + timedelta(seconds=58))


async def test_a_tick_runs_once_when_it_is_due(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        run = await rig.until_run(RunState.SUCCEEDED)
    assert rig.handlers.ticks == [str(run.id)]
    assert run.started_at is not None
    assert run.started_at - run.id.fire_time <= 1


async def test_every_tick_of_an_hour_runs_and_none_twice(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(3_601)
    assert len(set(rig.handlers.ticks)) == len(rig.handlers.ticks) == 60


async def test_a_triggered_run_is_found_within_a_poll_and_at_once_when_hinted(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY)) as instance:
        await asyncio.sleep(5.5)
        await rig.trigger()
        assert await rig.until(lambda: len(rig.handlers.entered) == 1) <= 1
        await asyncio.sleep(0.5)
        await rig.trigger()
        instance.wake()
        assert await rig.until(lambda: len(rig.handlers.entered) == 2) <= 0.02


async def test_it_looks_past_what_it_has_no_seat_for(rig: Rig) -> None:
    """Nine hundred plain handlers are due first, and every thread is taken."""
    plain = [job(rig.handlers.entered.append, f"plain-{n:03}") for n in range(900)]
    async with rig.at_work(*plain, job(rig.handlers.quick, "zoned", AT_5_SECONDS)) as instance:
        instance._seats._free.threads = 0
        await asyncio.sleep(66)
        assert [run.job for run in rig.handlers.entered] == ["zoned", "zoned"]


async def test_it_looks_past_what_it_does_not_know(rig: Rig) -> None:
    """A thousand jobs of another version are overdue, and come first."""
    others = [job(rig.handlers.quick, f"job-{n:04}") for n in range(1_000)]
    session = await rig.stranger()
    declarations = [each.declaration(rig.clock.wall_ms()) for each in others]
    await rig.store.sync_jobs(session, "app", declarations)
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(61)
        assert rig.handlers.ticks == [str((await rig.run()).id)]


async def test_a_tick_that_is_due_while_its_job_is_active_is_on_record(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        await asyncio.sleep(190)
        (gap,) = await rig.store.gaps("report")
        assert len(rig.handlers.entered) == 1
        assert (gap.gap.count, gap.gap.reason) == (2, "overlap")
        rig.handlers.gate.set()


async def test_a_run_whose_definition_changed_under_its_claim_is_given_back(rig: Rig) -> None:
    """A pending run carries no generation: only the grant says which definition is in force."""
    newer = job(rig.handlers.quick, schedule=HOURLY, max_active=2)
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY)):
        rig.store.next("claim", first(lambda: rig.declare(newer)))
        await rig.trigger()
        await rig.until(lambda: rig.store.calls["release"] == 1)
        assert (await rig.run()).state is RunState.PENDING
        await asyncio.sleep(5)
        assert rig.handlers.entered == []
        assert rig.store.calls["claim"] == 1
        await rig.until_run(RunState.SUCCEEDED)  # The other is dead, and its definition with it.


async def test_an_instance_says_why_it_makes_no_claims(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(1)
        assert instance.trouble == ""
        instance._peeking._looked_at = None
        assert "nothing has been looked for" in instance.trouble
        instance.stop()
        assert instance.trouble == "it is stopping"


async def test_an_instance_whose_seats_are_all_taken_is_not_in_trouble(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)) as instance:
        instance._seats = Seats(1, 0, 0)
        await asyncio.sleep(60 + 2 * TTL_S)
        assert len(rig.handlers.entered) == 1
        assert instance.trouble == ""
        rig.handlers.gate.set()


async def test_where_all_seats_are_taken_a_tick_at_the_limit_is_settled_all_the_same(
    rig: Rig,
) -> None:
    async with busy_with_the_only_seat(rig):
        await rig.trigger("other")
        await asyncio.sleep(60)
        (gap,) = await rig.store.gaps("other")
    assert gap.gap.reason is Reason.OVERLAP


async def test_a_tick_for_which_there_was_room_after_all_goes_back_until_there_is_a_seat(
    rig: Rig,
) -> None:
    """The run that kept it from running ended between the look and the claim."""
    async with busy_with_the_only_seat(rig):
        await rig.trigger("other")
        (by_hand,) = await rig.runs("other")
        rig.store.next("claim", first(lambda: rig.store.cancel(by_hand.id, Order("key", "anna"))))
        await rig.until(lambda: rig.store.calls["release"] == 1)
        tick = await rig.until_run(RunState.PENDING, "other")
        await asyncio.sleep(5)
        assert [run.job for run in rig.handlers.entered] == ["busy"]
        rig.handlers.gate.set()
        await rig.until(lambda: len(rig.handlers.entered) == 2)
    assert rig.handlers.entered[1].run_id == str(tick.id)


@asynccontextmanager
async def busy_with_the_only_seat(rig: Rig) -> AsyncGenerator[None]:
    """`busy` has the only seat for coroutines; `other` is due each minute."""
    busy = job(rig.handlers.gated, "busy", HOURLY)
    async with rig.at_work(busy, job(rig.handlers.quick, "other", AT_5_SECONDS)) as instance:
        instance._seats = Seats(1, 1)
        await rig.trigger("busy")
        await rig.until(lambda: bool(rig.handlers.entered))
        yield
        rig.handlers.gate.set()


# --- what it costs


async def nothing(rig: Rig) -> None: ...


async def a_paused_job_is_overdue(rig: Rig) -> None:
    await rig.store.pause("report", Order("key", "anna"))


async def a_definition_that_it_does_not_know_is_due(rig: Rig) -> None:
    await rig.declare(job(rig.handlers.quick, max_active=2))


async def the_store_is_away(rig: Rig) -> None:
    rig.store.is_away = True


async def the_stores_clock_stood_still_for_a_while(rig: Rig) -> None:
    await asyncio.sleep(57)
    rig.clock.leap(-50_000)


async def the_stores_clock_was_set_an_hour_back(rig: Rig) -> None:
    rig.clock.leap(-3_600_000)


async def the_stores_clock_was_set_an_hour_ahead(rig: Rig) -> None:
    rig.clock.leap(3_600_000)


@pytest.mark.parametrize(
    "situation",
    [
        nothing,
        a_paused_job_is_overdue,
        a_definition_that_it_does_not_know_is_due,
        the_store_is_away,
        the_stores_clock_stood_still_for_a_while,
        the_stores_clock_was_set_an_hour_back,
        the_stores_clock_was_set_an_hour_ahead,
    ],
)
async def test_an_idle_instance_asks_less_than_twice_a_second_whatever_happened(
    rig: Rig, situation: Callable[[Rig], Awaitable[None]]
) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=AT_58_SECONDS)):
        await situation(rig)
        before = rig.store.calls.copy()
        await asyncio.sleep(120)
        calls = rig.store.calls - before
        assert calls.total() < 240, calls


async def test_an_instance_without_a_free_seat_asks_less_than_twice_a_second(rig: Rig) -> None:
    busy = job(rig.handlers.gated, "busy", EACH_SECOND)
    async with rig.at_work(busy, job(rig.handlers.quick, "other", EACH_SECOND)) as instance:
        instance._seats = Seats(1, 0, 0)
        await asyncio.sleep(5)
        before = rig.store.total
        await asyncio.sleep(60)
        assert rig.store.total - before < 120
        rig.handlers.gate.set()


async def test_an_overload_is_not_looked_through_at_each_hint(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated, overlap="allow")) as instance:
        instance._seats = Seats(1, 1, 0)
        for _ in range(60):
            await rig.trigger()
        await asyncio.sleep(1)
        before = rig.store.calls["peek"]
        for _ in range(100):
            instance.wake()
            await asyncio.sleep(0.01)
        pages = 2  # One as small as its only free seat, and all the rest.
        assert rig.store.calls["peek"] - before < 100 + 3 * pages
        rig.handlers.gate.set()
        await rig.until(lambda: len(rig.handlers.ended) == 60)


async def test_a_seat_that_frees_ends_the_look_past_what_had_none_and_the_oldest_goes_first(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "MOST_PEEKED", PEEKED_PER_SEAT)
    peeks: list[int] = []

    async def free_the_seat() -> None:
        rig.handlers.gate.set()
        await rig.until(lambda: len(rig.handlers.ended) == 1)
        peeks.append(rig.store.calls["peek"])

    async def count() -> None:
        peeks.append(rig.store.calls["peek"])

    async with rig.at_work(job(rig.handlers.gated, overlap="allow")) as instance:
        instance._seats = Seats(1, 1, 0)
        await rig.trigger()
        await rig.until(lambda: len(rig.handlers.entered) == 1)
        for _ in range(60):
            await rig.trigger()
        rig.store.next("peek", late_answer(0), first(free_the_seat))
        rig.store.next("claim", first(count))
        await rig.until(lambda: len(rig.handlers.ended) == 61)
    assert peeks[1] == peeks[0]
    assert rig.handlers.ticks[1] == min(rig.handlers.ticks[1:])  # As they are peeked at.


async def test_a_seat_that_frees_is_taken_at_once(rig: Rig) -> None:
    async with rig.at_work(
        job(rig.handlers.gated, "busy"), job(rig.handlers.quick, "other", AT_5_SECONDS)
    ) as instance:
        instance._seats = Seats(1, 0, 0)
        await asyncio.sleep(66)
        assert [run.job for run in rig.handlers.entered] == ["other", "busy"]
        rig.handlers.gate.set()
        assert await rig.until(lambda: len(rig.handlers.entered) == 3) <= 0.02


async def test_the_seat_of_a_handler_that_takes_no_notice_is_no_others_until_it_ends(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = job(rig.handlers.stubborn, "stubborn", timeout=timedelta(seconds=1))
    async with rig.at_work(stubborn, job(rig.handlers.quick, "other", EACH_SECOND)) as instance:
        instance._seats = Seats(1, 0, 0)
        await rig.until_run(RunState.TIMED_OUT, "stubborn")
        before = len(rig.handlers.entered)
        await asyncio.sleep(30)
        assert len(rig.handlers.entered) == before
        assert "its seat is not given to another until it ends" in caplog.text
        rig.handlers.gate.set()
        assert await rig.until(lambda: len(rig.handlers.entered) > before) <= 0.1
        assert "has ended at last" in caplog.text


async def test_who_goes_second_does_not_ask_for_what_others_have_taken(rig: Rig) -> None:
    jobs = [job(rig.handlers.quick, f"job-{n}") for n in range(20)]
    async with rig.at_work(*jobs), rig.at_work(*jobs):
        await asyncio.sleep(30)
        before = rig.store.calls["claim"]
        await asyncio.sleep(600)
        assert rig.store.calls["claim"] - before == 20  # Two a minute: each for what it is first.
    assert len(set(rig.handlers.ticks)) == len(rig.handlers.ticks) == 200


async def test_a_tick_costs_five_calls(rig: Rig) -> None:
    """Claim, start and complete, and a look after what was claimed and what has ended."""
    async with rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND)):
        await asyncio.sleep(20.5)
        before = rig.store.calls.copy()
        await asyncio.sleep(600)
        calls = rig.store.calls - before
    assert (calls["claim"], calls["start"], calls["complete"]) == (600, 600, 600)
    assert calls["peek"] <= 1_200


async def test_back_fills_are_entered_as_such_one_after_the_other(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        times = [rig.clock.wall_ms() // 60_000 * 60_000 - n * 60_000 for n in (2, 1)]
        await rig.store.backfill("report", times, Order("key", "ops"), again=False)
        await rig.until(lambda: len(rig.handlers.entered) >= 2, within_s=5)
    first, second = rig.handlers.entered[:2]
    assert [first.kind, second.kind] == ["backfill", "backfill"]
    assert [run.fire_time.timestamp() * 1000 for run in (first, second)] == times
