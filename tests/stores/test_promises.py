"""What real stores say of themselves, as they are configured."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cronfleet import Failure, Promise, Verdict
from cronfleet.store import Store
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.stores.sqlite.connection import WAL_IS_SAFE
from tests.servers import OwnServer
from tests.stores.test_redis_only import tell


@asynccontextmanager
async def opened(store: Store) -> AsyncGenerator[Store]:
    await store.open()
    yield store
    await store.aclose()


async def promise_of(store: Store) -> Promise:
    async with opened(store):
        return await store.promise()


def settings(promise: Promise) -> list[str]:
    return [each.setting for each in promise.downgrades]


async def test_sqlite_on_a_local_disk_has_nothing_to_lift(tmp_path: Path) -> None:
    promise = await promise_of(SqliteStore(tmp_path / "cronfleet.db"))
    assert (promise.breaks_when, promise.downgrades) == ([], ())
    journal = "a write-ahead log" if WAL_IS_SAFE else "journal_mode persist"
    assert journal in promise.configuration


@pytest.mark.redis
@pytest.mark.parametrize(
    ("settings_", "said", "breaks_when", "lifted_by"),
    [
        ("appendfsync always", "appendfsync always", [], []),
        (
            "appendfsync everysec",
            "everysec",
            [Failure.STORE_PROCESS, Failure.POWER],
            ["appendfsync always"],
        ),
        ("appendfsync no", "appendfsync no", [Failure.POWER], ["appendfsync always"]),
        (
            "appendonly no,save 3600 1",
            "snapshots alone",
            [Failure.STORE_PROCESS, Failure.POWER],
            ["appendonly yes with appendfsync always"],
        ),
        ("appendonly no", "nothing on disk", [], ["appendonly yes with appendfsync always"]),
        (
            "appendfsync always,maxmemory-policy allkeys-lru",
            "appendfsync always",
            [],
            ["maxmemory-policy noeviction"],
        ),
    ],
)
async def test_redis_is_asked_how_it_keeps_its_data(
    own_redis: OwnServer,
    settings_: str,
    said: str,
    breaks_when: list[Failure],
    lifted_by: list[str],
) -> None:
    for setting in settings_.split(","):
        name, _, value = setting.partition(" ")
        assert tell(own_redis, "CONFIG", "SET", name, value) == b"+OK\r\n"
    promise = await promise_of(RedisStore(own_redis.url))
    assert said in promise.configuration
    assert f"{own_redis.version}, " in promise.configuration
    assert (promise.breaks_when, settings(promise)) == (breaks_when, lifted_by)


@pytest.mark.redis
async def test_a_setting_that_changes_while_it_is_open_is_seen(own_redis: OwnServer) -> None:
    async with opened(RedisStore(own_redis.url)) as store:
        assert Failure.POWER in (await store.promise()).breaks_when
        tell(own_redis, "CONFIG", "SET", "appendfsync", "always")
        assert (await store.promise()).breaks_when == []


@pytest.mark.redis
async def test_what_a_user_may_not_ask_counts_as_the_weaker(own_redis: OwnServer) -> None:
    rights = ("~cronfleet:*", "+@all", "-@dangerous", "-config", "-info")
    tell(own_redis, "ACL", "SETUSER", "app", "on", ">secret", *rights)
    url = own_redis.url.replace("redis://", "redis://app:secret@")
    promise = await promise_of(RedisStore(url))
    assert promise.configuration == "Redis, persistence unknown, replicas unknown"
    assert Failure.FAILOVER in promise.breaks_when
    assert "ACL +info +config|get" in settings(promise)


@pytest.mark.redis
async def test_a_user_that_may_ask_info_alone_is_told_what_is_not_known(
    own_redis: OwnServer,
) -> None:
    rights = ("~cronfleet:*", "+@all", "-@dangerous", "+info")
    tell(own_redis, "ACL", "SETUSER", "app", "on", ">secret", *rights)
    url = own_redis.url.replace("redis://", "redis://app:secret@")
    promise = await promise_of(RedisStore(url))
    assert "appendfsync unknown" in promise.configuration
    assert settings(promise) == ["ACL +config|get"]


@pytest.mark.redis
@pytest.mark.valkey
async def test_a_replica_that_is_connected_is_a_downgrade(
    own_redis: OwnServer, own_valkey: OwnServer
) -> None:
    """Of another make, which is a replica all the same: it follows the older one's protocol."""
    tell(own_redis, "CONFIG", "SET", "appendfsync", "always")
    tell(own_valkey, "REPLICAOF", own_redis.host, str(own_redis.port))
    while b"connected_slaves:1" not in tell(own_redis, "INFO", "replication"):
        pass
    promise = await promise_of(RedisStore(own_redis.url))
    assert promise.holds[Failure.FAILOVER].verdict is Verdict.BROKEN
    assert settings(promise) == ["durability=wait in the store's URL"]


@pytest.mark.valkey
async def test_valkey_is_called_by_its_name(own_valkey: OwnServer) -> None:
    promise = await promise_of(RedisStore(own_valkey.url))
    assert promise.configuration.startswith(f"Valkey {own_valkey.version}, append-only file")
