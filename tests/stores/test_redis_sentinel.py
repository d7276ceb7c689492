"""Under Sentinel the primary is another one after a failover: found without being told."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.model import RunState, SessionId
from cronfleet.store import Renewal, Renewer
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import granted, join, joined, report, started, the_run, tick
from tests.redis_servers import SERVICE, SentinelServer, Watched, tell
from tests.servers import OwnServer, Server, find_binary
from tests.stores.openers import Opener, until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]

FAILED_OVER_S = 30.0


async def renewed(renewer: Renewer, session: SessionId) -> Renewal:
    """The first answer to the renewal thread, which tries on and on."""
    async with asyncio.timeout(FAILED_OVER_S):
        while True:
            try:
                renewal = await asyncio.to_thread(renewer.renew, session)
            except StoreUnavailableError:
                await asyncio.sleep(0.1)
            else:
                assert renewal is not None
                return renewal


async def answered(store: RedisStore) -> None:
    """The pool has an answer again."""
    async with asyncio.timeout(FAILED_OVER_S):
        while True:
            try:
                await store.note("it", "writes")
            except StoreUnavailableError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_after_a_failover_pool_and_renewal_find_the_new_primary_in_a_later_epoch(
    own_watched: Watched, opened: Opener
) -> None:
    store = await opened(own_watched.url, call_timeout=0.5)
    before = await store.open()
    anna = await joined(store, "anna", report(first=1))
    claim = await started(store, anna, await granted(store, anna, tick(fire_time=1)))
    with closing(store.renewer()) as renewer:
        assert renewer.renew(anna) is not None
        own_watched.primary.stop()
        renewal = await renewed(renewer, anna)
    assert (renewal.info.id, renewal.info.epoch) == (before.id, before.epoch + 1)
    await answered(store)
    assert (await the_run(store, claim.run)).state is RunState.STARTED


async def test_a_primary_that_was_demoted_is_left_with_its_first_refusal(
    own_watched: Watched, opened: Opener
) -> None:
    store = await opened(own_watched.url, call_timeout=0.5)
    before = own_watched.primary
    assert b"+OK" in tell(own_watched.sentinels[0], "SENTINEL", "FAILOVER", SERVICE)
    await until(lambda: own_watched.primary is not before)
    await answered(store)
    await join(store, "anna")


async def test_without_a_primary_the_store_is_away_and_says_why_and_then_comes_back(
    own_watched: Watched, opened: Opener
) -> None:
    store = await opened(own_watched.url, call_timeout=0.5)
    anna = await join(store, "anna")
    with closing(store.renewer()) as renewer:
        for server in own_watched.data:
            server.stop()
        for _ in range(3):  # Some may say that it is down, some that nobody listens there.
            with pytest.raises(StoreUnavailableError):
                renewer.renew(anna)
        await until(own_watched.is_lost)
        await complaint(store)  # The one that it knew does not answer.
        assert "no sentinel knows a primary 'fleet'" in await complaint(store)
        own_watched.data[0].start()
        assert (await renewed(renewer, anna)).peers[0].session == anna
    await answered(store)


async def complaint(store: RedisStore) -> str:
    with pytest.raises(StoreUnavailableError) as away:
        await store.jobs()
    return str(away.value)


async def test_one_sentinel_that_is_left_is_enough(own_watched: Watched, opened: Opener) -> None:
    for sentinel in own_watched.sentinels[:2]:
        sentinel.stop()
    store = await opened(own_watched.url, call_timeout=0.5)
    anna = await join(store, "anna")
    with closing(store.renewer()) as renewer:
        assert renewer.renew(anna) is not None


async def test_a_service_that_the_sentinels_do_not_know_is_named(watched_redis: Watched) -> None:
    url = watched_redis.url.replace(f"/{SERVICE}", "/another")
    with pytest.raises(StoreRefusedError, match=r"'another'.*No such master.*end the URL"):
        await RedisStore(url).open()


async def test_a_sentinel_that_is_down_may_be_the_one_that_knows_the_service(
    own_watched: Watched,
) -> None:
    own_watched.sentinels[0].stop()
    url = own_watched.url.replace(f"/{SERVICE}", "/another")
    with pytest.raises(StoreUnavailableError, match=r"'another'.*No such master"):
        await RedisStore(url).open()


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("redis", r"is a sentinel.*redis\+sentinel://"),
        ("redis+cluster", "is no cluster.*write redis://"),
    ],
)
async def test_a_sentinel_where_a_server_should_be_is_refused(
    watched_redis: Watched, scheme: str, said: str
) -> None:
    url = f"{scheme}://127.0.0.1:{watched_redis.sentinels[0].port}"
    with pytest.raises(StoreRefusedError, match=said):
        await RedisStore(url).open()


async def test_sentinels_have_a_password_of_their_own(
    own_redis: OwnServer, tmp_path: Path, opened: Opener
) -> None:
    folder = tmp_path / "sentinel"
    folder.mkdir()
    sentinel = SentinelServer(find_binary("redis"), folder, own_redis, "theirs")
    place = f"redis+sentinel://127.0.0.1:{sentinel.port}/{SERVICE}"
    try:
        assert await (await opened(f"{place}?sentinel_password=theirs")).jobs() == []
        for option in ("", "?sentinel_password=wrong"):
            with pytest.raises(StoreRefusedError, match=r"say \?sentinel_password="):
                await opened(place + option)
    finally:
        sentinel.stop()


async def test_a_server_that_is_no_sentinel_is_refused(redis_server: Server) -> None:
    url = f"redis+sentinel://{redis_server.host}:{redis_server.port}/{SERVICE}"
    with pytest.raises(StoreRefusedError, match=r"is no sentinel.*write redis://"):
        await RedisStore(url).open()
