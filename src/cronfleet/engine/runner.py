"""One handler call, from entering it to its outcome. Whatever a handler raises is an outcome."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cronfleet.chance import fraction
from cronfleet.clock import Clock, SystemClock
from cronfleet.context import RUN_LOGGER, LogAdapter, RunContext, marks_of
from cronfleet.engine.calls import Call, NotEnteredError, call
from cronfleet.engine.isolated.minder import Graces
from cronfleet.engine.isolated.verdict import HandlerError
from cronfleet.engine.known import KnownJob, Seat
from cronfleet.engine.saying import said
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
    raised: BaseException | None = field(default=None, compare=False)
    duration_s: float = field(default=0.0, compare=False)
    """How long its handler ran, or was waited for."""


TOO_LATE = Ended(Outcome.LOST, error="the session ran out while it was being started; not entered")


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class _Entered:
    """A handler at work."""

    session: SessionId
    job: KnownJob
    lost: threading.Event
    call: Call
    entered_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    over: asyncio.Future[None] = field(default_factory=_future)
    """Done when its handler has ended, or is given up."""
    cancelled_as: Outcome | None = None
    is_handed_on: bool = False
    """Cancelled for another instance to go on with: that is no loss."""

    @property
    def may_be_cancelled(self) -> bool:
        """Whether its handler goes on, and nobody has cancelled it yet.

        One that has ended is not seen to at once, where the event loop stood still.
        """
        return self.cancelled_as is None and not self.call.ended.done()

    def end(self, _: object = None) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Runner:
    """Enters handlers while `holds` says that their session lasts, and cancels those that must end.

    `holds` may be asked from any thread.
    """

    def __init__(
        self,
        cancel_grace_ms: int,
        holds: Callable[[SessionId], bool],
        loss_grace_ms: int = 500,
        *,
        clock: Clock | None = None,
        run_logger: logging.Logger | None = None,
    ) -> None:
        self._graces = Graces(cancel_grace_ms, loss_grace_ms)
        self._holds = holds
        self._clock = clock or SystemClock()
        self._run_logger = run_logger or logging.getLogger(RUN_LOGGER)
        self._entered: dict[Claim, _Entered] = {}
        self._left: dict[Claim, asyncio.Future[BaseException | None]] = {}
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
        entered = self._enter(job, claim, session)
        timer = self._time_limit(entered)
        try:
            await entered.over
        finally:
            del self._entered[claim]
            if timer:
                timer.cancel()
            if not entered.call.ended.done():
                self._left[claim] = entered.call.ended
        took_s = asyncio.get_running_loop().time() - entered.entered_s
        ended = _ended(entered, claim)
        return ended if ended is TOO_LATE else replace(ended, duration_s=took_s)

    def when_over(self, claim: Claim, act: Callable[[], None]) -> None:
        """Act when nothing of the claim's handler runs here any more: now, unless it was given up.

        To be asked once, when `run` has answered or was not called.
        """
        left = self._left.pop(claim, None)
        if left is None:
            act()
            return

        def ended_at_last(_: object) -> None:
            log.warning(
                "%s: its handler has ended at last, its seat is free again",
                claim.run,
                extra=marks_of(claim),
            )
            act()

        left.add_done_callback(ended_at_last)

    def lose(self, session: SessionId) -> None:
        """The session is closed: another may be at its runs."""
        for entered in self._of(session):
            entered.lost.set()
            if entered.job.definition.on_lost is OnLost.RERUN:
                self._cancel(entered, Outcome.LOST)
                entered.call.hurry(0)

    def stop_repeatable(self, session: SessionId) -> None:
        """The session may soon be closed: end the handlers that would be run again elsewhere."""
        for entered in self._of(session):
            if entered.job.definition.on_lost is OnLost.RERUN:
                entered.lost.set()
                self._cancel(entered, Outcome.LOST)
                entered.call.hurry(self._graces.loss_ms)

    def cancel(self, asked: Iterable[CancelAsked]) -> None:
        """Cancel these runs, as far as they are here. A thread is told, and waited for."""
        wanted = {(each.run, each.token) for each in asked}
        for claim, entered in self._entered.items():
            if (claim.run, claim.token) in wanted and entered.may_be_cancelled:
                log.info("%s: asked to cancel", claim.run, extra=marks_of(claim))
                entered.lost.set()
                if entered.call.can_be_stopped:
                    self._cancel(entered, Outcome.CANCELLED)
                else:
                    entered.cancelled_as = Outcome.CANCELLED

    def drain(self) -> None:
        """Its instance was told to stop: tell the handlers, and those entered from now on."""
        self._draining.set()

    def stop_all(self, grace_ms: int = 0) -> None:
        """The drain is over: enter no more, and wait so long, but not for threads."""
        self._is_stopped = True
        for entered in self._entered.values():
            entered.lost.set()
            if entered.cancelled_as is None:
                entered.is_handed_on = entered.job.definition.on_lost is OnLost.RERUN
            self._cancel(entered, Outcome.CANCELLED if entered.is_handed_on else Outcome.LOST)
            entered.call.hurry(grace_ms)
            self._give_up_after(entered, grace_ms if entered.call.can_be_stopped else 0)

    def _enter(self, job: KnownJob, claim: Claim, session: SessionId) -> _Entered:
        context = self._context(job, claim)

        def cancelled(outcome: Outcome) -> None:
            if claim in self._entered:
                self._cancel(self._entered[claim], outcome)

        at_work = call(job, context, lambda: self._holds(session), self._graces, cancelled)
        entered = _Entered(session, job, context.lost, at_work)
        at_work.ended.add_done_callback(entered.end)
        self._entered[claim] = entered
        return entered

    def _context(self, job: KnownJob, claim: Claim) -> RunContext:
        timeout_ms = job.definition.timeout_ms
        ends_at = None if timeout_ms is None else self._clock.wall_ms() + timeout_ms
        return RunContext(
            job=claim.run.job,
            kind=claim.kind,
            fire_time=_moment(claim.run.fire_time),
            args=deepcopy(job.definition.args),  # A handler may change its own.
            attempt=claim.attempt,
            token=claim.token,
            run_id=str(claim.run),
            deadline=None if ends_at is None else _moment(ends_at),
            lost=threading.Event(),
            log=LogAdapter(self._run_logger, marks_of(claim)),
            shard=max(0, claim.run.shard),
            shards=claim.shards,
            draining=self._draining,
        )

    def _of(self, session: SessionId) -> list[_Entered]:
        return [entered for entered in self._entered.values() if entered.session == session]

    def _time_limit(self, entered: _Entered) -> asyncio.TimerHandle | None:
        timeout_ms = entered.job.definition.timeout_ms
        if timeout_ms is None or entered.job.seat is Seat.PROCESS:
            return None  # The time of a process counts from when it has entered its handler.
        loop = asyncio.get_running_loop()
        return loop.call_later(timeout_ms / 1000, self._cancel, entered, Outcome.TIMED_OUT)

    def _cancel(self, entered: _Entered, outcome: Outcome) -> None:
        if entered.may_be_cancelled:
            entered.cancelled_as = outcome
            entered.call.stop(self._graces.cancel_ms)
            self._give_up_after(entered, self._graces.cancel_ms)

    def _give_up_after(self, entered: _Entered, grace_ms: int) -> None:
        """A handler may take no notice; its run is not held open for it for ever."""
        loop = asyncio.get_running_loop()
        loop.call_later(entered.call.given_up_after_ms(grace_ms) / 1000, entered.end)


def _moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant / 1000, UTC)


def _ended(entered: _Entered, claim: Claim) -> Ended:
    ended = entered.call.ended
    if not ended.done():
        log.error(
            "%s: its handler goes on although it was cancelled; its seat is not given to another "
            "until it ends",
            claim.run,
            extra=marks_of(claim),
        )
        outcome = Outcome.LOST if entered.is_handed_on else entered.cancelled_as or Outcome.LOST
        return Ended(outcome, error="did not end when cancelled")
    if ended.cancelled():
        error = None if entered.cancelled_as else asyncio.CancelledError("its task was cancelled")
    elif (error := ended.result()) is None:
        return Ended(Outcome.SUCCEEDED)  # It got to its end, whatever was asked meanwhile.
    if isinstance(error, NotEnteredError):
        return TOO_LATE
    outcome = entered.cancelled_as or Outcome.FAILED
    if error is not None:
        marks = marks_of(claim)
        log.warning("%s %s: %s", claim.run, outcome, said(error), exc_info=error, extra=marks)
    return Ended(outcome, _retry(entered, claim, outcome, error), said(error), error)


def _retry(
    entered: _Entered, claim: Claim, outcome: Outcome, error: BaseException | None
) -> int | None:
    if outcome is Outcome.LOST:
        return None
    if outcome is Outcome.CANCELLED:
        return 0 if entered.is_handed_on else None
    if outcome is Outcome.FAILED and not _is_one_of(error, entered.job.retry_on):
        return None
    retry = entered.job.definition.retry
    return retry_in_ms(retry, claim.attempt, fraction())


def _is_one_of(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> bool:
    if isinstance(error, HandlerError):  # Of a process: it came over as words.
        return not error.kinds.isdisjoint(
            f"{kind.__module__}.{kind.__qualname__}" for kind in kinds
        )
    return isinstance(error, kinds)
