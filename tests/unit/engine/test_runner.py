"""One handler call in the event loop: whatever it does has an outcome, and nothing else ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronfleet import Retry, RunContext, every
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.runner import Ended, Runner
from cronfleet.model import Claim, Kind, Outcome, RunId, SessionId
from cronfleet.registry import known_job
from cronfleet.store import CancelAsked
from tests.virtual_time import virtual_loop

NOON_MS = 1_774_785_600_000
ANNA, BERT = SessionId("anna"), SessionId("bert")
GRACE_S = 5.0
LOST = {SessionId("lost")}


def job(handler: Handler, **options: Any) -> KnownJob:
    return known_job(handler, every(timedelta(hours=1)), "report", options)  # pyright: ignore[reportArgumentType] - a test names options that exist


def claim(attempt: int = 1, token: int = 7) -> Claim:
    return Claim(RunId("report", NOON_MS), Kind.TICK, token, attempt, "digest")


def asked() -> list[CancelAsked]:
    """What the holder hears when somebody cancels the run."""
    return [CancelAsked(claim().run, claim().token)]


def new_runner() -> Runner:
    return Runner(round(GRACE_S * 1000), lambda session: session not in LOST)


async def ended(handler: Handler, attempt: int = 1, **options: Any) -> Ended:
    return await new_runner().run(job(handler, **options), claim(attempt), ANNA)


async def under_way(
    runner: Runner, handler: Handler, session: SessionId = ANNA, **options: Any
) -> asyncio.Task[Ended]:
    """A run whose handler has been entered."""
    task = asyncio.create_task(runner.run(job(handler, **options), claim(), session))
    await asyncio.sleep(0.001)
    return task


async def test_what_a_handler_does_to_its_arguments_no_other_run_sees() -> None:
    seen: list[str] = []

    async def handler(run: RunContext) -> None:
        seen.append(run.args["to"].pop())

    of_anna = job(handler, args={"to": ["anna"]})
    for token in (7, 8):
        await new_runner().run(of_anna, claim(token=token), ANNA)
    assert seen == ["anna", "anna"]


async def test_a_handler_is_not_entered_once_the_session_has_run_out() -> None:
    entered: list[RunContext] = []

    async def handler(run: RunContext) -> None:
        entered.append(run)

    for each in (handler, entered.append):
        end = await new_runner().run(job(each), claim(), SessionId("lost"))
        assert (end.outcome, end.retry_in_ms) == (Outcome.LOST, None)
        assert "not entered" in end.error
    assert entered == []


async def sleeps(run: RunContext) -> None:
    await asyncio.sleep(3_600)


async def swallows(run: RunContext) -> None:
    for _ in range(10):
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            continue


# --- what a handler is given


async def test_a_handler_is_given_its_run() -> None:
    given: list[RunContext] = []

    async def handler(run: RunContext) -> None:
        given.append(run)

    await new_runner().run(job(handler, args={"to": "anna"}), claim(attempt=2), ANNA)
    (run,) = given
    assert (run.job, run.kind, run.run_id) == ("report", "tick", f"report@{NOON_MS}")
    assert run.fire_time == datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert (run.args, run.attempt, run.token) == ({"to": "anna"}, 2, 7)
    assert (run.deadline, run.lost.is_set()) == (None, False)


async def test_its_log_lines_are_marked_with_its_run(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(run: RunContext) -> None:
        run.log.warning("no paper")

    await ended(handler)
    (line,) = caplog.records
    assert line.__dict__["run"] == f"report@{NOON_MS}"
    assert (line.__dict__["job"], line.__dict__["token"]) == ("report", 7)


async def test_with_a_timeout_it_has_a_deadline() -> None:
    deadlines: list[datetime | None] = []

    async def handler(run: RunContext) -> None:
        deadlines.append(run.deadline)

    before = datetime.now(UTC)
    await ended(handler, timeout=timedelta(seconds=9))
    (deadline,) = deadlines
    assert deadline is not None
    assert 9 <= round((deadline - before).total_seconds(), 2) < 20


# --- how it ends


async def test_a_handler_that_returns_has_succeeded() -> None:
    async def handler(run: RunContext) -> str:
        return "done"

    assert await ended(handler) == Ended(Outcome.SUCCEEDED)


def raising(error: BaseException) -> Callable[[RunContext], Awaitable[None]]:
    async def handler(run: RunContext) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    "error",
    [
        OSError("no paper"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError("from within"),
        TimeoutError("its own"),
        BaseExceptionGroup("two", [SystemExit(), OSError()]),
    ],
)
async def test_whatever_a_handler_raises_is_a_failure_and_nothing_else_ends(
    error: BaseException,
) -> None:
    end = await ended(raising(error))
    assert (end.outcome, end.retry_in_ms) == (Outcome.FAILED, None)
    assert type(error).__name__ in end.error
    assert str(error) in end.error


async def test_an_error_says_where_it_was_raised(caplog: pytest.LogCaptureFixture) -> None:
    end = await ended(raising(OSError("no paper")))
    assert end.error.startswith("OSError: no paper\nin handler, ")
    assert __file__ in end.error
    assert f"report@{NOON_MS} failed: OSError: no paper" in caplog.text


async def test_a_handler_that_cancels_itself_has_failed() -> None:
    async def handler(run: RunContext) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    end = await ended(handler)
    assert end.outcome is Outcome.FAILED
    assert end.error.endswith("its task was cancelled")


async def test_a_time_limit_of_the_handlers_own_is_not_taken_for_ours() -> None:
    async def handler(run: RunContext) -> None:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(10)
        except TimeoutError:
            return

    assert await ended(handler) == Ended(Outcome.SUCCEEDED)


# --- time limits


async def test_a_handler_over_its_time_limit_is_cancelled_then() -> None:
    loop = virtual_loop()
    began = loop.time()
    end = await ended(sleeps, timeout=timedelta(seconds=9))
    assert end.outcome is Outcome.TIMED_OUT
    assert loop.time() - began == pytest.approx(9)


async def test_a_handler_that_ends_in_time_leaves_no_timer() -> None:
    async def handler(run: RunContext) -> None: ...

    runner = new_runner()
    await runner.run(job(handler, timeout=timedelta(seconds=9)), claim(), ANNA)
    await asyncio.sleep(20)
    assert runner._entered == {}


async def test_what_a_cancelled_handler_says_at_its_end_is_kept() -> None:
    async def handler(run: RunContext) -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            raise OSError("paper jam")

    end = await ended(handler, timeout=timedelta(seconds=9))
    assert end.outcome is Outcome.TIMED_OUT
    assert "paper jam" in end.error


async def test_a_handler_that_gets_to_its_end_has_succeeded_whatever_was_asked_meanwhile() -> None:
    async def handler(run: RunContext) -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            return

    assert await ended(handler, timeout=timedelta(seconds=9)) == Ended(Outcome.SUCCEEDED)


async def test_a_handler_that_swallows_its_cancellation_is_given_up_after_a_grace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = virtual_loop()
    began = loop.time()
    runner = new_runner()
    running = await under_way(runner, swallows, timeout=timedelta(seconds=9))
    assert await running == Ended(Outcome.TIMED_OUT, error="did not end when cancelled")
    assert loop.time() - began == pytest.approx(9 + GRACE_S, abs=0.01)
    assert "goes on although it was cancelled" in caplog.text


# --- retries


@pytest.mark.parametrize(
    ("on", "delay_ms"),
    [((Exception,), 10_000), ((OSError,), 10_000), ((ValueError,), None), ((), None)],
)
async def test_a_failure_that_the_retry_names_is_tried_again(
    on: tuple[type[BaseException], ...], delay_ms: int | None
) -> None:
    retry = Retry(jitter=0, on=on)
    end = await ended(raising(OSError()), retry=retry)
    assert (end.outcome, end.retry_in_ms) == (Outcome.FAILED, delay_ms)


async def test_a_time_out_is_always_worth_another_attempt() -> None:
    retry = Retry(jitter=0, on=())
    end = await ended(sleeps, timeout=timedelta(seconds=9), retry=retry)
    assert (end.outcome, end.retry_in_ms) == (Outcome.TIMED_OUT, 10_000)


async def test_after_the_last_attempt_there_is_no_other() -> None:
    end = await ended(raising(OSError()), attempt=3, retry=Retry(attempts=3))
    assert end.retry_in_ms is None


async def test_the_end_of_an_interpreter_is_not_tried_again_unless_it_is_named() -> None:
    assert (await ended(raising(SystemExit(1)), retry=Retry())).retry_in_ms is None
    named = Retry(on=(SystemExit,), jitter=0)
    assert (await ended(raising(SystemExit(1)), retry=named)).retry_in_ms == 10_000


async def test_what_is_lost_is_not_retried_by_its_policy_but_by_on_lost() -> None:
    runner = new_runner()
    running = await under_way(runner, sleeps, on_lost="rerun", retry=Retry())
    runner.lose(ANNA)
    end = await running
    assert (end.outcome, end.retry_in_ms) == (Outcome.LOST, None)


# --- sessions


async def test_with_a_closed_session_repeatable_handlers_are_cancelled_and_others_told() -> None:
    runner = new_runner()
    contexts: list[RunContext] = []

    async def handler(run: RunContext) -> None:
        contexts.append(run)
        await asyncio.sleep(60)

    once = await under_way(runner, handler, on_lost="abandon")
    again = asyncio.create_task(runner.run(job(handler, on_lost="rerun"), claim(token=8), ANNA))
    await asyncio.sleep(0.001)
    runner.lose(ANNA)
    assert [run.lost.is_set() for run in contexts] == [True, True]
    assert (await again).outcome is Outcome.LOST
    assert (await once).outcome is Outcome.SUCCEEDED


async def test_when_a_session_may_end_soon_only_repeatable_handlers_are_stopped() -> None:
    runner = new_runner()
    contexts: list[RunContext] = []

    async def handler(run: RunContext) -> None:
        contexts.append(run)
        await asyncio.sleep(60)

    once = await under_way(runner, handler, on_lost="abandon")
    again = asyncio.create_task(runner.run(job(handler, on_lost="rerun"), claim(token=8), ANNA))
    await asyncio.sleep(0.001)
    runner.stop_repeatable(ANNA)
    assert [run.lost.is_set() for run in contexts] == [False, True]
    assert (await again).outcome is Outcome.LOST
    assert (await once).outcome is Outcome.SUCCEEDED


async def test_the_handlers_of_another_session_are_left_alone() -> None:
    runner = new_runner()
    theirs = await under_way(runner, sleeps, BERT, on_lost="rerun")
    runner.lose(ANNA)
    runner.stop_repeatable(ANNA)
    await asyncio.sleep(60)
    assert not theirs.done()
    runner.lose(BERT)
    assert (await theirs).outcome is Outcome.LOST


async def test_a_handler_is_cancelled_once_and_the_first_reason_counts() -> None:
    runner = new_runner()
    running = await under_way(runner, swallows, on_lost="rerun", timeout=timedelta(seconds=9))
    await asyncio.sleep(10)
    runner.lose(ANNA)
    runner.stop_all()
    assert (await running).outcome is Outcome.TIMED_OUT


async def test_a_handler_that_has_ended_is_not_cancelled_any_more() -> None:
    """Its time may be over by when that is seen: the event loop stood still."""
    runner = new_runner()

    async def handler(run: RunContext) -> None:
        me = asyncio.current_task()
        assert me
        me.add_done_callback(lambda _: runner.cancel(asked()))
        raise OSError("paper jam")

    end = await runner.run(job(handler), claim(), ANNA)
    assert end.outcome is Outcome.FAILED


@pytest.mark.parametrize("on_lost", ["abandon", "rerun"])
async def test_what_an_operator_cancels_ends_for_good(on_lost: str) -> None:
    runner = new_runner()
    running = await under_way(runner, sleeps, on_lost=on_lost, retry=Retry())
    runner.cancel(asked())
    assert await running == Ended(Outcome.CANCELLED)


async def test_what_an_operator_cancels_in_vain_is_not_run_again_either() -> None:
    runner = new_runner()
    running = await under_way(runner, swallows, on_lost="rerun")
    runner.cancel(asked())
    end = await running
    assert (end.outcome, end.retry_in_ms) == (Outcome.CANCELLED, None)


async def test_what_is_to_be_done_when_a_handler_is_over_is_done_then_and_not_before() -> None:
    runner, gate = new_runner(), asyncio.Event()
    over: list[str] = []

    async def stubborn(run: RunContext) -> None:
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()

    await runner.run(job(stubborn, timeout=timedelta(seconds=1)), claim(), ANNA)
    runner.when_over(claim(), lambda: over.append("stubborn"))
    runner.when_over(claim(token=8), lambda: over.append("never entered"))
    await asyncio.sleep(60)
    assert over == ["never entered"]
    gate.set()
    await asyncio.sleep(0.01)
    assert over == ["never entered", "stubborn"]


async def test_when_all_is_stopped_every_handler_is_cancelled_and_none_is_entered_any_more() -> (
    None
):
    runner = new_runner()
    running = await under_way(runner, sleeps)
    runner.stop_all()
    assert (await running).outcome is Outcome.LOST
    end = await runner.run(job(sleeps), claim(), ANNA)
    assert (end.outcome, end.error) == (
        Outcome.LOST,
        "its instance stopped; its handler was not entered",
    )


async def test_a_cancel_is_for_one_attempt_alone() -> None:
    runner = new_runner()
    running = await under_way(runner, sleeps)
    runner.cancel([CancelAsked(claim().run, claim().token - 1)])
    await asyncio.sleep(GRACE_S + 1)
    assert not running.done()
    runner.cancel(asked())
    assert await running == Ended(Outcome.CANCELLED)


async def test_what_was_timed_out_already_is_not_cancelled_as_well() -> None:
    runner = new_runner()
    running = await under_way(runner, swallows, timeout=timedelta(seconds=1), retry=Retry())
    await asyncio.sleep(2)
    runner.cancel(asked())
    end = await running
    assert (end.outcome, end.retry_in_ms) == (Outcome.TIMED_OUT, None)


async def test_a_failure_is_logged_once_as_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    await ended(raising(OSError("no paper")))
    assert [line.levelno for line in caplog.records] == [logging.WARNING]
