"""The way to the locks for threads: it passes the event loop by, whose turn costs as much again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

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

    def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        return codec.lock_answer(self._call("lock", name, owner, ttl_ms, int(waits)))

    def unlock(self, name: str, owner: LockOwner) -> bool:
        return bool(self._call("unlock", name, owner))

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _call(self, name: str, *words: Word) -> Reply:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            return connection.call(self._script(name), self._begun_with(words))
        finally:
            self._idle.append(connection)
