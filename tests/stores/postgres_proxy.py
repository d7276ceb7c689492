"""A proxy before PostgreSQL that loses the answer to a COMMIT."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.postgres_servers import Postgres


class CommitProxy:
    """Passes all on, until it is told what to do to the next commit."""

    def __init__(self, server: Postgres) -> None:
        self._target = urlsplit(server.url)
        self._is_told = False
        self._has_committed = False
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
    def url(self) -> str:
        """The server's, by way of this proxy."""
        there = self._target
        user, _, _ = there.netloc.rpartition("@")
        port = self._server.sockets[0].getsockname()[1]
        return there._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()

    def lose_next_answer(self) -> None:
        """Pass the next COMMIT on, and drop the connection instead of answering."""
        self._is_told = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        for passing in (self._asked(reader, back), self._answered(there, writer)):
            task = asyncio.create_task(passing)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _asked(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                self._has_committed |= self._is_told and b"COMMIT;" in data
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def _answered(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if self._has_committed:
                    self._is_told = self._has_committed = False
                    break
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()
