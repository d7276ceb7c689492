"""Concurrent histories of one job on every store: an order must fit, whatever answers were lost."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.testing.samples import START
from tests.postgres_servers import Postgres
from tests.servers import Server
from tests.stores.linearizability.clients import Line, live
from tests.stores.linearizability.history import History
from tests.stores.proxies import LossyProxy

pytestmark = pytest.mark.timeout(180)

CLIENTS = 6
HISTORIES = 12

Lines = Callable[[], Awaitable[Sequence[Line]]]


@pytest.fixture(params=["sqlite", "redis", "valkey", "postgres"])
async def lines(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lines]:
    """Opens a fleet of its own for each history, with a connection for each client."""
    async with AsyncExitStack() as opened:
        if request.param == "sqlite":
            yield lambda: on_sqlite(opened, tmp_path)
        elif request.param == "postgres":
            postgres: Postgres = request.getfixturevalue("postgres_server")
            yield lambda: on_postgres(opened, postgres)
        else:
            server: Server = request.getfixturevalue(f"{request.param}_server")
            yield lambda: on_redis(opened, server)


async def on_sqlite(opened: AsyncExitStack, folder: Path) -> Sequence[Line]:
    path, clock = folder / f"{secrets.token_hex(4)}.db", ManualClock(START)
    stores = [SqliteStore(path, clock=clock, lock_timeout_ms=60_000) for _ in range(CLIENTS)]
    for store in stores:
        await store.open()
        opened.push_async_callback(store.aclose)
    return [Line(store) for store in stores]


async def on_postgres(opened: AsyncExitStack, server: Postgres) -> Sequence[Line]:
    fleet, clock = secrets.token_hex(4), ManualClock(START)
    stores = [
        PostgresStore(server.url, fleet=fleet, clock=clock, call_timeout=30) for _ in range(CLIENTS)
    ]
    for store in stores:
        await store.open()
        opened.push_async_callback(store.aclose)
    return [Line(store, until_ended=partial(until_ended, store)) for store in stores]


async def until_ended(store: PostgresStore) -> None:
    """What its caller gave up goes on to its end."""
    assert store._pool
    while calls := set(store._pool._calls):
        await asyncio.wait(calls)


async def on_redis(opened: AsyncExitStack, server: Server) -> Sequence[Line]:
    """Each client behind a proxy of its own, which loses its replies."""
    fleet, clock = secrets.token_hex(4), ManualClock(START)
    proxies = [
        await opened.enter_async_context(LossyProxy(server.host, server.port))
        for _ in range(CLIENTS)
    ]
    stores = [RedisStore(proxy.url, fleet=fleet, clock=clock) for proxy in proxies]
    for store in stores:
        await store.open()
        opened.push_async_callback(store.aclose)
    return [
        Line(store, proxy.lose_next_reply) for store, proxy in zip(stores, proxies, strict=True)
    ]


@pytest.mark.parametrize("shards", [1, 2])
async def test_the_register_answers_as_the_reference_does(shards: int) -> None:
    (await live([Line(MemoryStore(ManualClock(START)))] * CLIENTS, shards=shards)).check()


async def test_histories_of_many_clients_fit_one_order(lines: Lines) -> None:
    histories = [await live(await lines(), seed, 1 + seed % 2) for seed in range(HISTORIES)]
    for history in histories:
        history.check()
    assert any(has_unanswered(history) for history in histories)
    assert any(overlaps(history) for history in histories)


def has_unanswered(history: History) -> bool:
    return any(not each.is_known for each in history.told)


def overlaps(history: History) -> bool:
    """Whether some call was asked before the one asked before it was answered."""
    told = sorted(history.told, key=lambda each: each.invoked)
    return any(b.invoked < a.returned for a, b in itertools.pairwise(told))
