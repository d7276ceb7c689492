"""Asynchronous connections, each made when it is needed and kept while it is sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from cronfleet.errors import StoreUnavailableError
from cronfleet.forks import stays_with_the_parent
from cronfleet.stores.postgres.address import Address
from cronfleet.stores.postgres.links import (
    CANCEL_SHARE,
    OPTIONS,
    Undone,
    Watched,
    all_sent,
    as_given,
    cut,
    pipelined,
)
from cronfleet.stores.postgres.queries import Batch, Conversation, Rows
from cronfleet.stores.postgres.server import in_our_words

Answer = TypeVar("Answer")

MOST_CONNECTIONS = 4
"""Of one store; an instance seldom has more calls under way than these."""

_MOST_TRIES = 5


class Pool:
    """At most `MOST_CONNECTIONS`, shared by the calls of one event loop."""

    def __init__(self, address: Address, statements: dict[str, bytes]) -> None:
        self._address = address
        self._statements = statements
        self._idle: list[_Link] = []
        self._seats = asyncio.Semaphore(MOST_CONNECTIONS)
        self._calls: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    async def take(
        self, converse: Callable[[], Conversation[Answer]], timeout_s: float | None = None
    ) -> Answer:
        """Have a conversation, from its beginning again if nothing came of it for certain.

        A call that is cancelled goes on to its own end, so that no connection is left in the
        middle. Raises StoreUnavailableError when its time is over.
        """
        if timeout_s is None:  # Zero is a time, too: there is none left.
            timeout_s = self._address.timeout_s
        call = asyncio.create_task(self._take(converse, timeout_s), name="cronfleet-postgres")
        self._calls.add(call)
        call.add_done_callback(self._has_ended)
        return await asyncio.shield(call)

    def _has_ended(self, call: asyncio.Task[Any]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # Seen, even if its caller was cancelled.

    async def _take(self, converse: Callable[[], Conversation[Answer]], timeout_s: float) -> Answer:
        ends_at = asyncio.get_running_loop().time() + timeout_s
        tries = 1
        while True:
            try:
                async with self._lent(ends_at) as link:
                    return await link.hold(converse(), ends_at)
            except Undone as undone:
                if undone.is_lost:
                    await self._drop_idle()
                if tries == _MOST_TRIES:
                    raise in_our_words(self._address.name, undone.error) from undone.error
            tries += 1

    @asynccontextmanager
    async def _lent(self, ends_at: float) -> AsyncGenerator[_Link]:
        await self._within(ends_at, self._seats.acquire(), "all connections are busy")
        try:
            link = self._idle.pop() if self._idle else await self._connect(ends_at)
            try:
                yield link
            except BaseException:
                await link.close()  # Whatever state it is in.
                raise
            if self._is_closed or link.is_spoilt:
                await link.close()
            else:
                self._idle.append(link)
        finally:
            self._seats.release()

    async def _connect(self, ends_at: float) -> _Link:
        connecting = psycopg.AsyncConnection[dict[str, Any]].connect(
            **self._address.parameters(), **OPTIONS, row_factory=dict_row
        )
        try:
            connection = await self._within(ends_at, connecting, "it takes no connection")
            pipeline = await pipelined(connection, psycopg.AsyncPipeline(connection)).__aenter__()
        except psycopg.Error as error:
            raise in_our_words(self._address.name, error) from error
        stays_with_the_parent(connection)
        return _Link(connection, pipeline, self._address, self._statements)

    async def _within(self, ends_at: float, awaited: Awaitable[Answer], what: str) -> Answer:
        try:
            async with asyncio.timeout_at(ends_at):
                return await awaited
        except TimeoutError:
            raise StoreUnavailableError(self._address.name, what) from None

    async def _drop_idle(self) -> None:
        """One connection was lost: the others may be too."""
        while self._idle:
            await self._idle.pop().close()

    async def aclose(self) -> None:
        """Wait for the calls under way, and give all connections back. Repeatable."""
        self._is_closed = True
        if self._calls:
            await asyncio.wait(set(self._calls))
        await self._drop_idle()


class _Link:
    """One connection. After an error it is not used again."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection[dict[str, Any]],
        pipeline: psycopg.AsyncPipeline,
        address: Address,
        statements: dict[str, bytes],
    ) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._timeout_s = address.timeout_s
        self._statements = statements
        self._watched = Watched(address.name)
        self._cancelling: asyncio.Task[None] | None = None
        connection.add_notice_handler(self._watched.notice)

    @property
    def is_spoilt(self) -> bool:
        """A cancel may still be on its way, and would hit whoever comes next."""
        return self._cancelling is not None

    async def close(self) -> None:
        if self._cancelling:
            self._cancelling.cancel()
        await self._connection.close()

    async def hold(self, conversation: Conversation[Answer], ends_at: float) -> Answer:
        """Raises Undone, or a StoreError."""
        loop = asyncio.get_running_loop()
        grace_s = self._timeout_s * (1 - CANCEL_SHARE)
        bells = [
            loop.call_at(ends_at - grace_s, self._start_cancelling, grace_s),
            loop.call_at(ends_at, self._cut),
        ]
        try:
            return await self._hold(conversation)
        except psycopg.Error as error:
            raise self._watched.judged(error) from error
        finally:
            for bell in bells:
                bell.cancel()

    async def _hold(self, conversation: Conversation[Answer]) -> Answer:
        rows: list[Rows] | None = None
        while True:
            try:
                batch = conversation.send(rows) if rows is not None else next(conversation)
            except StopIteration as ended:
                return ended.value
            rows = await self._exchange(batch)

    async def _exchange(self, batch: Batch) -> list[Rows]:
        """One round trip."""
        self._watched.sends(batch)
        cursors: list[psycopg.AsyncCursor[dict[str, Any]]] = []
        for query in batch.queries:
            text = self._statements[query.statement]
            cursors.append(await self._connection.execute(text, query.arguments))
        await self._connection.wait(all_sent(self._connection))
        await self._pipeline.sync()
        if batch.ends:
            self._watched.has_ended(cursors[-1].statusmessage)
        return [
            as_given(await cursor.fetchall()) if cursor.description else [] for cursor in cursors
        ]

    def _start_cancelling(self, within_s: float) -> None:
        self._cancelling = asyncio.create_task(self._cancel(within_s))

    async def _cancel(self, within_s: float) -> None:
        with suppress(psycopg.Error, OSError):
            await self._connection.cancel_safe(timeout=within_s)

    def _cut(self) -> None:
        self._watched.is_cut = True
        cut(self._connection)
