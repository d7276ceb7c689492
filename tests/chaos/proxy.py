"""A TCP proxy between one instance and its store, which does harm when it is told to.

Each instance has a proxy of its own, so that one alone can be cut off. What is done to its bytes
is a `Trouble`; one is in force at a time. A trouble counts only what it really did.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import urlsplit

from tests.chaos.resp import is_repeatable
from tests.servers import free_port

READ_BYTES = 65_536
TRIES = 5
Got = TypeVar("Got")


class Way(Enum):
    """Which of the two streams of a connection."""

    UP = "to the store"
    DOWN = "from the store"


@dataclass(eq=False)
class Link:
    """One connection that goes through: the instance's end, and the store's."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter

    def end_of(self, way: Way) -> asyncio.StreamWriter:
        return self.far if way is Way.UP else self.near

    def cut(self) -> None:
        """Reset both ends, with whatever is under way."""
        for end in (self.near, self.far):
            reset(end)


class Trouble:
    """What is done while it is in force; this one does nothing."""

    keeps_away: ClassVar[bool] = True
    """Whether who is struck by it cannot work with the store."""
    struck: int = 0
    """What it did, counted."""
    struck_at: int = 0
    """When it did the first of that, in ms since 1970."""

    @property
    def lasts_ms(self) -> int:
        """For how long it may still be felt when it is over."""
        return 0

    def strike(self) -> None:
        self.struck_at = self.struck_at or time.time_ns() // 1_000_000
        self.struck += 1

    def begin(self, links: set[Link]) -> None:
        """It comes into force, and these are the connections there are."""

    def admits(self) -> bool:
        """Whether a new connection may be made."""
        return True

    async def passed(self, chunk: bytes, way: Way, link: Link) -> bytes:
        """What is to be passed on, and when."""
        return chunk

    def end(self) -> None:
        """It is over."""


class Drop(Trouble):
    """Resets each connection that there is."""

    def begin(self, links: set[Link]) -> None:
        for link in list(links):
            link.cut()
            self.strike()


class Refuse(Drop):
    """Resets each connection that there is, and each new one at once."""

    def admits(self) -> bool:
        self.strike()
        return False


@dataclass(eq=False)
class Delay(Trouble):
    """Passes all on so much later. A request comes even if its sender has given it up."""

    way: Way
    delay_s: float

    @property
    def lasts_ms(self) -> int:
        return round(self.delay_s * 1000)

    async def passed(self, chunk: bytes, way: Way, link: Link) -> bytes:
        if way is self.way:
            self.strike()
            await asyncio.sleep(self.delay_s)
        return chunk


class Swallow(Trouble):
    """Requests are passed on, answers never; at the end the connections that lack one are cut."""

    def __init__(self) -> None:
        self._robbed: set[Link] = set()

    async def passed(self, chunk: bytes, way: Way, link: Link) -> bytes:
        if way is Way.UP and link not in self._robbed:
            return chunk
        self.strike()
        self._robbed.add(link)
        return b""

    def end(self) -> None:
        for link in self._robbed:
            link.cut()


class Partition(Trouble):
    """Nothing is passed on, and nobody is told. Then it comes late; or the connections are cut."""

    def __init__(self, *, cuts: bool) -> None:
        self._cuts = cuts
        self._over = asyncio.Event()
        self._silent: set[Link] = set()

    async def passed(self, chunk: bytes, way: Way, link: Link) -> bytes:
        self.strike()
        self._silent.add(link)
        await self._over.wait()
        return chunk

    def end(self) -> None:
        if self._cuts:
            for link in self._silent:
                link.cut()
        self._over.set()


@dataclass(eq=False)
class CutAfter(Trouble):
    """Cuts each connection in the middle of what it says, after so many bytes of one way."""

    way: Way
    after_bytes: int
    _said: dict[Link, int] = field(default_factory=dict[Link, int], init=False)

    async def passed(self, chunk: bytes, way: Way, link: Link) -> bytes:
        if way is not self.way:
            return chunk
        left = self.after_bytes - self._said.get(link, 0)
        self._said[link] = self._said.get(link, 0) + len(chunk)
        if len(chunk) < left:
            return chunk
        end = link.end_of(way)
        with suppress(OSError):
            end.write(chunk[:left])
            await end.drain()
        self.strike()
        end.close()  # What was said so far arrives, then the end; the other side is reset.
        reset(link.near if way is Way.UP else link.far)
        return b""


@dataclass(eq=False)
class Duplicate(Trouble):
    """A zombie: what was asked comes a second time, later, on another connection.

    Only where a client might really have sent it: whole commands of Redis that run a script.
    """

    host: str
    port: int
    after_s: float
    keeps_away: ClassVar[bool] = False
    zombies: ClassVar[set[asyncio.Task[None]]] = set()
    """Kept here, for they outlive the trouble, and the loop does not keep them."""

    async def passed(self, chunk: bytes, way: Way, link: Link) -> bytes:
        if way is Way.UP and is_repeatable(chunk):
            zombie = asyncio.create_task(self._again(chunk))
            self.zombies.add(zombie)
            zombie.add_done_callback(self.zombies.discard)
        return chunk

    async def _again(self, chunk: bytes) -> None:
        await asyncio.sleep(self.after_s)
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(chunk)
            if await reader.read(READ_BYTES):
                self.strike()
            writer.close()


class Proxy:
    """Listens on a port of its own, and passes all on to one store. `Proxies` makes them."""

    def __init__(self, host: str, port: int) -> None:
        self.store = (host, port)
        self.port = 0
        self._trouble = Trouble()
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        for _ in range(TRIES):  # Another program may take the port between the look and the use.
            self.port = free_port()
            with suppress(OSError):
                self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
                return
        raise OSError("no port to listen on")

    async def begin(self, trouble: Trouble) -> None:
        await self.end()
        self._trouble = trouble
        trouble.begin(self._links)

    async def end(self) -> int:
        """End the trouble in force; how often it struck."""
        over, self._trouble = self._trouble, Trouble()
        over.end()
        return over.struck

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for link in list(self._links):
            link.cut()

    async def _meet(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if not self._trouble.admits():
            return reset(near)
        try:
            answers, far = await asyncio.open_connection(*self.store)
        except OSError:
            return reset(near)
        link = Link(near, far)
        self._links.add(link)
        await asyncio.gather(self._pump(reader, Way.UP, link), self._pump(answers, Way.DOWN, link))
        return self._links.discard(link)

    async def _pump(self, reader: asyncio.StreamReader, way: Way, link: Link) -> None:
        """To the end of what one side says. The other pump goes on: what is late still comes."""
        end = link.end_of(way)
        with suppress(OSError):
            while chunk := await reader.read(READ_BYTES):
                end.write(await self._trouble.passed(chunk, way, link))
                await end.drain()
        with suppress(OSError):
            end.close()


class Proxies:
    """All proxies of a fleet, in a thread with a loop of its own; for callers of any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for proxy in self._proxies:
            self._do(proxy.close())
        self._do(_end_what_runs())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def before(self, url: str) -> tuple[Proxy, str]:
        """A new proxy before the store at this URL, and the URL by which it is reached."""
        address = urlsplit(url)
        assert address.hostname, f"{url} names no server"
        assert address.port, f"{url} names no port"
        proxy = Proxy(address.hostname, address.port)
        self._do(proxy.listen())
        self._proxies.append(proxy)
        return proxy, url.replace(f"{address.hostname}:{address.port}", f"127.0.0.1:{proxy.port}")

    def begin(self, proxy: Proxy, trouble: Trouble) -> None:
        """Let this trouble be in force, in the place of another."""
        self._do(proxy.begin(trouble))

    def end(self, proxy: Proxy) -> int:
        """End the trouble in force; how often it struck: connections, or pieces of what was said."""
        return self._do(proxy.end())

    def _do(self, step: Coroutine[Any, Any, Got]) -> Got:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(timeout=30)


async def _end_what_runs() -> None:
    """What is late never comes, since nobody is left to whom it could."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """End it without a farewell: the other side reads a reset, not an end."""
    transport = writer.transport
    taken: socket.socket | None = transport.get_extra_info("socket")
    if taken is not None:
        with suppress(OSError):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
