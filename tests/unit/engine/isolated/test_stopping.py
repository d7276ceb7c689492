"""A process that must end is told to, and then killed with its group, whatever it does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from cronfleet.engine.known import Handler
from cronfleet.engine.runner import Ended, Runner
from cronfleet.model import Outcome
from tests.fleet.rig import eventually
from tests.unit.engine.isolated import handlers
from tests.unit.engine.isolated.rig import (
    ANNA,
    ASKED,
    Fifo,
    Sessions,
    claim,
    is_alive,
    isolated,
    new_runner,
)

ENDED_WHEN_TOLD = "its handler ended when it was told to"
KILLED = "of being told to, so its process was killed"
IMPATIENT_MS = 50
SHORT = timedelta(milliseconds=1)


class UnderWay:
    """A run whose handler has been entered, or soon will be."""

    def __init__(self, runner: Runner, handler: Handler, fifo: Fifo, **options: object) -> None:
        job = isolated(handler, args=fifo.args, **options)
        self.ending = asyncio.create_task(runner.run(job, claim(), ANNA))
        self._fifo = fifo

    async def pids(self) -> list[int]:
        return await self._fifo.pids()


# --- time limits


@pytest.mark.parametrize("handler", [handlers.pauses, handlers.pauses_in_a_loop])
async def test_over_its_time_limit_a_handler_is_told_to_end_and_may_tidy_up(
    handler: Handler, fifo: Fifo
) -> None:
    job = isolated(handler, args=fifo.args, timeout=timedelta(seconds=3))
    end = await new_runner().run(job, claim(), ANNA)
    assert end == Ended(Outcome.TIMED_OUT, error=ENDED_WHEN_TOLD)
    await fifo.line()
    assert await fifo.line() == "tidied up"


async def test_its_time_counts_from_when_its_handler_is_entered(fifo: Fifo) -> None:
    """To begin takes a process longer than this limit is."""
    job = isolated(handlers.pauses, args=fifo.args, timeout=SHORT)
    end = await new_runner().run(job, claim(), ANNA)
    assert end == Ended(Outcome.TIMED_OUT, error=ENDED_WHEN_TOLD)


@pytest.mark.parametrize(
    "handler", [handlers.swallows, handlers.swallows_in_a_loop, handlers.holds_the_gil]
)
async def test_one_that_takes_no_notice_is_killed_with_its_group(
    handler: Handler, fifo: Fifo
) -> None:
    runner = new_runner(IMPATIENT_MS)
    run = UnderWay(runner, handler, fifo)
    pids = await run.pids()
    runner.cancel(ASKED)
    end = await run.ending
    assert end.outcome is Outcome.CANCELLED
    assert KILLED in end.error
    assert not any(map(is_alive, pids))
    assert runner._left == {}


async def test_one_that_ended_in_time_is_not_timed_out() -> None:
    job = isolated(handlers.returns, timeout=timedelta(minutes=1))
    assert await new_runner().run(job, claim(), ANNA) == Ended(Outcome.SUCCEEDED)


# --- sessions


async def test_a_run_that_is_lost_is_killed_though_the_event_loop_stands_still(fifo: Fifo) -> None:
    sessions = Sessions()
    run = UnderWay(new_runner(IMPATIENT_MS, sessions), handlers.swallows, fifo, on_lost="rerun")
    pids = await run.pids()
    sessions.held.clear()
    eventually(lambda: not any(map(is_alive, pids)), within_s=20)  # This does not give way.
    end = await run.ending
    assert (end.outcome, end.retry_in_ms) == (Outcome.LOST, None)
    assert KILLED in end.error


async def test_with_a_session_that_may_soon_be_closed_what_is_repeatable_is_told_and_killed(
    fifo: Fifo,
) -> None:
    runner = new_runner(IMPATIENT_MS)
    run = UnderWay(runner, handlers.swallows, fifo, on_lost="rerun")
    pids = await run.pids()
    runner.stop_repeatable(ANNA)
    assert (await run.ending).outcome is Outcome.LOST
    assert not any(map(is_alive, pids))


async def test_with_a_closed_session_what_is_repeatable_is_killed_at_once(fifo: Fifo) -> None:
    runner = new_runner()
    run = UnderWay(runner, handlers.swallows, fifo, on_lost="rerun")
    pids = await run.pids()
    runner.lose(ANNA)
    end = await run.ending
    assert (end.outcome, end.retry_in_ms) == (Outcome.LOST, None)
    assert not any(map(is_alive, pids))


async def test_what_is_not_repeatable_goes_on_and_is_told(fifo: Fifo) -> None:
    sessions = Sessions()
    runner = new_runner(sessions=sessions)
    run = UnderWay(runner, handlers.waits_until_it_is_lost, fifo, on_lost="abandon")
    await run.pids()
    sessions.held.clear()
    runner.stop_repeatable(ANNA)
    runner.drain()
    assert await fifo.line() == "draining"
    runner.lose(ANNA)
    assert await fifo.line() == "lost"
    assert await run.ending == Ended(Outcome.SUCCEEDED)


# --- operators, and the end of the instance


async def test_an_operator_ends_it_for_good(fifo: Fifo) -> None:
    runner = new_runner()
    run = UnderWay(runner, handlers.pauses, fifo, on_lost="rerun")
    await run.pids()
    runner.cancel(ASKED)
    assert await run.ending == Ended(Outcome.CANCELLED, error=ENDED_WHEN_TOLD)


async def test_at_the_end_of_a_drain_it_is_told_to_end_and_another_may_go_on(fifo: Fifo) -> None:
    runner = new_runner()
    run = UnderWay(runner, handlers.pauses, fifo, on_lost="rerun")
    await run.pids()
    runner.stop_all(grace_ms=20_000)
    end = await run.ending
    assert (end.outcome, end.retry_in_ms) == (Outcome.CANCELLED, 0)


async def test_a_hurried_end_waits_no_longer_than_it_says_although_it_was_told_before(
    fifo: Fifo,
) -> None:
    runner = new_runner()
    run = UnderWay(runner, handlers.swallows, fifo)
    pids = await run.pids()
    runner.cancel(ASKED)
    runner.stop_all(grace_ms=0)
    assert (await run.ending).outcome is Outcome.CANCELLED
    assert not any(map(is_alive, pids))


async def test_it_may_be_told_to_end_before_it_has_begun(fifo: Fifo) -> None:
    runner = new_runner()
    run = UnderWay(runner, handlers.pauses, fifo)
    await asyncio.sleep(0)
    runner.stop_all(grace_ms=0)
    assert (await run.ending).outcome is Outcome.LOST
    assert fifo.read() == []


# --- a keeper that does not obey


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="on Linux it dies with its keeper")
async def test_when_its_keeper_is_stopped_it_is_killed_all_the_same(
    fifo: Fifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronfleet.engine.isolated.minder.KEEPER_S", 0.1)
    runner = new_runner(IMPATIENT_MS)
    run = UnderWay(runner, handlers.stops_its_keeper, fifo)
    (pid,) = await run.pids()
    runner.cancel(ASKED)
    assert (await run.ending).outcome is Outcome.CANCELLED
    eventually(lambda: not is_alive(pid), within_s=10)
