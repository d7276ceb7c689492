"""The event loop of simulated time."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from cronfleet import RunContext, Scheduler, cron
from cronfleet.testing import SimulatedTime, SimulationError
from cronfleet.testing.simulation import loop as loop_module
from cronfleet.testing.simulation.loop import SimulatedLoop, life_of
from tests.unit.testing.worlds import MIDNIGHT


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    loop = SimulatedLoop()
    yield loop
    loop.end_all()
    loop.close()


def run(loop: SimulatedLoop, work: Coroutine[Any, Any, Any]) -> Any:
    return loop.run_work(work, contextvars.copy_context())


def test_timers_are_due_in_their_order_and_at_their_time(loop: SimulatedLoop) -> None:
    seen: list[tuple[int, int]] = []
    for span_ms in (30, 10, 20, 10, 0):
        loop.call_later(span_ms / 1000, lambda span_ms=span_ms: seen.append((span_ms, loop.now_ms)))
    loop.run_until(20)
    assert seen == [(0, 0), (10, 10), (10, 10), (20, 20)]
    loop.run_until(31)
    assert seen[4:] == [(30, 30)]
    assert loop.now_ms == 31


def test_what_follows_from_the_last_instant_happens_before_it_stops(loop: SimulatedLoop) -> None:
    seen: list[int] = []

    async def steps() -> None:
        await asyncio.sleep(1)
        for n in range(100):
            await asyncio.sleep(0)
            seen.append(n)

    task = loop.create_task(steps())
    loop.run_until(1000)
    assert task.done()
    assert len(seen) == 100


@pytest.mark.parametrize("years", [0, 200])
def test_a_timer_is_never_early_and_less_than_a_millisecond_late(
    loop: SimulatedLoop, years: int
) -> None:
    """However long it has run: a float of so many seconds is no longer exact."""
    loop.run_until(years * 31_557_600_007)

    async def sleeps() -> list[int]:
        found: list[int] = []
        for span_s in (0.0001, 0.0015, 0.001, 1 / 3):
            began = loop.now_ms
            await asyncio.sleep(span_s)
            found.append(loop.now_ms - began)
        return found

    assert run(loop, sleeps()) == [1, 2, 1, 334]


def test_work_takes_as_long_as_it_takes(loop: SimulatedLoop) -> None:
    async def work() -> str:
        await asyncio.sleep(5)
        return "done"

    loop.call_later(5, lambda: seen.append("at that instant too"))
    loop.call_later(5.001, lambda: seen.append("too late"))
    seen: list[str] = []
    assert run(loop, work()) == "done"
    assert (loop.now_ms, seen) == (5000, ["at that instant too"])


def test_what_work_raises_is_raised(loop: SimulatedLoop) -> None:
    async def work() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        run(loop, work())


@pytest.mark.parametrize("is_reached", [False, True])
def test_a_thread_is_waited_for_however_near_the_next_timer_is(
    loop: SimulatedLoop, *, is_reached: bool
) -> None:
    go_on = threading.Event()
    timer = loop.call_later(0.001, lambda: None)

    async def work() -> int:
        loop.call_soon(go_on.set)
        await asyncio.to_thread(go_on.wait)
        return loop.now_ms

    assert run(loop, work()) == 0
    assert loop.now_ms == 0
    if is_reached:
        loop.run_until(1)
    assert (timer.when() <= loop.time()) is is_reached


def test_a_thread_that_does_not_end_is_an_error(
    loop: SimulatedLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "LONGEST_THREAD_S", 0.05)
    end = threading.Event()

    async def work() -> None:
        await asyncio.to_thread(end.wait)

    with pytest.raises(SimulationError, match="has worked for"):
        run(loop, work())
    end.set()


def test_of_what_is_killed_nothing_runs_until_all_ends() -> None:
    loop, seen = SimulatedLoop(), list[str]()

    async def work(name: str, wake: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await wake()
            seen.append(f"{name} woke")
        finally:
            seen.append(f"{name} left")

    told = asyncio.Event()
    life = contextvars.copy_context()
    life.run(life_of.set, "anna")
    loop.create_task(work("sleeper", lambda: asyncio.sleep(1)), context=life)
    loop.create_task(work("waiter", told.wait), context=life)
    loop.create_task(work("survivor", told.wait))
    loop.run_until(500)
    loop.kill("anna")
    told.set()
    loop.run_until(5000)
    assert seen == ["survivor woke", "survivor left"]
    loop.end_all()
    loop.close()
    assert sorted(seen[2:]) == ["sleeper left", "waiter left"]


def test_a_handler_that_swallows_its_cancellation_does_not_hold_the_end_up() -> None:
    scheduler = Scheduler("memory:", program="office")
    swallowed: list[str] = []

    async def stubborn(run: RunContext) -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed.append(run.run_id)

    scheduler.add_job(stubborn, cron("0 * * * *"))
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1)
    assert swallowed
