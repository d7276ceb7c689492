"""Plain handlers, in real threads and in real time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronfleet import RunContext, every
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.runner import Ended, Runner
from cronfleet.model import Claim, Kind, Outcome, RunId, SessionId
from cronfleet.registry import known_job
from cronfleet.store import CancelAsked
from tests.virtual_time import Backend

ANNA = SessionId("anna")
CLAIM = Claim(RunId("report", 5), Kind.TICK, 7, 1, "digest")


def holds(_: SessionId) -> bool:
    return True


@pytest.fixture
def anyio_backend() -> Backend:
    return "asyncio", {}


def job(handler: Handler, **options: Any) -> KnownJob:
    return known_job(handler, every(timedelta(hours=1)), "report", options)  # pyright: ignore[reportArgumentType] - a test names options that exist


class Waiter:
    """A plain handler that waits for its gate, and may look whether its run is lost."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.gate = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.thread: threading.Thread | None = None

    def until_the_gate_opens(self, run: RunContext) -> None:
        self._begin()
        assert self.gate.wait(10)

    def until_it_is_lost(self, run: RunContext) -> None:
        self._begin()
        assert run.lost.wait(10)

    def _begin(self) -> None:
        self.thread = threading.current_thread()
        self._loop.call_soon_threadsafe(self.entered.set)

    def end(self) -> None:
        self.gate.set()
        assert self.thread is not None
        self.thread.join()


async def test_a_plain_handler_runs_in_a_thread_that_keeps_no_process_from_ending() -> None:
    threads: list[threading.Thread] = []
    handler: Callable[[RunContext], None] = lambda run: threads.append(threading.current_thread())  # noqa: E731 - as short as its meaning
    assert await Runner(5_000, holds).run(job(handler), CLAIM, ANNA) == Ended(Outcome.SUCCEEDED)
    (thread,) = threads
    assert thread is not threading.main_thread()
    assert thread.daemon
    thread.join()


@pytest.mark.parametrize("error", [OSError("no paper"), SystemExit(3), KeyboardInterrupt()])
async def test_whatever_it_raises_is_a_failure(error: BaseException) -> None:
    def handler(run: RunContext) -> None:
        raise error

    end = await Runner(5_000, holds).run(job(handler), CLAIM, ANNA)
    assert end.outcome is Outcome.FAILED
    assert end.error.startswith(type(error).__name__)


async def test_a_plain_handler_that_makes_a_coroutine_is_told_to_be_one() -> None:
    async def forgotten() -> None: ...

    def handler(run: RunContext) -> object:
        return forgotten()

    end = await Runner(5_000, holds).run(job(handler), CLAIM, ANNA)
    assert end.outcome is Outcome.FAILED
    assert "write async def" in end.error


async def test_a_thread_that_sees_in_time_that_it_is_lost_has_succeeded() -> None:
    """It cannot be stopped, so it is given a grace to end by itself."""
    waiter, runner = Waiter(), Runner(5_000, holds)
    handler = job(waiter.until_it_is_lost, on_lost="rerun")
    running = asyncio.create_task(runner.run(handler, CLAIM, ANNA))
    await waiter.entered.wait()
    runner.lose(ANNA)
    assert await running == Ended(Outcome.SUCCEEDED)
    waiter.end()


async def test_a_thread_that_does_not_end_is_given_up_after_the_grace() -> None:
    waiter, runner = Waiter(), Runner(10, holds)
    handler = job(waiter.until_the_gate_opens, on_lost="rerun")
    running = asyncio.create_task(runner.run(handler, CLAIM, ANNA))
    await waiter.entered.wait()
    runner.lose(ANNA)
    assert (await running).outcome is Outcome.LOST
    waiter.end()


async def test_a_thread_that_is_to_be_cancelled_is_told_and_waited_for() -> None:
    """Given up, it would go on beside the next run of its job."""
    waiter, runner = Waiter(), Runner(0, holds)

    def handler(run: RunContext) -> None:
        waiter.until_it_is_lost(run)
        raise InterruptedError

    running = asyncio.create_task(runner.run(job(handler), CLAIM, ANNA))
    await waiter.entered.wait()
    runner.cancel([CancelAsked(CLAIM.run, CLAIM.token)])
    end = await running
    assert (end.outcome, end.retry_in_ms) == (Outcome.CANCELLED, None)
    waiter.end()


async def test_when_all_is_stopped_nobody_waits_for_a_thread() -> None:
    waiter, runner = Waiter(), Runner(3_600_000, holds)
    handler = job(waiter.until_the_gate_opens)
    running = asyncio.create_task(runner.run(handler, CLAIM, ANNA))
    await waiter.entered.wait()
    runner.stop_all()
    assert (await running).outcome is Outcome.LOST
    waiter.end()
    await asyncio.sleep(0)  # What it says now is heard by nobody, and does no harm.
