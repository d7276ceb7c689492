"""The way to a store's locks for threads, through the event loop that the store lives in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from cronfleet.errors import StoreUnavailableError
from cronfleet.model import LockOwner
from cronfleet.store import LockAnswer

Answer = TypeVar("Answer")


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
            return asyncio.run_coroutine_threadsafe(call, self._loop).result()
        except RuntimeError as error:
            if not self._loop.is_closed():
                raise
            call.close()
            raise StoreUnavailableError(self._store.name, "its event loop has ended") from error
