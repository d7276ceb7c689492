"""A proxy that knows Redis's protocol: it loses replies, cuts them short, refuses, and keeps count."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import hiredis

SCRIPTS = {"EVALSHA", "EVAL"}


class LossyProxy:
    """Passes commands and replies on, until it is told what to do to the next script."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loses_next = False
        self._cuts_next = False
        self._refusals: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.commands: list[list[str]] = []
        """The names of the commands that came, for each connection."""

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

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def requests(self) -> int:
        """How many commands came."""
        return sum(map(len, self.commands))

    @property
    def scripts(self) -> int:
        """How many scripts were sent, and sent again."""
        return sum(name in SCRIPTS for names in self.commands for name in names)

    def lose_next_reply(self) -> None:
        """Do what is asked next, and drop the connection instead of answering."""
        self._loses_next = True

    def cut_next_reply(self) -> None:
        """Do what is asked next, and reset the connection in the middle of the answer."""
        self._cuts_next = True

    def refuse_next(self, *errors: str) -> None:
        """Answer the next scripts with these, and pass none of them on."""
        self._refusals += [f"-{error}\r\n".encode() for error in errors]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        for passing in (self._commands(reader, back, writer), self._replies(there, writer)):
            task = asyncio.create_task(passing)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _commands(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> None:
        parser, names = hiredis.Reader(), list[str]()
        self.commands.append(names)
        try:
            while data := await source.read(65_536):
                parser.feed(data)
                while isinstance(words := parser.gets(), list):
                    name = words[0].decode().upper()
                    names.append(name)
                    if name in SCRIPTS and self._refusals:
                        client.write(self._refusals.pop(0))
                    else:
                        sink.write(hiredis.pack_command(tuple(words)))
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def _replies(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if self._loses_next:
                    self._loses_next = False
                    break
                if self._cuts_next:
                    self._cuts_next = False
                    sink.write(data[: len(data) // 2])
                    await sink.drain()
                    break
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()
