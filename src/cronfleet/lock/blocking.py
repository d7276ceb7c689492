"""How a thread gets a lock and gives it back: it asks by itself, and is told by the event loop."""

from __future__ import annotations

import asyncio
import threading

from cronfleet.clock import Clock
from cronfleet.errors import StoreUnavailableError
from cronfleet.lock.acquiring import (
    Answer,
    Grant,
    Terms,
    Waiting,
    grant_of,
    not_released,
    pause_of,
    released,
)
from cronfleet.lock.sides import ThreadSide
from cronfleet.model import LockOwner
from cronfleet.store import Busy, Hints, Locked, lock_topic


def acquire_in_thread(side: ThreadSide, terms: Terms, owner: LockOwner, clock: Clock) -> Grant:
    """Wait for the lock. Raises as `Waiting.after` does."""
    sent_at = clock.boot_ms()
    answer = _asked(side, terms, owner)
    if isinstance(answer, Locked) and (grant := grant_of(answer, sent_at, terms, clock)):
        return grant
    try:
        return _wait(side, terms, owner, clock, answer)
    except BaseException as error:
        if terms.may_leave_something(error):
            released_in_thread(side, terms.name, owner)
        raise


def _wait(side: ThreadSide, terms: Terms, owner: LockOwner, clock: Clock, answer: Answer) -> Grant:
    waiting = Waiting(terms, clock, tells_all=side.store.tells_all)
    hints = _HintsForThread(side, lock_topic(owner))
    try:
        if isinstance(answer, Busy) and answer.ahead and terms.waits:
            # It listens only now, but so quickly it was not the next.
            hints.rest(min(pause_of(answer, 0, tells_all=False), waiting.left_ms) / 1000)
        while True:
            sent_at = clock.boot_ms()
            step = waiting.after(_asked(side, terms, owner), sent_at)
            if isinstance(step, Grant):
                return step
            hints.rest(step)
    finally:
        hints.close()


def _asked(side: ThreadSide, terms: Terms, owner: LockOwner) -> Answer:
    try:
        return side.locker.lock(terms.name, owner, terms.span.ttl_ms, waits=terms.waits)
    except StoreUnavailableError as error:
        return error


class _HintsForThread:
    """Listens in the event loop, and passes on what it hears."""

    def __init__(self, side: ThreadSide, topic: str) -> None:
        self._side = side
        self._told = threading.Event()
        self._listening = side.loop.call(self._listen(topic))

    def rest(self, span_s: float) -> None:
        """Until a hint comes, or the span is over."""
        self._told.wait(span_s)
        self._told.clear()

    def close(self) -> None:
        self._side.loop.soon(self._listening.cancel)

    async def _listen(self, topic: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._pass_on(self._side.store.hints(topic)))

    async def _pass_on(self, hints: Hints) -> None:
        try:
            while True:
                await hints.next()
                self._told.set()
        finally:
            hints.close()


def released_in_thread(side: ThreadSide, name: str, owner: LockOwner) -> bool | None:
    """As `released`."""
    try:
        return side.locker.unlock(name, owner)
    except StoreUnavailableError as error:
        if side.loop.is_over:
            not_released(name, error)
        else:  # The first may have been done, so the answer to another says little.
            side.loop.call(released(side.store, name, owner))
        return None
