"""One watcher a server: it looks at the fleet while anybody listens, and tells all of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from http import HTTPStatus
from typing import TypeAlias

from cronfleet.server.problems import RETRY_AFTER_S, RefusedError
from cronfleet.server.watching.sight import Changes, Sight, changes_between

log: logging.Logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 1.0
SHORTEST_REST_S = 0.1
"""Between two looks, also when this server knows that something has changed."""
LOOKING_SHARE = 10
"""Looking takes at most the tenth part of the time: where it takes long, it is done less often."""

HEARTBEAT_S = 15.0
RECONNECT_MS = 2_000
MOST_STREAMS = 1_000
MOST_WAITING = 64
"""How many events wait for one who reads slowly; then they are dropped, and it is told so."""

_TOLD_AT_A_TIME = 10

Look: TypeAlias = Callable[[Sight | None], Awaitable[Sight]]


class TooManyStreamsError(RefusedError):
    """As many listen as may."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Stream:
    """What one listener has yet to read."""

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self._is_over = False
        self._arrived = asyncio.Event()

    def put(self, block: bytes, instead: bytes) -> None:
        """Add an event; if too many wait already, `instead` takes the place of all of them."""
        if len(self._blocks) >= MOST_WAITING:
            self._blocks.clear()
            block = instead
        self._blocks.append(block)
        self._arrived.set()

    def end(self) -> None:
        self._is_over = True
        self._arrived.set()

    async def blocks(self) -> AsyncGenerator[bytes]:
        """What arrives, until it is ended; a heartbeat where nothing does."""
        while not self._is_over:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._arrived.wait()
            except TimeoutError:
                yield b": nothing has changed\n\n"
                continue
            self._arrived.clear()
            while self._blocks:
                yield self._blocks.popleft()


class Watcher:
    """Looks at a fleet as long as there are listeners."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._streams: set[Stream] = set()
        self._watching: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._seen: Sight | None = None
        """Kept while nobody listens: whoever comes back hears what has changed meanwhile."""
        self._has_looked = asyncio.Event()
        self._name = secrets.token_hex(4)  # So that no other server's ids are taken for its own.
        self._told = 0
        self._has_ended = False

    def wake(self) -> None:
        """Look soon: something has been changed here."""
        self._woken.set()

    def end(self) -> None:
        """End all streams; there will be no others."""
        self._has_ended = True
        self._has_looked.set()
        for stream in self._streams:
            stream.end()

    def make_room(self) -> None:
        """Raises TooManyStreamsError where there is none for another stream."""
        if self._has_ended or len(self._streams) >= MOST_STREAMS:
            raise TooManyStreamsError(
                f"{len(self._streams)} listen already: close some pages, or ask again later",
                {"Retry-After": str(RETRY_AFTER_S)},
            )

    async def events(self, last: str | None) -> AsyncGenerator[bytes]:
        """First an id alone, then what changes from there on.

        `last` is the id of the last event that was read before, if any.
        """
        with self._stream() as stream:
            await self._has_looked.wait()
            yield f"retry: {RECONNECT_MS}\nid: {self._id}\n\n".encode()
            if last is not None and last != self._id:
                yield self._reset
            async for block in stream.blocks():
                yield block

    @contextlib.contextmanager
    def _stream(self) -> Generator[Stream]:
        stream = Stream()
        self._streams.add(stream)
        if self._has_ended:
            stream.end()
        elif self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="cronfleet-watcher")
        try:
            yield stream
        finally:
            self._streams.remove(stream)
            if self._watching is not None and not self._streams:
                self._watching.cancel()
                self._watching = None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            began = loop.time()
            before, self._seen = self._seen, await self._look(self._seen)
            if before is not None and (changes := changes_between(before, self._seen)):
                await self._tell(changes)
            self._has_looked.set()
            await self._rest(loop.time() - began)

    async def _rest(self, took_s: float) -> None:
        shortest = max(SHORTEST_REST_S, took_s * LOOKING_SHARE)
        await asyncio.sleep(shortest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(LOOK_INTERVAL_S - shortest, 0)):
                await self._woken.wait()

    async def _tell(self, changes: Changes) -> None:
        """A few streams at a time: ticks become due in the same event loop."""
        self._told += 1
        block = self._reset if changes.are_too_many else self._block("changed", changes.as_json())
        streams = list(self._streams)
        for first in range(0, len(streams), _TOLD_AT_A_TIME):
            for stream in streams[first : first + _TOLD_AT_A_TIME]:
                stream.put(block, self._reset)
            await asyncio.sleep(0)

    @property
    def _id(self) -> str:
        return f"{self._name}-{self._told}"

    @property
    def _reset(self) -> bytes:
        """Something was left out: all is to be read again."""
        return self._block("reset", {})

    def _block(self, event: str, data: dict[str, object]) -> bytes:
        text = json.dumps(data, separators=(",", ":"))
        return f"id: {self._id}\nevent: {event}\ndata: {text}\n\n".encode()
