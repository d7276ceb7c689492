"""A TCP proxy that can lose one reply."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class LossyProxy:
    """Passes bytes on, until it is told to drop the connection instead of the next reply."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loses_next = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests = 0

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
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    def lose_next_reply(self) -> None:
        self._loses_next = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        for source, sink, is_reply in ((reader, back, False), (there, writer, True)):
            task = asyncio.create_task(self._pass_on(source, sink, is_reply=is_reply))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_reply: bool
    ) -> None:
        try:
            while data := await source.read(65_536):
                if is_reply and self._loses_next:
                    self._loses_next = False
                    break
                self.requests += not is_reply
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()
