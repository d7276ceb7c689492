"""One thread that takes all steps. Those that wait together share a transaction and its fsync."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

from cronfleet.stores.sqlite.connection import Connection
from cronfleet.stores.steps.records import Records

Answer = TypeVar("Answer")

MOST_GATHERED = 200
"""How many steps share a transaction at most, so that other processes have their turn."""

_LONG_S, _PAUSE_S = 0.010, 0.002
"""Whoever waits for the lock looks every millisecond, and must find it free now and then."""


class Writer:
    """A thread and its connection. Answers come when they are committed, never before."""

    def __init__(self, connect: Callable[[], Connection], thread: Executor | None = None) -> None:
        """`thread` carries out one thing after the other; without one there is a new one."""
        self._connect = connect
        self._connection: Connection | None = None
        self._waiting: deque[_Asked[Any]] = deque()
        self._thread = thread or ThreadPoolExecutor(1, thread_name_prefix="cronfleet-sqlite")

    def open(self) -> Future[Connection]:
        """Connect. Repeatable."""
        return self._thread.submit(self._open)

    def look(self, look: Callable[[Connection], Answer]) -> Future[Answer]:
        """What is seen through its connection, by other than a step."""
        return self._thread.submit(lambda: look(self._open()))

    def _open(self) -> Connection:
        self._connection = self._connection or self._connect()
        return self._connection

    def ask(self, step: Callable[[Records], Answer], *, writes: bool) -> Future[Answer]:
        """Take a step, after those asked before. One that fails changes nothing."""
        asked = _Asked(step, writes=writes)
        self._waiting.append(asked)
        self._thread.submit(self._work)  # Finds nothing to do if an earlier one gathered it.
        return asked.future

    def close(self) -> Future[None]:
        """Take the steps that wait, and give the thread and the connection back."""
        closed = self._thread.submit(self._close)
        self._thread.shutdown(wait=False)
        return closed

    def _close(self) -> None:
        if self._connection:
            self._connection.close()

    def _work(self) -> None:
        gathered = self._gathered()
        if not gathered:
            return
        began = time.monotonic()
        with _Caught() as caught:
            self._take(gathered)
        for asked in gathered:
            asked.settle(caught.error)
        if time.monotonic() - began > _LONG_S:
            time.sleep(_PAUSE_S)

    def _gathered(self) -> list[_Asked[Any]]:
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_GATHERED))]
        return [asked for asked in taken if asked.future.set_running_or_notify_cancel()]

    def _take(self, gathered: list[_Asked[Any]]) -> None:
        connection = self._open()
        with connection.transaction(writes=any(asked.writes for asked in gathered)) as records:
            for asked in gathered:
                with _Caught() as caught, connection.step():
                    asked.take(records)
                asked.error = caught.error
                if asked.error and connection.is_broken:
                    raise asked.error


class _Asked(Generic[Answer]):
    def __init__(self, step: Callable[[Records], Answer], *, writes: bool) -> None:
        self.writes = writes
        self.future: Future[Answer] = Future()
        self.error: BaseException | None = None
        self._step = step
        self._answer: Callable[[], None]

    def take(self, records: Records) -> None:
        self._answer = partial(self.future.set_result, self._step(records))

    def settle(self, failure: BaseException | None) -> None:
        """Answer, now that the transaction is committed or has failed."""
        if error := failure or self.error:
            self.future.set_exception(error)
        else:
            self._answer()


class _Caught:
    """Keeps what is raised, for those who asked: an error must not end the thread."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error
        return True
