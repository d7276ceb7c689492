"""What a reviewer found in the stores: each fault a rule, each rule a test."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from redis.exceptions import MovedError

from cronfleet.errors import ConfigurationError, StoreRefusedError, StoreUnavailableError
from cronfleet.model import Outcome, RunState
from cronfleet.store import Declared, Granted, NotGranted, Triggered
from cronfleet.stores.redis import RedisStore, server
from cronfleet.stores.redis.store import MOST_ITEMS
from cronfleet.testing.samples import (
    HOUR_MS,
    PROGRAM,
    completed,
    counter,
    fire,
    granted,
    join,
    joined,
    order,
    report,
    started,
    the_job,
    the_run,
    tick,
)
from tests.servers import OwnServer, Server
from tests.stores.openers import Opener
from tests.stores.test_redis_only import tell

pytestmark = pytest.mark.redis

MANY = [report(f"job-{number:03}", first=1) for number in range(MOST_ITEMS + 1)]


@pytest.fixture
async def store(redis_server: Server, opened: Opener) -> RedisStore:
    return await opened(redis_server.url)


# --- one order, one answer


async def test_two_orders_never_share_an_answer_whatever_their_jobs_and_keys(
    store: RedisStore,
) -> None:
    await joined(store, "anna", report("a"), report("a:b"))
    answers = [await store.trigger("a", order("b:c")), await store.trigger("a:b", order("c"))]
    assert [each.run.job for each in answers if isinstance(each, Triggered)] == ["a", "a:b"]


# --- manifests told in parts


async def test_a_manifest_half_told_survives_the_end_of_another_session(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben, carl = [await join(store, name) for name in ("anna", "ben", "carl")]
    call = store._call  # to act between two of its calls

    async def and_carl_leaves(name: str, *arguments: str | int) -> object:
        answer = await call(name, *arguments)
        if name == "manifest":
            await call("leave", carl)
        return answer

    await store.sync_jobs(ben, PROGRAM, MANY)
    edited = report(MANY[0].name, edition=2)
    monkeypatch.setattr(store, "_call", and_carl_leaves)
    await store.sync_jobs(anna, PROGRAM, [edited, *MANY[1:]])
    monkeypatch.undo()
    assert await store.sync_jobs(ben, PROGRAM, MANY[:1]) == [Declared.SUPERSEDED]


async def test_a_session_that_has_ended_leaves_no_manifest(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    anna = await join(store, "anna")
    await store.leave(anna)
    await store.sync_jobs(anna, PROGRAM, [report()])
    assert b"manifest" not in tell(own_redis, "KEYS", "*")


# --- lists that are cut


async def test_a_tick_out_of_order_stops_the_whole_list_before_anything_is_sent(
    store: RedisStore,
) -> None:
    anna = await joined(store, "anna", *MANY)
    items = [tick(each.name, 1) for each in MANY]
    wrong = replace(items[-1], following=fire(1))
    with pytest.raises(ValueError, match="out of order"):
        await store.claim(anna, [*items[:-1], wrong])
    assert await store.held(anna) == []


async def test_the_rest_of_a_refused_job_is_refused_beyond_the_cut(store: RedisStore) -> None:
    anna = await joined(store, "anna", *MANY)
    last = MANY[MOST_ITEMS - 1].name
    stale = replace(tick(last, 1), generation=9)
    items = [tick(each.name, 1) for each in MANY[: MOST_ITEMS - 1]]
    answers = await store.claim(anna, [*items, stale, tick(last, 1 + HOUR_MS)])
    assert answers[-2:] == [NotGranted.LOST, NotGranted.LOST]
    assert sum(isinstance(each, Granted) for each in answers) == MOST_ITEMS - 1


# --- what a handler says of itself


async def test_an_error_that_utf8_cannot_say_is_kept_with_marks_in_it(store: RedisStore) -> None:
    anna = await joined(store, "anna", report(first=1))
    claim = await started(store, anna, await granted(store, anna, tick(fire_time=1)))
    await completed(store, claim, Outcome.FAILED, error="no file caf\udce9")
    assert (await the_run(store, claim.run)).error == "no file caf?"


async def test_a_long_label_does_not_make_every_run_three_times_as_big(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, "team")
    anna = await join(store, "h" * 100)
    await store.sync_jobs(anna, PROGRAM, [report(first=1)])
    await granted(store, anna, tick(fire_time=1))
    encoding = tell(own_redis, "OBJECT", "ENCODING", "cronfleet:{team}:run:report@1")
    assert b"listpack" in encoding


# --- sessions over a failover


async def test_the_first_close_after_a_restart_is_refused_and_raises_the_epoch(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, "team")
    anna = await join(store, "anna")
    watched, epoch = counter(store, anna), (await store.open()).epoch
    tell(own_redis, "HSET", f"cronfleet:{{team}}:session:{anna}", "expires", "1")
    own_redis.stop()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_redis.start()
    assert not await store.close(anna, watched, epoch)
    assert await store.close(anna, watched, epoch + 1)


# --- connections


async def test_a_store_that_was_closed_opens_again(store: RedisStore) -> None:
    await joined(store, "anna", report())
    before = await store.open()
    await store.aclose()
    with pytest.raises(StoreRefusedError, match="not open"):
        await store.job("report")
    assert (await store.open()).id == before.id
    assert (await the_job(store)).name == "report"


async def test_a_store_that_is_closed_under_its_calls_says_so_to_each(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    tell(own_redis, "SCRIPT", "FLUSH")
    calls = [asyncio.create_task(store.job("report")) for _ in range(12)]
    await asyncio.sleep(0)
    await store.aclose()
    said = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in said} <= {type(None), StoreUnavailableError}


async def test_more_calls_than_connections_of_a_silent_server_all_fail_in_time(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, call_timeout=0.2)
    own_redis.freeze()
    async with asyncio.timeout(5):
        calls = [store.job("report") for _ in range(40)]
        said = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in said} == {StoreUnavailableError}
    own_redis.thaw()
    assert await store.job("report") is None


async def test_two_opens_at_once_share_their_connections(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = RedisStore(own_redis.url)
    await asyncio.gather(store.open(), store.open(), store.open())
    await store.aclose()
    clients = tell(own_redis, "CLIENT", "LIST").decode()
    assert "name=cronfleet" not in clients


@pytest.mark.parametrize("option", ["socket_timeout=99", "protocol=3", "no_such_option=1"])
def test_an_option_in_the_url_that_is_ours_to_set_is_refused(
    redis_server: Server, option: str
) -> None:
    with pytest.raises(ConfigurationError, match=option.partition("=")[0]):
        RedisStore(f"{redis_server.url}?{option}")


@pytest.mark.parametrize(
    "url", ["redis://host:port/0", "redis://host/zero", "redis://:se/cret@host:6379/0"]
)
def test_an_url_that_cannot_be_read_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as refused:
        RedisStore(url)
    assert not re.search("se|cret", str(refused.value).partition(": write")[0])


# --- servers that allow less


def allow(server: OwnServer, *rules: str) -> str:
    """The URL of a user who may do what these rules say."""
    tell(server, "ACL", "SETUSER", "fleet", "on", ">secret", "~cronfleet:*", "+@all", *rules)
    return server.url.replace("redis://", "redis://fleet:secret@")


@pytest.mark.parametrize("command", ["evalsha", "hset"])
async def test_a_user_who_may_not_do_what_we_need_is_told_so(
    own_redis: OwnServer, command: str
) -> None:
    store = RedisStore(allow(own_redis, f"-{command}"))
    with pytest.raises(StoreRefusedError, match="does not allow"):
        await store.open()
    await store.aclose()


@pytest.mark.parametrize("command", ["config", "info"])
async def test_a_server_that_hides_what_it_is_like_is_used_all_the_same(
    own_redis: OwnServer, opened: Opener, command: str
) -> None:
    store = await opened(allow(own_redis, f"-{command}"))
    assert await store.jobs() == []


async def test_a_server_that_evicts_is_refused_although_it_hides_its_configuration(
    own_redis: OwnServer,
) -> None:
    tell(own_redis, "CONFIG", "SET", "maxmemory", "100mb")
    tell(own_redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreRefusedError, match="noeviction"):
        await RedisStore(allow(own_redis, "-config")).open()


def test_a_node_of_a_cluster_that_has_not_this_fleet_is_refused() -> None:
    moved = server.in_our_words("redis://node", MovedError("3999 10.0.0.2:6381"))
    assert isinstance(moved, StoreRefusedError)


async def test_a_run_claimed_before_a_full_memory_is_kept_whole(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    anna = await joined(store, "anna", report(first=1), report("other", first=1))
    claim = await granted(store, anna, tick(fire_time=1))
    tell(own_redis, "CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailableError, match="memory"):
        await store.claim(anna, [tick("other", 1)])
    tell(own_redis, "CONFIG", "SET", "maxmemory", "0")
    assert [each.claim for each in await store.held(anna)] == [claim]
    assert (await the_run(store, claim.run)).state is RunState.CLAIMED
    assert (await the_job(store, "other")).watermark == -1


async def test_an_ended_run_keeps_no_start_id(store: RedisStore) -> None:
    anna = await joined(store, "anna", report(first=1))
    claim = await started(store, anna, await granted(store, anna, tick(fire_time=1)))
    assert (await the_run(store, claim.run)).start_id
    await completed(store, claim, Outcome.SUCCEEDED)
    assert (await the_run(store, claim.run)).start_id is None
