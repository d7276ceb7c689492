"""A proxy before PostgreSQL that loses the answer to a COMMIT."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any
from urllib.parse import urlsplit

from tests.postgres_servers import Postgres
from tests.stores.relay import Relay, passing_on_to


class CommitProxy(Relay):
    """Passes all on, until it is told what to do to the next commit."""

    def __init__(self, server: Postgres) -> None:
        self._there = urlsplit(server.url)
        super().__init__(self._there.hostname, self._there.port)
        self._is_told = False
        self._has_committed = False

    @property
    def url(self) -> str:
        """The server's, by way of this proxy."""
        user, _, _ = self._there.netloc.rpartition("@")
        return self._there._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    def lose_next_answer(self) -> None:
        """Pass the next COMMIT on, and drop the connection instead of answering."""
        self._is_told = True

    def _both_ways(
        self,
        asks: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> Iterable[Coroutine[Any, Any, None]]:
        return self._asked(asks, server), self._answered(answers, client)

    async def _asked(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with passing_on_to(sink):
            while data := await source.read(65_536):
                self._has_committed |= self._is_told and b"COMMIT;" in data
                sink.write(data)
                await sink.drain()

    async def _answered(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with passing_on_to(sink):
            while data := await source.read(65_536):
                if self._has_committed:
                    self._is_told = self._has_committed = False
                    break
                sink.write(data)
                await sink.drain()
