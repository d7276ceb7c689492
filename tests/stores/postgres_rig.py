"""What tests of the PostgreSQL store share: a second look at the database, and locks in the way."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import psycopg
import pytest

from cronfleet.clock import Clock
from cronfleet.errors import StoreRefusedError
from cronfleet.stores.postgres import PostgresStore
from tests.postgres_servers import Postgres

SOON_S = 20.0
"""A hint that takes longer than this does not come."""


class Opener(Protocol):
    """Opens stores that are closed at the end of the test."""

    async def __call__(
        self,
        url: str,
        fleet: str | None = None,
        *,
        call_timeout: float = 20,
        clock: Clock | None = None,
    ) -> PostgresStore: ...


@asynccontextmanager
async def opener() -> AsyncGenerator[Opener]:
    stores: list[PostgresStore] = []

    async def open_one(
        url: str,
        fleet: str | None = None,
        *,
        call_timeout: float = 20,
        clock: Clock | None = None,
    ) -> PostgresStore:
        fleet = fleet or secrets.token_hex(4)
        store = PostgresStore(url, fleet=fleet, call_timeout=call_timeout, clock=clock)
        stores.append(store)
        await store.open()
        return store

    try:
        yield open_one
    finally:
        for store in stores:
            await store.aclose()


class Looker:
    """A connection of the test's own."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self._connection = connection

    async def ask(self, statement: str | bytes, *values: object, **named: object) -> Any:
        """The first value of the answer, or None."""
        given = values or named or None
        cursor = await self._connection.execute(cast("Any", statement), given)
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    async def listen(self, store: PostgresStore) -> None:
        await self.ask(f"LISTEN {tables(store)}")

    async def heard(self, store: PostgresStore) -> list[str]:
        """What was told since the last time. What is told here comes after all told before."""
        await self.ask("SELECT pg_notify(%s, 'now')", store._schema)
        heard: list[str] = []
        async for told in self._connection.notifies():
            if told.payload == "now":
                break
            heard.append(told.payload)
        return heard

    async def waiter(self, event: str, count: int = 1) -> int:
        """A backend that waits for this kind of event, as soon as so many do."""
        statement = (
            "SELECT min(pid) FROM pg_stat_activity WHERE wait_event = %s HAVING count(*) >= %s"
        )
        while True:
            pid = await self.ask(statement, event, count)
            if pid is not None:
                return pid


@asynccontextmanager
async def looker(url: str) -> AsyncGenerator[Looker]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield Looker(connection)


@asynccontextmanager
async def lock_on(
    url: str, store: PostgresStore, name: str, table: str = "job"
) -> AsyncGenerator[None]:
    """Somebody has the row of this job locked, or of the run of this id."""
    key = "name" if table == "job" else "id"
    async with looker(url) as other:
        await other.ask("BEGIN")
        await other.ask(f"SELECT FROM {tables(store)}.{table} WHERE {key} = %s FOR UPDATE", name)
        yield
        await other.ask("ROLLBACK")


def as_user(server: Postgres, user: str, database: str = "postgres") -> str:
    """The server's URL for another user."""
    address = urlsplit(server.url)
    return f"postgresql://{user}@{address.hostname}:{address.port}/{database}"


async def refused(url: str, what: str, fleet: str = "default") -> None:
    """Opening is refused in these words, and no password is among them."""
    store = PostgresStore(url, fleet=fleet)
    with pytest.raises(StoreRefusedError, match=what) as caught:
        await store.open()
    assert "s3cret" not in str(caught.value)
    await store.aclose()


def tables(store: PostgresStore) -> str:
    """The store's schema, quoted."""
    return f'"{store._schema}"'
