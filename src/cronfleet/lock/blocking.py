"""How a thread gets a lock and gives it back: it asks by itself, and is told by the event loop."""

from __future__ import annotations

import asyncio
import threading

from cronfleet.errors import CronfleetError, StoreRefusedError, StoreUnavailableError
from cronfleet.lock.acquiring import Answer, Attempt, Grant, not_released, released
from cronfleet.lock.sides import ThreadSide
from cronfleet.model import LockOwner
from cronfleet.store import Hints, lock_topic


def acquire_in_thread(side: ThreadSide, attempt: Attempt) -> Grant:
    """Wait for the lock. Raises as `Attempt.after` does."""
    try:
        sent_at = attempt.now
        return attempt.at_once(_asked(side, attempt), sent_at) or _wait(side, attempt)
    except BaseException as error:
        if attempt.may_leave_something(error):
            released_in_thread(side, attempt.terms.name, attempt.owner)
        raise


def _wait(side: ThreadSide, attempt: Attempt) -> Grant:
    hints = _HintsForThread(side, lock_topic(attempt.owner))
    try:
        while True:
            sent_at = attempt.now
            answer = _asked(side, attempt)
            step = attempt.after(answer, sent_at, tells_all=side.store.tells_all)
            if isinstance(step, Grant):
                return step
            hints.rest(step)
    finally:
        hints.close()


def _asked(side: ThreadSide, attempt: Attempt) -> Answer:
    terms = attempt.terms
    closed = CronfleetError(f"lock {terms.name!r}: the scheduler was closed meanwhile")
    if side.loop.is_over:
        raise closed
    try:
        return side.locker.lock(terms.name, attempt.owner, terms.span.ttl_ms, waits=terms.waits)
    except StoreUnavailableError as error:
        return error
    except StoreRefusedError as error:
        if side.loop.is_over:  # It says that it is not open.
            raise closed from error
        raise


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
        else:
            _release_again(side, name, owner, error)
        return None


def _release_again(
    side: ThreadSide, name: str, owner: LockOwner, first: StoreUnavailableError
) -> None:
    """The first may have been done, so the answer to this one says little."""
    try:
        side.loop.call(released(side.store, name, owner))
    except CronfleetError:
        if not side.loop.is_over:
            raise
        not_released(name, first)
