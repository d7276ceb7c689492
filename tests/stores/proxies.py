"""A proxy that knows Redis's protocol: it loses replies, cuts them short, refuses, and keeps count."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, cast

import hiredis

from tests.stores.relay import Relay, passing_on_to

SCRIPTS = {"EVALSHA", "EVAL"}


def packed(words: list[bytes]) -> bytes:
    """A command as clients send it."""
    each = (b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n%b" % (len(words), b"".join(each))


class _Conversation:
    """One connection's: what came, and what is to become of the reply to its last script."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.damage = ""


class LossyProxy(Relay):
    """Passes commands and replies on, until it is told what to do to the next script."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._damage = ""
        self._refusals: list[bytes] = []
        self._conversations: list[_Conversation] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def commands(self) -> list[list[str]]:
        """The names of the commands that came, for each connection."""
        return [each.names for each in self._conversations]

    @property
    def requests(self) -> int:
        """How many commands came."""
        return sum(map(len, self.commands))

    @property
    def scripts(self) -> int:
        """How many scripts were sent, and sent again."""
        return sum(name in SCRIPTS for names in self.commands for name in names)

    def lose_next_reply(self) -> None:
        """Pass the next script on, and drop the connection instead of answering."""
        self._damage = "lost"

    def cut_next_reply(self) -> None:
        """Pass the next script on, and drop the connection in the middle of the answer."""
        self._damage = "cut"

    def refuse_next(self, *errors: str) -> None:
        """Answer the next scripts with these, and pass none of them on."""
        self._refusals += [f"-{error}\r\n".encode() for error in errors]

    def _both_ways(
        self,
        asks: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> Iterable[Coroutine[Any, Any, None]]:
        said = _Conversation()
        self._conversations.append(said)
        return self._commands(asks, server, client, said), self._replies(answers, client, said)

    async def _commands(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        said: _Conversation,
    ) -> None:
        parser = cast("Any", hiredis.Reader())
        with passing_on_to(sink):
            while data := await source.read(65_536):
                parser.feed(data)
                while words := cast("list[bytes]", parser.gets()):
                    said.names.append(words[0].decode().upper())
                    if refusal := self._refusal(said):
                        client.write(refusal)
                    else:
                        sink.write(packed(words))
                await sink.drain()

    def _refusal(self, said: _Conversation) -> bytes:
        """What is answered in the server's place; empty when the command is passed on."""
        if said.names[-1] not in SCRIPTS:
            return b""
        if self._refusals:
            return self._refusals.pop(0)
        said.damage, self._damage = self._damage, ""
        return b""

    async def _replies(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, said: _Conversation
    ) -> None:
        with passing_on_to(sink):
            while data := await source.read(65_536):
                if said.damage == "lost":
                    break
                sink.write(data[: len(data) // 2] if said.damage else data)
                await sink.drain()
                if said.damage:
                    break
