"""What listens in the place of a server, and passes on what both sides say."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Generator, Iterable
from contextlib import closing, contextmanager, suppress
from types import TracebackType
from typing import Any, Self


@contextmanager
def passing_on_to(sink: asyncio.StreamWriter) -> Generator[None]:
    """Close it when there is nothing more to pass on, or either side is gone."""
    with closing(sink), suppress(ConnectionError):
        yield


class Relay(ABC):
    """Serves while its block lasts; what becomes of what is said, a subclass decides."""

    def __init__(self, host: str | None, port: int | None) -> None:
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    @abstractmethod
    def _both_ways(
        self,
        asks: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> Iterable[Coroutine[Any, Any, None]]:
        """What passes on a connection's questions, and what its answers."""

    async def _serve(self, asks: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(*self._target)
        for passing in self._both_ways(asks, client, answers, server):
            task = asyncio.create_task(passing)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
