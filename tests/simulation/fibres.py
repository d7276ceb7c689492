"""What is a thread in production takes turns here: the same code, in one thread, in virtual time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar, cast

from greenlet import GreenletExit, getcurrent, greenlet

from cronfleet.clock import Clock
from cronfleet.engine.renewal import News, RenewalThread
from cronfleet.engine.times import Times
from cronfleet.store import Store
from cronfleet.testing.simulation.loop import life_of
from tests.simulation.loop import FaultyLoop, Life

Answer = TypeVar("Answer")


class Fibre:
    """A thread of a process. It waits only by `wait_for`, and lets the others go on meanwhile."""

    def __init__(self, run: Callable[[], None], life: Life) -> None:
        self._loop = cast("FaultyLoop", asyncio.get_running_loop())
        self._context = _context_of(life)
        self._greenlet = greenlet(lambda: self._live(run), parent=_outermost())
        self._greenlet.gr_context = self._context.copy()
        self._has_begun = False
        self.over: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        self._has_begun = True
        self._loop.call_soon(self._greenlet.switch, context=self._context)

    def is_alive(self) -> bool:
        return self._has_begun and not self.over.done()

    def end(self) -> None:
        """Nobody looks any more."""
        self._greenlet.throw(GreenletExit)

    def _live(self, run: Callable[[], None]) -> None:
        try:
            run()
        finally:
            if not self.over.done() and not self._loop.is_closed():
                self.over.set_result(None)


def wait_for(answer: asyncio.Future[Answer]) -> Answer:
    """Wait in a fibre, as a thread waits for a connection."""
    me = getcurrent()
    assert me.parent is not None, "this is not a fibre"
    if not answer.done():
        answer.add_done_callback(lambda _: me.switch())
        me.parent.switch()
    return answer.result()


class FibreEvent:
    """As `threading.Event`, for fibres."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_set = False
        self._waiting: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        if self._waiting:
            _settle(self._waiting)

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float) -> bool:
        if not self._is_set:
            waiting = self._waiting = self._loop.create_future()
            timer = self._loop.call_later(timeout, _settle, waiting)
            wait_for(waiting)
            timer.cancel()
        return self._is_set


def sleep(span_s: float) -> None:
    """In a fibre."""
    FibreEvent().wait(span_s)


class RenewalFibre(RenewalThread):
    """The thread that renews, as it is, but for what it waits by."""

    def __init__(
        self, store: Store, clock: Clock, times: Times, tell: Callable[[News], None]
    ) -> None:
        super().__init__(store, clock, times, tell)
        self._wake = cast("Any", FibreEvent())
        self._fibre = Fibre(self._run, _threads_of_this())
        self._thread = cast("Any", self._fibre)

    async def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._fibre.is_alive():
            await self._fibre.over


def begin_fibre(run: Callable[[], None], _name: str) -> None:
    """In the place of a thread for a plain handler."""
    Fibre(run, _threads_of_this()).start()


threads_of: contextvars.ContextVar[Life] = contextvars.ContextVar("threads_of")
"""The life of the threads beside this event loop."""


def _threads_of_this() -> Life:
    return threads_of.get()


def _context_of(life: Life) -> Context:
    context = contextvars.copy_context()
    context.run(life_of.set, life)
    return context


def _outermost() -> greenlet:
    me = getcurrent()
    while me.parent is not None:
        me = me.parent
    return me


def _settle(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
