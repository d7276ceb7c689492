"""The dialogue with a mail server that has let us in: commands go out, each gets its one reply."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 32 * 1024
"""In bytes, all lines of a reply together: no server is to fill the memory."""
_LINE = re.compile(rb"(\d\d\d)(?:([ -])(.*))?", re.DOTALL)
_BREAKS = re.compile(rb"[\x00-\x1f\x7f]")


class LostError(Exception):
    """There is no dialogue any more: one side ended it, or the server fell silent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said, in one line; the code is 0 where that is no reply at all."""

    code: int
    said: str


def in_one_breath(commands: Sequence[bytes]) -> bytes:
    """The lines of these commands."""
    if any(_BREAKS.search(command) for command in commands):
        raise ValueError("a command is one line")
    return b"\r\n".join((*commands, b""))


class Dialogue(asyncio.Protocol):
    """Takes over a connection; `pipelines`: the server takes several commands in one breath.

    What the server says without having been asked is no reply to anything: it ends the dialogue.
    """

    def __init__(self, transport: asyncio.Transport, *, pipelines: bool) -> None:
        self.transport = transport
        self.pipelines = pipelines
        self.is_new: bool = True
        """Nothing has been said yet."""
        self.owed: int = 0
        """How many replies to what was said have not been taken yet."""
        self._heard = b""
        self._lines: list[bytes] = []
        self._replies: list[Reply] = []
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    @property
    def is_in_step(self) -> bool:
        """Whether something may be said: all that was asked has its reply, and nothing else came."""
        is_quiet = not (self.owed or self._replies or self._lines or self._heard)
        return is_quiet and not self.transport.is_closing()

    async def ask(self, *commands: bytes, within_s: float) -> list[Reply]:
        """The reply to each, for which so long is waited; fewer if none comes any more.

        Raises `LostError` when there is none at all.
        """
        self.say(in_one_breath(commands), len(commands))
        return await self.replies(len(commands), within_s)

    def say(self, content: bytes, due: int) -> None:
        """Say something that so many replies are due to. Raises `LostError`."""
        if not self.is_in_step:
            raise LostError("the connection was lost")
        self.is_new = False
        self.owed = due
        self.transport.write(content)

    async def replies(self, due: int, within_s: float) -> list[Reply]:
        """The next of those that are owed; as `ask`."""
        if len(self._replies) < due:
            await self._hear(due, within_s)
        replies, self._replies = self._replies[:due], self._replies[due:]
        self.owed -= due
        if not replies:
            raise LostError("the connection was lost" if self.has_left else "silence")
        return replies

    async def _hear(self, due: int, within_s: float) -> None:
        try:
            async with asyncio.timeout(due * within_s):
                while len(self._replies) < due and not self.transport.is_closing():
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except TimeoutError:
            self.close()  # Else a late reply would be taken for that to something else.

    @property
    def has_left(self) -> bool:
        """Whether it was the server who ended it."""
        return self.transport.is_closing() and not self._is_closed

    @property
    def is_closing(self) -> bool:
        """Whether it has ended, whoever ended it."""
        return self.transport.is_closing()

    def close(self) -> None:
        self._is_closed = True
        self.transport.close()

    # What the event loop calls

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._heard += data
        self._take_lines()
        if (
            len(self._replies) > self.owed
            or len(self._heard) + sum(map(len, self._lines)) > _LONGEST
        ):
            self.close()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_lines(self) -> None:
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            found = _LINE.fullmatch(line.rstrip(b"\r"))
            self._lines.append(line if found is None else found[3] or b"")
            if found is None or found[2] != b"-":  # The last line of its reply.
                said = b" ".join(self._lines).decode("utf-8", "surrogateescape")
                self._replies.append(Reply(int(found[1]) if found else 0, " ".join(said.split())))
                self._lines = []
