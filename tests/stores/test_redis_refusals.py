"""What a server may answer in place of a reply, through a proxy that says it: nothing is sent twice."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.model import Outcome, RunId, RunState, SessionId
from cronfleet.store import Completion, Recorded, Start
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import (
    completed,
    granted,
    join,
    joined,
    report,
    start_id,
    started,
    the_run,
    tick,
)
from tests.servers import Server
from tests.stores.openers import Opener
from tests.stores.proxies import LossyProxy

pytestmark = pytest.mark.redis

UNBLOCKED = (
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
)
PASSING = [
    "READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist",
    "NOREPLICAS Not enough good replicas to write.",
    UNBLOCKED,
    "ASK 3999 127.0.0.1:6381",
    "ERR Error running script (call to f_a): @user_script:209: -READONLY You can't write",
]


@pytest.fixture
def fleet() -> str:
    return secrets.token_hex(4)


@pytest.fixture
async def proxy(redis_server: Server) -> AsyncIterator[LossyProxy]:
    async with LossyProxy(redis_server.host, redis_server.port) as proxy:
        yield proxy


@pytest.fixture
async def sound(redis_server: Server, fleet: str, opened: Opener) -> RedisStore:
    """The same store, not through the proxy."""
    return await opened(redis_server.url, fleet)


@pytest.fixture
async def store(proxy: LossyProxy, fleet: str, sound: RedisStore, opened: Opener) -> RedisStore:
    return await opened(proxy.url, fleet)


@pytest.fixture
async def anna(store: RedisStore, sound: RedisStore) -> SessionId:
    """A session with a job that is due; the server has seen the scripts that tests use."""
    anna = await joined(sound, "anna", report(first=1), report("other", first=1))
    nothing = RunId("nobody", 1)
    await sound.claim(anna, [tick("nobody")])
    await sound.start(anna, [Start(nothing, 1, start_id())])
    await sound.complete([Completion(nothing, 1, Outcome.FAILED)])
    return anna


@pytest.mark.parametrize("error", PASSING, ids=lambda error: error.split()[0])
async def test_a_claim_that_was_refused_is_sent_once_and_goes_through_when_that_has_passed(
    store: RedisStore, sound: RedisStore, anna: SessionId, proxy: LossyProxy, error: str
) -> None:
    sent = proxy.scripts
    proxy.refuse_next(error)
    with pytest.raises(StoreUnavailableError):
        await store.claim(anna, [tick(fire_time=1)])
    assert proxy.scripts == sent + 1
    assert await sound.held(anna) == []
    await granted(store, anna, tick(fire_time=1))


@pytest.mark.parametrize("error", PASSING, ids=lambda error: error.split()[0])
async def test_a_renewal_that_was_refused_is_sent_once_and_goes_through_when_that_has_passed(
    store: RedisStore, proxy: LossyProxy, error: str
) -> None:
    ben = await join(store, "ben")
    with closing(store.renewer()) as renewer:
        assert await asyncio.to_thread(renewer.renew, ben) is not None
        sent = proxy.scripts
        proxy.refuse_next(error)
        with pytest.raises(StoreUnavailableError):
            await asyncio.to_thread(renewer.renew, ben)
        assert proxy.scripts == sent + 1
        assert await asyncio.to_thread(renewer.renew, ben) is not None


async def test_a_script_that_the_server_does_not_know_is_told_to_it_once(
    store: RedisStore, anna: SessionId, proxy: LossyProxy
) -> None:
    sent = proxy.scripts
    proxy.refuse_next("NOSCRIPT No matching script. Please use EVAL.")
    await granted(store, anna, tick(fire_time=1))
    assert proxy.scripts == sent + 2


@pytest.mark.parametrize("error", [PASSING[0], UNBLOCKED], ids=lambda error: error.split()[0])
async def test_a_server_that_says_it_is_a_replica_is_connected_to_anew(
    store: RedisStore, anna: SessionId, proxy: LossyProxy, error: str
) -> None:
    """Its name may by now stand for another server."""
    connections = len(proxy.commands)
    proxy.refuse_next(error)
    with pytest.raises(StoreUnavailableError):
        await store.held(anna)
    await store.held(anna)
    assert len(proxy.commands) == connections + 1


@pytest.mark.parametrize("error", PASSING, ids=lambda error: error.split()[0])
async def test_a_question_about_the_server_that_was_refused_is_not_taken_for_a_forbidden_one(
    store: RedisStore, proxy: LossyProxy, error: str
) -> None:
    proxy.refuse_next(error)
    with pytest.raises(StoreUnavailableError):
        await store.promise()
    assert (await store.promise()).configuration


async def test_a_fleet_that_has_moved_is_not_looked_for_behind_a_plain_url(
    store: RedisStore, anna: SessionId, proxy: LossyProxy
) -> None:
    proxy.refuse_next("MOVED 3999 127.0.0.1:6381")
    with pytest.raises(StoreRefusedError, match=r"redis\+cluster://"):
        await store.held(anna)


@pytest.mark.parametrize("damage", ["lose_next_reply", "cut_next_reply"])
async def test_a_write_whose_reply_does_not_arrive_is_done_once_and_found(
    store: RedisStore, sound: RedisStore, anna: SessionId, proxy: LossyProxy, damage: str
) -> None:
    sent = proxy.scripts
    getattr(proxy, damage)()
    with pytest.raises(StoreUnavailableError):
        await store.claim(anna, [tick(fire_time=1)])
    (held,) = await sound.held(anna)
    start = Start(held.claim.run, held.claim.token, start_id())
    getattr(proxy, damage)()
    with pytest.raises(StoreUnavailableError):
        await store.start(anna, [start])
    assert (await the_run(sound, held.claim.run)).state is RunState.STARTED
    assert proxy.scripts == sent + 2
    assert await store.start(anna, [start]) == [True]


@pytest.mark.parametrize("damage", ["lose_next_reply", "cut_next_reply"])
async def test_an_outcome_whose_answer_does_not_arrive_counts_once_when_it_is_said_again(
    store: RedisStore, sound: RedisStore, anna: SessionId, proxy: LossyProxy, damage: str
) -> None:
    claim = await started(sound, anna, await granted(sound, anna, tick(fire_time=1)))
    getattr(proxy, damage)()
    with pytest.raises(StoreUnavailableError):
        await completed(store, claim, Outcome.SUCCEEDED)
    assert await completed(store, claim, Outcome.SUCCEEDED) is Recorded.DONE
    assert (await the_run(sound, claim.run)).state is RunState.SUCCEEDED


@pytest.mark.parametrize("damage", ["lose_next_reply", "cut_next_reply"])
async def test_a_renewal_whose_answer_does_not_arrive_is_sent_once(
    store: RedisStore, proxy: LossyProxy, damage: str
) -> None:
    ben = await join(store, "ben")
    with closing(store.renewer()) as renewer:
        before = await asyncio.to_thread(renewer.renew, ben)
        sent = proxy.scripts
        getattr(proxy, damage)()
        with pytest.raises(StoreUnavailableError):
            await asyncio.to_thread(renewer.renew, ben)
        assert proxy.scripts == sent + 1
        after = await asyncio.to_thread(renewer.renew, ben)
    assert before is not None
    assert after is not None
    counters = [
        peer.counter for seen in (before, after) for peer in seen.peers if peer.session == ben
    ]
    assert counters == [counters[0], counters[0] + 2]
