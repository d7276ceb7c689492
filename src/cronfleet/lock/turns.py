"""Turns within one process: one at a time asks the store for a lock, first come first served.

So a lock goes from one to the next here in two calls to the store, and only one of them stands in
the queue there.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from cronfleet.forks import begins_anew_when_forked


class Turnstile:
    """Lets one pass at a time, of all tasks and threads of this process. Its calls never wait."""

    def __init__(self) -> None:
        self.begin_anew()
        begins_anew_when_forked(self)

    def begin_anew(self) -> None:
        """Forget who waits, and whose turn it is: in a fork they are in the other process."""
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_taken = False

    def at_once(self) -> Turn | None:
        """A turn, if it is nobody's."""
        with self._lock:
            if self._is_taken:
                return None
            self._is_taken = True
        return Turn(self)

    def come(self, wake: Callable[[], None]) -> None:
        """Wait: `wake` is called when it is one's turn, which may be at once."""
        with self._lock:
            if self._is_taken:
                self._waiting.append(wake)
                return
            self._is_taken = True
        wake()

    def give_up(self, wake: Callable[[], None]) -> None:
        """Wait no longer."""
        with self._lock:
            if wake in self._waiting:
                self._waiting.remove(wake)
                return
        self.pass_on()  # It was woken meanwhile.

    def pass_on(self) -> None:
        """One's turn is over."""
        with self._lock:
            wake = self._waiting.popleft() if self._waiting else None
            self._is_taken = wake is not None
        if wake is not None:
            wake()


class Turn:
    """A turn that was got, to be ended once, by whoever comes first."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile: Turnstile | None = turnstile

    def end(self) -> None:
        """Repeatable, and from any thread."""
        turnstile, self._turnstile = self._turnstile, None
        if turnstile is not None:
            turnstile.pass_on()


async def turn_of_task(turnstile: Turnstile, timeout_s: float) -> Turn | None:
    """Wait for one's turn; None if it does not come in time."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def wake() -> None:
        if loop.is_closed():
            turnstile.pass_on()
        else:
            loop.call_soon_threadsafe(told.set)

    turnstile.come(wake)
    try:
        async with asyncio.timeout(timeout_s):
            await told.wait()
    except TimeoutError:
        turnstile.give_up(wake)
        return None
    except BaseException:
        turnstile.give_up(wake)
        raise
    return Turn(turnstile)


def turn_of_thread(turnstile: Turnstile, timeout_s: float) -> Turn | None:
    """The same for a thread."""
    told = threading.Event()
    turnstile.come(told.set)
    try:
        if told.wait(min(timeout_s, threading.TIMEOUT_MAX)):
            return Turn(turnstile)
    except BaseException:
        turnstile.give_up(told.set)
        raise
    turnstile.give_up(told.set)
    return None
