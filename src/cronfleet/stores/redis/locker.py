"""The way to the locks for threads: it passes the event loop by, whose turn costs as much again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from cronfleet.model import LockOwner
from cronfleet.store import LockAnswer
from cronfleet.stores.redis import codec
from cronfleet.stores.redis.connections import Connection, Reply, Word
from cronfleet.stores.redis.scripts import Script


class RedisLocker:
    """Blocking connections, as many as threads call at once."""

    def __init__(
        self,
        script: Callable[[str], Script],
        connect: Callable[[], Connection],
        begun_with: Callable[[Iterable[Word]], Sequence[Word]],
    ) -> None:
        self._script = script
        self._connect = connect
        self._begun_with = begun_with
        self._idle: deque[Connection] = deque()
        self._is_closed = False

    def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        return codec.lock_answer(self._call("lock", name, owner, ttl_ms, int(waits)))

    def unlock(self, name: str, owner: LockOwner) -> bool:
        return bool(self._call("unlock", name, owner))

    def close(self) -> None:
        """Calls under way go on to their end."""
        self._is_closed = True
        self._close_idle()

    def _call(self, name: str, *words: Word) -> Reply:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            return connection.call(self._script(name), self._begun_with(words))
        finally:
            self._idle.append(connection)
            if self._is_closed:  # Since this began.
                self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):  # Another thread may take the last one.
            while True:
                self._idle.pop().close()
