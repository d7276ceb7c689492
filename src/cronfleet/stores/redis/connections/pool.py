"""Asynchronous connections to whoever is the primary now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import hiredis
from redis import asyncio as driver
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import MovedError, RedisError, ResponseError

from cronfleet.stores.redis.connections.address import Address, Node
from cronfleet.stores.redis.connections.finding import finder_of
from cronfleet.stores.redis.connections.options import (
    ENCODING_ERRORS,
    KNOWN_S,
    MOST_MOVES,
    options_to_ask,
    options_to_serve,
)
from cronfleet.stores.redis.connections.talking import (
    Primary,
    Question,
    Reply,
    Talk,
    Word,
    talk_of,
)
from cronfleet.stores.redis.scripts import Script, script
from cronfleet.stores.redis.server import (
    Description,
    errors_in_our_words,
    is_elsewhere,
    is_not_allowed,
)

_MOST_CONNECTIONS = 16

_pack = cast("Callable[[tuple[Word, ...]], bytes]", hiredis.pack_command)
"""Its own types are wrong."""


@dataclass(slots=True)
class _Served:
    """A primary, and the connections to it."""

    primary: Primary
    pool: Any
    found_at: float


class Connections:
    """A pool of connections to the primary, each made when it is needed.

    When the primary is gone, or is one no longer, the next call looks for another.
    """

    def __init__(self, address: Address, base: str) -> None:
        self._address = address
        self._base = base
        self._finder = finder_of(address, base)
        self._finding = asyncio.Lock()
        self._served: _Served | None = None
        self._is_closed = False

    async def call(self, wanted: Script, words: Sequence[Word]) -> Reply:
        """Run a script; `words` are its one key and its arguments."""
        with errors_in_our_words(self._address.name):
            for _ in range(MOST_MOVES):
                try:
                    async with self._borrowed() as (connection, primary):
                        return await _hold(
                            connection, talk_of(wanted, words, self._address, primary)
                        )
                except MovedError as moved:  # It was not run there.
                    self._finder.moved(moved)
            raise NoConnectionError("the fleet moves from node to node")

    async def describe(self) -> Description:
        """Ask the server about itself."""
        with errors_in_our_words(self._address.name):
            for _ in range(MOST_MOVES):
                served = await self._find()
                try:
                    return await self._describe(served)
                except MovedError as moved:
                    self._finder.moved(moved)
                    await self._leave(served)
                except (RedisError, OSError) as error:
                    if is_elsewhere(error):
                        await self._leave(served)
                    raise
            raise NoConnectionError("the fleet moves from node to node")

    async def connect(self) -> Any:
        """A connection to the primary that no call will use."""
        served = await self._find()
        node = served.primary.node
        connection = _class(self._address, node)(
            retry=_never(), **options_to_serve(self._address, node)
        )
        try:
            await connection.connect()
        except (RedisError, OSError):
            await self._leave(served)
            raise
        except asyncio.CancelledError:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def aclose(self) -> None:
        self._is_closed = True
        if self._served is not None:
            await self._served.pool.aclose()

    async def _describe(self, served: _Served) -> Description:
        client = cast("Any", driver.Redis(connection_pool=served.pool))
        asking = script("replication").text
        return Description(
            info=await _if_allowed(client.info()),
            save=_one(await _if_allowed(client.config_get("save"))),
            replication=await _if_allowed(client.eval(asking, 1, self._base, "")),
            appendfsync=_one(await _if_allowed(client.config_get("appendfsync"))),
            standbys=served.primary.replicas
            or int(await _if_allowed(client.hget(f"{self._base}replicas", "most")) or 0),
        )

    # --- one connection

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[tuple[Any, Primary]]:
        served = await self._find()
        try:
            connection = await served.pool.get_connection()
            try:
                yield connection, served.primary
            finally:
                await served.pool.release(connection)
        except (RedisError, OSError) as error:
            if is_elsewhere(error):
                await self._leave(served)
            raise
        finally:
            if self._is_closed or self._served is not served:  # Since this began.
                await served.pool.disconnect(inuse_connections=False)

    async def _leave(self, served: _Served) -> None:
        """Use these connections no more; calls under way may still end."""
        if self._served is served:
            self._served = None
            await served.pool.disconnect(inuse_connections=False)

    # --- who is the primary

    async def _find(self) -> _Served:
        if self._is_known():
            return cast("_Served", self._served)
        async with self._finding:
            if not self._is_known():
                await self._look()
        return cast("_Served", self._served)

    def _is_known(self) -> bool:
        """Under durability=wait, how many replicas there are is asked now and then."""
        if self._served is None or not self._address.waits:
            return self._served is not None
        return time.monotonic() - self._served.found_at < KNOWN_S

    async def _look(self) -> None:
        before = self._served
        try:
            primary = await self._search()
        except (RedisError, OSError):
            if self._served is None:
                raise
            primary = self._served.primary  # It has given no reason to leave it.
        # Whoever found it gone has left it while it was looked for.
        if self._served is not None and self._served.primary.node == primary.node:
            self._served.primary, self._served.found_at = primary, time.monotonic()
            return
        pool = _pool(self._address, primary.node)
        self._served = _Served(primary, pool, time.monotonic())
        if before is not None:
            await before.pool.disconnect(inuse_connections=False)

    async def _search(self) -> Primary:
        search = self._finder.search()
        try:
            question = next(search)
            while True:
                try:
                    reply = await self._ask(question)
                except (RedisError, OSError) as error:
                    question = search.throw(error)
                else:
                    question = search.send(reply)
        except StopIteration as end:
            return end.value

    async def _ask(self, question: Question) -> Reply:
        node = question.node
        connection = _class(self._address, node)(
            retry=_never(), **options_to_ask(self._address, node)
        )
        try:
            await connection.connect()
            return await _say(connection, question.words)
        finally:
            await connection.disconnect(nowait=True)


async def _hold(connection: Any, talk: Talk) -> Reply:
    """Have a whole talk over one connection."""
    try:
        words = next(talk)
        while True:
            try:
                reply = await _say(connection, words)
            except (RedisError, OSError) as error:
                words = talk.throw(error)
            else:
                words = talk.send(reply)
    except StopIteration as end:
        return end.value


async def _say(connection: Any, words: Sequence[Word]) -> Reply:
    if not connection.is_connected:  # A new one would not know what was said on this.
        raise NoConnectionError("the connection was closed")
    await connection.send_packed_command(_packed(words))
    return await connection.read_response()


def _packed(words: Sequence[Word]) -> bytes:
    """In C: the driver packs in Python."""
    try:
        return _pack(tuple(words))
    except UnicodeEncodeError:  # Some word holds what is no character, as a file's name may.
        return _pack(tuple(map(_encoded, words)))


def _encoded(word: Word) -> int | bytes:
    return word.encode("utf-8", ENCODING_ERRORS) if isinstance(word, str) else word


def _pool(address: Address, node: Node) -> Any:
    return cast("Any", driver.BlockingConnectionPool)(
        connection_class=_class(address, node),
        max_connections=_MOST_CONNECTIONS,
        timeout=address.timeout_s,
        retry=_never(),
        **options_to_serve(address, node),
    )


def _class(address: Address, node: Node) -> Any:
    if node.path:
        return UnixDomainSocketConnection
    return SSLConnection if address.is_tls else Connection


def _never() -> Retry:
    """A command whose answer was lost would be sent again."""
    return Retry(NoBackoff(), 0)


async def _if_allowed(asked: Awaitable[Reply]) -> Reply:
    """The answer, or None where the server refuses it."""
    try:
        return await asked
    except ResponseError as error:
        if not is_not_allowed(error):
            raise  # It is busy, say, and would answer later.
        return None


def _one(setting: Reply) -> str | None:
    return None if setting is None else str(next(iter(setting.values()), ""))
