"""The simulated loop, in which what happens to processes happens between any two of its steps."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import math
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from cronfleet.testing.simulation.loop import SimulatedLoop, life_of


class Life:
    """An event loop, or the threads beside it, from the start of a process to its end.

    While it is still nothing of it runs; what would have run is kept, and runs when it goes on.
    `rate` is how fast its clock goes.
    """

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self.is_still = False
        self.in_loop: Life = self
        """The life to which a thread of this one turns."""
        self.kept: deque[asyncio.Handle] = deque()


class FaultyLoop(SimulatedLoop):
    """It looks before each step whether whose step it is may take it."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[Life] = []

    def new_life(self, rate: float = 1.0) -> Life:
        life = Life(rate)
        self.lives.append(life)
        return life

    def go_on(self, life: Life) -> None:
        """Whatever came meanwhile happens now, in its order."""
        life.is_still = False
        self._ready.extend(life.kept)
        life.kept.clear()

    def end_all(self) -> None:
        for life in self.lives:
            self.go_on(life)
        super().end_all()

    def later(
        self, wait_ms: int, callback: Callable[..., object], *args: Any, context: Context
    ) -> None:
        """By true time, whoever's context it is."""
        if wait_ms:
            self._schedule((self.now_ms + wait_ms) / 1000, callback, args, context)
        else:
            self.call_soon(callback, *args, context=context)

    # --- as an event loop

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Step(callback, args, self, _own(context))
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        context = _own(context)
        life = context.get(life_of)
        if isinstance(life, Life) and life.in_loop is not life:
            context.run(life_of.set, life.in_loop)
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        life = life_of.get() if context is None else context.get(life_of)
        rate = life.rate if isinstance(life, Life) else 1.0
        # In whole milliseconds, rounded up: nothing is early by its own clock.
        wait_ms = math.ceil(delay * 1000 / rate - 0.001)
        when = (self.now_ms + wait_ms) / 1000
        return self.call_at(when, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        when = math.ceil(when * 1000 - 0.001) / 1000  # Time passes in whole milliseconds.
        return self._schedule(when, callback, args, _own(context))

    def _schedule(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> _Timer:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer


def _own(context: Context | None) -> Context:
    """An empty one counts as false, and is one all the same."""
    return contextvars.copy_context() if context is None else context


class _Step(asyncio.Handle):
    _context: Context

    def _run(self) -> None:
        life = self._context.get(life_of)
        if isinstance(life, Life) and life.is_still:
            life.kept.append(self)
        else:
            super()._run()


class _Timer(_Step, asyncio.TimerHandle):
    _scheduled: bool
