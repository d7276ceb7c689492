"""One handler call, from entering it to its outcome. Whatever a handler raises is an outcome."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from cronfleet.context import LogAdapter, RunContext
from cronfleet.engine.known import KnownJob
from cronfleet.engine.threads import in_thread
from cronfleet.errors import CronfleetError
from cronfleet.model import Claim, OnLost, Outcome, SessionId
from cronfleet.policy import retry_in_ms
from cronfleet.store import CancelAsked

log: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended."""

    outcome: Outcome
    retry_in_ms: int | None = None
    error: str = ""


TOO_LATE = Ended(Outcome.LOST, error="the session ran out while it was being started; not entered")


@dataclass(slots=True)
class _Entered:
    """A handler at work."""

    session: SessionId
    job: KnownJob
    lost: threading.Event
    call: asyncio.Future[BaseException | None]
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_as: Outcome | None = None
    is_asked: bool = False
    """Somebody asked for it to be cancelled: there is no further attempt."""


class _NotEnteredError(CronfleetError):
    """The session ran out between the answer to `start` and the handler's first step."""


class Runner:
    """Enters handlers while `holds` says that their session lasts, and cancels those that must end."""

    def __init__(self, cancel_grace_ms: int, holds: Callable[[SessionId], bool]) -> None:
        self._cancel_grace_ms = cancel_grace_ms
        self._holds = holds
        self._entered: dict[Claim, _Entered] = {}
        self._draining = threading.Event()
        self._is_stopped = False

    @property
    def is_at_work(self) -> bool:
        """Whether any handler has been entered and has not ended."""
        return bool(self._entered)

    async def run(self, job: KnownJob, claim: Claim, session: SessionId) -> Ended:
        """Enter the handler and wait for its end, however it ends."""
        if self._is_stopped:
            return Ended(Outcome.LOST, error="its instance stopped; its handler was not entered")
        context = _context(job, claim, self._draining)
        call = _call(job, context, lambda: self._holds(session))
        entered = _Entered(session, job, context.lost, call)
        self._entered[claim] = entered
        timer = self._time_limit(entered)
        try:
            await _first_of(entered.call, entered.given_up)
        finally:
            del self._entered[claim]
            if timer:
                timer.cancel()
        return _ended(entered, claim)

    def lose(self, session: SessionId) -> None:
        """The session is closed: another may be at its runs."""
        for entered in self._of(session):
            entered.lost.set()
            if entered.job.definition.on_lost is OnLost.RERUN:
                self._cancel(entered, Outcome.LOST)

    def stop_repeatable(self, session: SessionId) -> None:
        """The session may soon be closed: end the handlers that would be run again elsewhere."""
        for entered in self._of(session):
            if entered.job.definition.on_lost is OnLost.RERUN:
                entered.lost.set()
                self._cancel(entered, Outcome.LOST)

    def cancel(self, asked: Iterable[CancelAsked]) -> None:
        """Cancel these runs, as far as they are here. A thread is told, and waited for."""
        wanted = {(each.run, each.token) for each in asked}
        for claim, entered in self._entered.items():
            if (claim.run, claim.token) in wanted and not entered.cancelled_as:
                log.info("%s: asked to cancel", claim.run)
                entered.lost.set()
                entered.is_asked = True
                if entered.job.is_coroutine:
                    self._cancel(entered, Outcome.CANCELLED)
                else:
                    entered.cancelled_as = Outcome.CANCELLED

    def drain(self) -> None:
        """Its instance was told to stop: tell the handlers, and those entered from now on."""
        self._draining.set()

    def stop_all(self, grace_ms: int = 0) -> None:
        """The drain is over: enter no more, and wait so long for coroutines, not for threads."""
        self._is_stopped = True
        loop = asyncio.get_running_loop()
        for entered in self._entered.values():
            entered.lost.set()
            self._cancel(entered, _end_of_drain(entered.job))
            span_s = grace_ms / 1000 if entered.job.is_coroutine else 0
            loop.call_later(span_s, entered.given_up.set)

    def _of(self, session: SessionId) -> list[_Entered]:
        return [entered for entered in self._entered.values() if entered.session == session]

    def _time_limit(self, entered: _Entered) -> asyncio.TimerHandle | None:
        timeout_ms = entered.job.definition.timeout_ms
        if timeout_ms is None:
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(timeout_ms / 1000, self._cancel, entered, Outcome.TIMED_OUT)

    def _cancel(self, entered: _Entered, outcome: Outcome) -> None:
        if entered.cancelled_as is None:
            entered.cancelled_as = outcome
            if entered.job.is_coroutine:
                entered.call.cancel()  # A thread is only told, by `lost`.
            # A handler may take no notice; its seat is not held for it for ever.
            loop = asyncio.get_running_loop()
            loop.call_later(self._cancel_grace_ms / 1000, entered.given_up.set)


def _context(job: KnownJob, claim: Claim, draining: threading.Event) -> RunContext:
    fire_time = datetime.fromtimestamp(claim.run.fire_time / 1000, UTC)
    about = {"job": claim.run.job, "run": str(claim.run), "attempt": claim.attempt}
    return RunContext(
        job=claim.run.job,
        kind=claim.kind,
        fire_time=fire_time,
        args=job.definition.args,
        attempt=claim.attempt,
        token=claim.token,
        run_id=str(claim.run),
        deadline=_deadline(job.definition.timeout_ms),
        lost=threading.Event(),
        log=LogAdapter(logging.getLogger("cronfleet.run"), about | {"token": claim.token}),
        shard=max(0, claim.run.shard),
        shards=claim.shards,
        draining=draining,
    )


def _deadline(timeout_ms: int | None) -> datetime | None:
    if timeout_ms is None:
        return None
    return datetime.now(UTC) + timedelta(milliseconds=timeout_ms)


def _call(
    job: KnownJob, context: RunContext, may_enter: Callable[[], bool]
) -> asyncio.Future[BaseException | None]:
    if job.is_coroutine:
        return asyncio.create_task(_await(job, context, may_enter), name=context.run_id)
    return in_thread(lambda: _caught(job, context, may_enter), name=context.run_id)


async def _await(
    job: KnownJob, context: RunContext, may_enter: Callable[[], bool]
) -> BaseException | None:
    if not may_enter():
        return _NotEnteredError()
    try:
        await cast("Awaitable[object]", job.handler(context))
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
        return error
    except BaseException as error:  # noqa: BLE001 - SystemExit in a task would end the loop
        return error
    return None


def _caught(
    job: KnownJob, context: RunContext, may_enter: Callable[[], bool]
) -> BaseException | None:
    if not may_enter():
        return _NotEnteredError()
    try:
        answer = job.handler(context)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is an outcome
        return error
    if inspect.iscoroutine(answer):
        answer.close()
    if inspect.isawaitable(answer):
        return TypeError(f"the handler of job {context.job!r} returned {answer!r}: write async def")
    return None


async def _first_of(call: asyncio.Future[BaseException | None], given_up: asyncio.Event) -> None:
    waiter = asyncio.create_task(given_up.wait())
    try:
        await asyncio.wait({call, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()


def _ended(entered: _Entered, claim: Claim) -> Ended:
    call = entered.call
    if not call.done():
        log.error("%s: its handler goes on although it was cancelled", claim.run)
        return Ended(_given_up_as(entered), error="did not end when cancelled")
    if call.cancelled():
        error = None if entered.cancelled_as else asyncio.CancelledError("its task was cancelled")
    elif (error := call.result()) is None:
        return Ended(Outcome.SUCCEEDED)  # It got to its end, whatever was asked meanwhile.
    if isinstance(error, _NotEnteredError):
        return TOO_LATE
    outcome = entered.cancelled_as or Outcome.FAILED
    if error is not None:
        log.warning("%s %s: %s", claim.run, outcome, _said(error), exc_info=error)
    retry_in_ms = None if entered.is_asked else _retry(entered.job, claim, outcome, error)
    return Ended(outcome, retry_in_ms, _said(error))


def _given_up_as(entered: _Entered) -> Outcome:
    """How the attempt of a handler ended that goes on although it was cancelled."""
    if entered.is_asked:
        return Outcome.CANCELLED
    return Outcome.TIMED_OUT if entered.cancelled_as is Outcome.TIMED_OUT else Outcome.LOST


def _end_of_drain(job: KnownJob) -> Outcome:
    """Handed on to another instance, if it may run again: that is no loss."""
    is_repeatable = job.definition.on_lost is OnLost.RERUN
    return Outcome.CANCELLED if is_repeatable else Outcome.LOST


def _retry(
    job: KnownJob, claim: Claim, outcome: Outcome, error: BaseException | None
) -> int | None:
    if outcome is Outcome.LOST:
        return None
    if outcome is Outcome.CANCELLED:
        return 0
    if outcome is Outcome.FAILED and not isinstance(error, job.retry_on):
        return None
    return retry_in_ms(job.definition.retry, claim.attempt, random.random())  # noqa: S311 - spread


def _said(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, CronfleetError):
        return str(error)  # Its message is for people, and says what to do.
    said = "".join(traceback.format_exception_only(error)).strip()
    frames = traceback.extract_tb(error.__traceback__)
    where = f"\nin {frames[-1].name}, {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return said + where
