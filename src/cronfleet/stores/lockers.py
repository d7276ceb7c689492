"""The way to a store's locks for threads, through the event loop that the store lives in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from concurrent.futures import CancelledError, wait
from typing import Any, Protocol, TypeVar

from cronfleet.errors import StoreUnavailableError
from cronfleet.model import LockOwner
from cronfleet.store import LockAnswer

Answer = TypeVar("Answer")

_LOOK_S = 0.5
"""How often a thread that waits for an answer looks whether the event loop is still there."""


class _Locks(Protocol):
    @property
    def name(self) -> str: ...

    async def lock(
        self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool
    ) -> LockAnswer: ...

    async def unlock(self, name: str, owner: LockOwner) -> bool: ...


class LoopLocker:
    """A `Locker` for any store. Its calls must not be made in the event loop's own thread."""

    def __init__(self, store: _Locks) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()

    def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        return self._in_loop(self._store.lock(name, owner, ttl_ms, waits=waits))

    def unlock(self, name: str, owner: LockOwner) -> bool:
        return self._in_loop(self._store.unlock(name, owner))

    def close(self) -> None:
        """It has no connections of its own."""

    def _in_loop(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            asked = asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError as error:
            if not self._loop.is_closed():
                raise
            call.close()
            raise self._has_ended() from error
        try:
            while not wait((asked,), _LOOK_S).done:
                if self._loop.is_closed() and not asked.done():
                    raise self._has_ended()
            return asked.result()
        except CancelledError as error:
            raise self._has_ended() from error
        finally:
            if inspect.getcoroutinestate(call) == inspect.CORO_CREATED and self._loop.is_closed():
                call.close()  # It came between the loop's last turn and its end.

    def _has_ended(self) -> StoreUnavailableError:
        return StoreUnavailableError(self._store.name, "its event loop has ended")
