"""What tests of the PostgreSQL store share: a second look at the database, and locks in the way."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import psycopg
import pytest

from cronfleet.clock import Clock
from cronfleet.errors import StoreRefusedError
from cronfleet.model import SessionId
from cronfleet.store import ClaimAnswer, ClaimItem, NewSession
from cronfleet.stores.postgres import PostgresStore, pool
from cronfleet.stores.postgres.blocking import BlockingLink
from cronfleet.stores.postgres.queries import Batch
from cronfleet.stores.steps import needs
from cronfleet.stores.steps.claims import claim
from cronfleet.stores.steps.needs import Needs
from cronfleet.stores.steps.records import Records
from cronfleet.testing.samples import PROGRAM, TZDATA, report
from tests.postgres_servers import Postgres

Answer = TypeVar("Answer")

SOON_S = 20.0
"""What takes longer than this does not come."""


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


async def with_report(store: PostgresStore, *names: str) -> SessionId:
    """A session that outlives any test, and has declared reports that are due since 1970."""
    anna = SessionId(secrets.token_hex(16))
    await store.join(NewSession(anna, PROGRAM, "anna", ttl_ms=600_000, tzdata=TZDATA))
    jobs = [report(name, first=1) for name in names or ("report",)]
    await store.sync_jobs(anna, PROGRAM, jobs)
    return anna


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
        ends_at = time.monotonic() + SOON_S
        while time.monotonic() < ends_at:
            pid = await self.ask(statement, event, count)
            if pid is not None:
                return pid
        raise AssertionError(f"in {SOON_S} s not so many wait: {event}, {count}")


@asynccontextmanager
async def looker(url: str) -> AsyncGenerator[Looker]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield Looker(connection)


@asynccontextmanager
async def lock_on(
    url: str, store: PostgresStore, name: str, table: str = "job"
) -> AsyncGenerator[None]:
    """Somebody has the row of this job locked, or of the run or session of this id."""
    key = "name" if table == "job" else "id"
    async with looker(url) as other:
        await other.ask("BEGIN")
        await other.ask(f"SELECT FROM {tables(store)}.{table} WHERE {key} = %s FOR UPDATE", name)
        yield
        await other.ask("ROLLBACK")


@asynccontextmanager
async def in_the_middle(
    store: PostgresStore, step: Callable[[Records], Answer], needed: Needs
) -> AsyncGenerator[asyncio.Task[Answer]]:
    """Another instance has taken this step, and stands still, with its locks, until the end."""
    stands, goes_on = threading.Event(), threading.Event()

    def stand_still(records: Records) -> Answer:
        answer = step(records)
        stands.set()
        goes_on.wait()
        return answer

    with closing(BlockingLink(store._address, store._statements)) as link:
        talk = store._talk.write(stand_still, needed)
        taking = asyncio.create_task(asyncio.to_thread(link.take, talk))
        taking.add_done_callback(lambda _: stands.set())  # Also when it has failed.
        try:
            await asyncio.to_thread(stands.wait)
            if taking.done():
                await taking
            yield taking
        finally:
            goes_on.set()
            await asyncio.wait({taking})


def claiming(
    session: SessionId, *items: ClaimItem
) -> tuple[Callable[[Records], list[ClaimAnswer]], Needs]:
    """What a claim does, and what it needs."""
    return lambda records: claim(records, session, items), needs.to_claim(session, items)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """What is sent from now on."""
    sent: list[Batch] = []
    exchange = pool._Link._exchange

    async def noted(link: pool._Link, batch: Batch) -> Sequence[Any]:
        sent.append(batch)
        return await exchange(link, batch)

    monkeypatch.setattr(pool._Link, "_exchange", noted)
    return sent


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
