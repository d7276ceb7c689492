"""What a lock leaves in a store, and what it survives."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from cronfleet.clock import ManualClock
from cronfleet.errors import StoreUnavailableError
from cronfleet.store import Locked, Store, lock_topic
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.redis.locker import RedisLocker
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.testing.samples import START, new_owner
from tests.postgres_servers import Postgres
from tests.servers import OwnServer, Server
from tests.stores.openers import until
from tests.stores.postgres_rig import looker, tables
from tests.stores.proxies import LossyProxy

TTL_MS = 30_000
TABLES = ("lock", "lock_waiter")
NAMES = [f"lock-{number}" for number in range(20)]


@pytest.fixture
async def store(redis_server: Server) -> AsyncIterator[RedisStore]:
    store = RedisStore(redis_server.url, fleet=secrets.token_hex(4))
    await store.open()
    yield store
    await store.aclose()


async def use(store: Store, name: str) -> None:
    """Held by one while another waits, and given back by both."""
    first, second = new_owner(), new_owner()
    assert isinstance(await store.lock(name, first, TTL_MS, waits=True), Locked)
    await store.lock(name, second, TTL_MS, waits=True)
    await store.unlock(name, first)
    assert isinstance(await store.lock(name, second, TTL_MS, waits=True), Locked)
    await store.unlock(name, second)


async def abandon(store: Store, name: str) -> None:
    """Held and waited for by two that are never heard of again."""
    for _ in range(2):
        await store.lock(name, new_owner(), TTL_MS, waits=True)


def connected(url: str) -> Any:
    return cast("Any", redis.Redis).from_url(url, decode_responses=True)


def keys(store: RedisStore, url: str) -> list[str]:
    with connected(url) as client:
        return [key.removeprefix(store._base) for key in client.keys(f"{store._base}*")]


# --- SQLite and memory


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(
            "SELECT (SELECT count(*) FROM lock) + (SELECT count(*) FROM waiter)"
        ).fetchone()
        return count


async def test_sqlite_keeps_nothing_of_a_lock_given_back_and_forgets_others_a_day_later(
    tmp_path: Path,
) -> None:
    clock = ManualClock(START)
    store = SqliteStore(tmp_path / "a.db", clock=clock)
    await store.open()
    for name in NAMES:
        await use(store, name)
    assert rows(tmp_path / "a.db") == 0
    for name in NAMES:
        await abandon(store, name)
    clock.advance(timedelta(days=1, minutes=1))
    await use(store, "one")
    assert rows(tmp_path / "a.db") == 0
    await store.aclose()


async def test_memory_does_likewise() -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    for name in NAMES:
        await use(store, name)
        await abandon(store, name)
    clock.advance(timedelta(days=1, minutes=1))
    await use(store, "one")
    assert not store._records._locks
    assert not store._records._waiters


async def test_in_memory_nobody_is_told_but_the_next() -> None:
    store, (first, second, third) = MemoryStore(), (new_owner() for _ in range(3))
    for owner in (first, second, third):
        await store.lock("stock", owner, TTL_MS, waits=True)
    seconds, thirds = store.hints(lock_topic(second)), store.hints(lock_topic(third))
    told = asyncio.ensure_future(thirds.next())
    await store.unlock("stock", first)
    await seconds.next()
    assert not told.done()
    told.cancel()


# --- PostgreSQL


@pytest.mark.postgres
async def test_postgres_keeps_nothing_of_a_lock_given_back_and_forgets_others_a_day_later(
    postgres_server: Postgres,
) -> None:
    clock = ManualClock(START)
    store = PostgresStore(postgres_server.url, fleet=secrets.token_hex(4), clock=clock)
    await store.open()
    for name in NAMES:
        await use(store, name)
    assert rows_of(store, postgres_server) == 0
    for name in NAMES:
        await abandon(store, name)
    assert rows_of(store, postgres_server) == 2 * len(NAMES)
    clock.advance(timedelta(days=1, minutes=1))
    await use(store, "one")
    assert rows_of(store, postgres_server) == 0
    await store.aclose()


def rows_of(store: PostgresStore, server: Postgres) -> int:
    lock, waiter = (f'(SELECT count(*) FROM "{store._schema}".{name})' for name in TABLES)
    return server.tell(f"SELECT {lock} + {waiter}")


@pytest.mark.postgres
async def test_postgres_forgets_an_old_lock_without_waiting_for_who_has_it_in_hand(
    postgres_server: Postgres,
) -> None:
    clock = ManualClock(START)
    store = PostgresStore(postgres_server.url, fleet=secrets.token_hex(4), clock=clock)
    await store.open()
    await abandon(store, "old")
    clock.advance(timedelta(days=1, minutes=1))
    async with looker(postgres_server.url) as other:
        await other.ask("BEGIN")
        for table in TABLES:
            await other.ask(f"SELECT FROM {tables(store)}.{table} FOR UPDATE")
        await use(store, "one")
        assert rows_of(store, postgres_server) == 2
        await other.ask("ROLLBACK")
    await use(store, "one")
    assert rows_of(store, postgres_server) == 0
    await store.aclose()


# --- Redis


@pytest.mark.redis
async def test_redis_keeps_nothing_of_a_lock_given_back(
    store: RedisStore, redis_server: Server
) -> None:
    for name in NAMES:
        await use(store, name)
    assert keys(store, redis_server.url) == ["fleet"]


@pytest.mark.redis
async def test_redis_forgets_by_itself_what_is_abandoned(
    store: RedisStore, redis_server: Server
) -> None:
    await abandon(store, "stock")
    with connected(redis_server.url) as client:
        left = {
            key: client.pttl(store._base + key)
            for key in keys(store, redis_server.url)
            if key != "fleet"
        }
    assert left.keys() == {"lock:stock", "waiters:stock", "kept:stock"}
    assert all(0 < left_ms <= TTL_MS + 120_000 for left_ms in left.values())


@pytest.mark.redis
async def test_scripts_that_the_server_forgot_are_sent_again(
    store: RedisStore, redis_server: Server
) -> None:
    locker = store.locker()
    for _ in range(2):
        with connected(redis_server.url) as client:
            client.script_flush()
        owner = new_owner()
        assert isinstance(locker.lock("stock", owner, TTL_MS, waits=True), Locked)
        assert await store.renew_lock("stock", owner, TTL_MS)
        assert locker.unlock("stock", owner)
    locker.close()


@pytest.mark.redis
async def test_a_lock_whose_answer_was_lost_is_granted_once(redis_server: Server) -> None:
    async with LossyProxy(redis_server.host, redis_server.port) as proxy:
        store = RedisStore(proxy.url, fleet=secrets.token_hex(4))
        await store.open()
        owner = new_owner()
        await store.lock("warm", new_owner(), TTL_MS, waits=True)
        proxy.lose_next_reply()
        with pytest.raises(StoreUnavailableError):
            await store.lock("stock", owner, TTL_MS, waits=True)
        with connected(redis_server.url) as client:
            token = int(client.hget(store._base + "fleet", "token"))
        assert await store.lock("stock", owner, TTL_MS, waits=True) == Locked(token)
        await store.aclose()


@pytest.mark.redis
async def test_a_locker_whose_connection_broke_connects_again(own_redis: OwnServer) -> None:
    store = RedisStore(own_redis.url)
    await store.open()
    locker, owner = store.locker(), new_owner()
    answer = locker.lock("stock", owner, TTL_MS, waits=True)
    own_redis.restart()
    with pytest.raises(StoreUnavailableError):
        locker.lock("stock", owner, TTL_MS, waits=True)
    assert locker.lock("stock", owner, TTL_MS, waits=True) == answer
    locker.close()
    await store.aclose()


@pytest.mark.redis
async def test_a_call_under_way_when_its_locker_is_closed_keeps_no_connection(
    own_redis: OwnServer,
) -> None:
    store = RedisStore(own_redis.url)
    await store.open()
    locker, owner = cast("RedisLocker", store.locker()), new_owner()
    locker.lock("stock", owner, TTL_MS, waits=True)
    own_redis.freeze()
    call = asyncio.create_task(asyncio.to_thread(locker.unlock, "stock", owner))
    await until(lambda: not locker._idle)
    locker.close()
    own_redis.thaw()
    assert await call
    assert not locker._idle
    await store.aclose()


@pytest.mark.redis
async def test_a_user_that_may_not_publish_gives_its_locks_back_all_the_same(
    own_redis: OwnServer,
) -> None:
    with connected(own_redis.url) as client:
        client.execute_command(
            "ACL", "SETUSER", "anna", "on", ">pass", "~cronfleet:*", "resetchannels", "+@all"
        )
    store = RedisStore(f"redis://anna:pass@127.0.0.1:{own_redis.port}/0")
    await store.open()
    await use(store, "stock")
    assert keys(store, own_redis.url) == ["fleet"]
    await store.aclose()


@pytest.mark.redis
async def test_a_waiter_in_another_process_is_told(redis_server: Server) -> None:
    """Another store object has connections of its own, as another process has."""
    fleet = secrets.token_hex(4)
    stores = [RedisStore(redis_server.url, fleet=fleet) for _ in range(2)]
    for store in stores:
        await store.open()
    first, second = new_owner(), new_owner()
    hints = stores[1].hints(lock_topic(second))
    told = asyncio.ensure_future(hints.next())
    while not told.done():  # The first time it may have begun to listen too late.
        await stores[0].lock("stock", first, TTL_MS, waits=True)
        await stores[1].lock("stock", second, TTL_MS, waits=True)
        await stores[0].unlock("stock", first)
        await asyncio.wait({told}, timeout=0.1)
        await stores[1].unlock("stock", second)
    hints.close()
    for store in stores:
        await store.aclose()
