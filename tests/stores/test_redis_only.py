"""What only a server can do: forget scripts, restart, refuse, evict, lose a reply."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.model import Outcome, RunState
from cronfleet.store import Granted, Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import (
    PROGRAM,
    completed,
    granted,
    join,
    joined,
    order,
    report,
    started,
    tick,
    triggered,
)
from tests.servers import OwnServer, Server
from tests.stores.proxies import LossyProxy

pytestmark = pytest.mark.redis

Opener = Callable[..., Awaitable[RedisStore]]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    stores: list[RedisStore] = []

    async def open_one(url: str, fleet: str | None = None, call_timeout: float = 2.5) -> RedisStore:
        store = RedisStore(url, fleet=fleet or secrets.token_hex(4), call_timeout=call_timeout)
        stores.append(store)
        await store.open()
        return store

    yield open_one
    for store in stores:
        await store.aclose()


def tell(server: Server, *words: str) -> bytes:
    """One command by hand; its raw reply."""
    said = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(f"*{len(words)}\r\n{said}".encode())
        return connection.recv(65_536)


async def test_a_server_that_forgot_the_scripts_is_told_them_again(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    anna = await joined(store, "anna", report(first=1))
    tell(own_redis, "SCRIPT", "FLUSH")
    await granted(store, anna, tick(fire_time=1))


async def test_a_server_that_restarted_with_its_data_is_the_same_store_in_a_later_epoch(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    before = await store.open()
    await joined(store, "anna", report())
    own_redis.stop()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_redis.start()
    after = await store.open()
    assert after.id == before.id
    assert after.epoch > before.epoch
    assert await store.job("report") is not None


async def test_a_server_that_was_emptied_is_another_store(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    before = await store.open()
    tell(own_redis, "FLUSHALL")
    assert (await store.open()).id != before.id


async def test_a_silent_server_is_unavailable_within_the_call_timeout(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, call_timeout=0.2)
    own_redis.freeze()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_redis.thaw()
    assert await store.job("report") is None


async def test_a_wrong_password_is_refused_and_never_shown(own_redis: OwnServer) -> None:
    tell(own_redis, "CONFIG", "SET", "requirepass", "right-secret")
    url = own_redis.url.replace("redis://", "redis://:wrong-secret@")
    with pytest.raises(StoreRefusedError, match="REDIS_PASSWORD") as refused:
        await RedisStore(url).open()
    assert "wrong-secret" not in str(refused.value)


async def test_no_password_where_one_is_needed_is_refused(own_redis: OwnServer) -> None:
    tell(own_redis, "CONFIG", "SET", "requirepass", "right-secret")
    with pytest.raises(StoreRefusedError, match="REDIS_PASSWORD"):
        await RedisStore(own_redis.url).open()


async def test_a_server_that_evicts_is_refused(own_redis: OwnServer) -> None:
    tell(own_redis, "CONFIG", "SET", "maxmemory", "100mb")
    tell(own_redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreRefusedError, match="noeviction"):
        await RedisStore(own_redis.url).open()


async def test_a_server_that_keeps_nothing_is_warned_of(
    own_redis: OwnServer, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    tell(own_redis, "CONFIG", "SET", "appendonly", "no")
    await opened(own_redis.url)
    assert "keeps nothing on disk" in caplog.text


async def test_a_claim_whose_reply_was_lost_is_sent_once(
    redis_server: Server, opened: Opener
) -> None:
    async with LossyProxy(redis_server.host, redis_server.port) as proxy:
        fleet = secrets.token_hex(4)
        store, sound = await opened(proxy.url, fleet), await opened(redis_server.url, fleet)
        anna = await joined(store, "anna", report(first=1), report("other"))
        await store.claim(anna, [tick("nobody")])  # The server knows the script from now on.
        proxy.lose_next_reply()
        with pytest.raises(StoreUnavailableError):
            await store.claim(anna, [tick(fire_time=1)])
        (held,) = await sound.held(anna)
        assert (held.state, held.claim.run.fire_time) == (RunState.CLAIMED, 1)
        assert [run.token for run in await sound.runs("report")] == [held.claim.token]


async def test_a_cancelled_call_leaves_no_reply_for_the_next(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    await joined(store, "anna", report(), report("other"))
    own_redis.freeze()
    calls = [asyncio.create_task(store.job("report")) for _ in range(12)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    own_redis.thaw()
    names = await asyncio.gather(*(store.job("other") for _ in range(12)))
    assert {job.name for job in names if job} == {"other"}


async def test_all_keys_of_a_fleet_carry_one_hash_tag_and_short_fields(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, "team-a")
    await _live(store)
    keys = [line for line in tell(own_redis, "KEYS", "*").decode().split("\r\n") if ":" in line]
    assert [key for key in keys if not key.startswith("cronfleet:{team-a}:")] == []
    hashes = [key for key in keys if tell(own_redis, "TYPE", key) == b"+hash\r\n"]
    encodings = {tell(own_redis, "OBJECT", "ENCODING", key).split(b"\r\n")[1] for key in hashes}
    assert len(hashes) > 3
    assert encodings == {b"listpack"}


async def _live(store: Store) -> None:
    """A run that failed with a long error, one that waits, one that is pending, a pause."""
    anna = await joined(store, "anna", report("r" * 128, first=1))
    name = "r" * 128
    claim = await started(store, anna, await granted(store, anna, tick(name, 1)))
    await triggered(store, name)
    await completed(store, claim, Outcome.FAILED, error="e" * 3_000)
    await store.pause(name, order(who="w" * 40, why="y" * 500))


async def test_two_fleets_on_one_server_do_not_meet(redis_server: Server, opened: Opener) -> None:
    ours, theirs = await opened(redis_server.url), await opened(redis_server.url)
    await joined(ours, "anna", report(first=1))
    ben = await join(theirs, "ben")
    assert await theirs.jobs() == []
    (answer,) = await theirs.claim(ben, [tick(fire_time=1)])
    assert not isinstance(answer, Granted)
    assert (await ours.peek(PROGRAM, limit=1)).due[0].job == "report"
