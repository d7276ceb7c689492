"""durability=wait: what was written counts when all who may become the primary have it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.model import Outcome, RunState
from cronfleet.promise import Failure, Verdict
from cronfleet.store import Recorded, Start, Store
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.redis.connections.talking import Primary
from cronfleet.stores.redis.scripts import READING, confirmed_script
from cronfleet.testing.conformance import StoreRules
from cronfleet.testing.samples import (
    PROGRAM,
    completed,
    granted,
    join,
    joined,
    report,
    start_id,
    started,
    tick,
)
from tests.conftest import in_use
from tests.redis_servers import Replicated, Watched, tell
from tests.servers import OwnServer, Server, find_binary
from tests.stores.openers import Opener, until
from tests.stores.proxies import SCRIPTS, LossyProxy

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]

QUICK_S = 2.0
WAIT = "?durability=wait"
SHORT = "of 2 replicas acknowledged"


@pytest.fixture
def replicated(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Replicated]:
    """A primary with two replicas, and nobody who watches over them."""
    with in_use(
        pytestconfig, lambda: Replicated(find_binary("redis"), tmp_path, replicas=2)
    ) as servers:
        yield servers


@pytest.fixture(scope="session")
def replicated_valkey(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicated]:
    folder = tmp_path_factory.mktemp("replicated")
    with in_use(pytestconfig, lambda: Replicated(find_binary("valkey"), folder)) as servers:
        yield servers


class TestValkeyWaitingForReplicas(StoreRules):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, replicated_valkey: Replicated, opened: Opener
    ) -> Store:
        return await opened(replicated_valkey.url + WAIT, clock=clock)


# --- a replica that is behind


class Pair:
    """Two stores of one fleet: one that soon gives up, and one that has time."""

    def __init__(self, hasty: RedisStore, patient: RedisStore) -> None:
        self.hasty = hasty
        self.patient = patient


@pytest.fixture
async def pair(replicated: Replicated, opened: Opener) -> Pair:
    url = replicated.url + WAIT
    return Pair(
        await opened(url, "team", call_timeout=QUICK_S), await opened(url, "team", call_timeout=20)
    )


@contextmanager
def behind(replica: OwnServer) -> Generator[None]:
    """A replica that hears nothing meanwhile."""
    replica.freeze()
    try:
        yield
    finally:
        replica.thaw()


async def test_a_claim_that_a_replica_lacks_is_unknown_and_found_when_it_has_it(
    replicated: Replicated, pair: Pair
) -> None:
    anna = await joined(pair.patient, "anna", report(first=1))
    with behind(replicated.data[2]):
        with pytest.raises(StoreUnavailableError, match=f"1 {SHORT}"):
            await pair.hasty.claim(anna, [tick(fire_time=1)])
        with pytest.raises(StoreUnavailableError, match=f"1 {SHORT}"):
            await pair.hasty.held(anna)
    (held,) = await pair.patient.held(anna)
    assert held.state is RunState.CLAIMED
    await started(pair.patient, anna, held.claim)


async def test_a_start_that_is_repeated_is_not_believed_before_the_replicas_have_it(
    replicated: Replicated, pair: Pair
) -> None:
    """It writes nothing of its own, and WAIT would find nothing to wait for."""
    anna = await joined(pair.patient, "anna", report(first=1))
    claim = await granted(pair.patient, anna, tick(fire_time=1))
    start = Start(claim.run, claim.token, start_id())
    with behind(replicated.data[1]):
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match=SHORT):
                await pair.hasty.start(anna, [start])
    assert await pair.patient.start(anna, [start]) == [True]


async def test_an_outcome_waits_and_is_said_again_until_it_is_acknowledged(
    replicated: Replicated, pair: Pair
) -> None:
    anna = await joined(pair.patient, "anna", report(first=1))
    claim = await started(pair.patient, anna, await granted(pair.patient, anna, tick(fire_time=1)))
    with behind(replicated.data[1]), pytest.raises(StoreUnavailableError, match=SHORT):
        await completed(pair.hasty, claim, Outcome.SUCCEEDED)
    assert await completed(pair.patient, claim, Outcome.SUCCEEDED) is Recorded.DONE


async def test_a_renewal_waits_too_for_its_epoch_must_not_be_told_and_then_lost(
    replicated: Replicated, pair: Pair
) -> None:
    anna = await join(pair.patient, "anna")
    with (
        closing(pair.hasty.renewer()) as renewer,
        behind(replicated.data[1]),
        pytest.raises(StoreUnavailableError, match=SHORT),
    ):
        await asyncio.to_thread(renewer.renew, anna)
    with closing(pair.patient.renewer()) as renewer:
        assert await asyncio.to_thread(renewer.renew, anna) is not None


async def test_whoever_only_looks_waits_for_nobody(replicated: Replicated, pair: Pair) -> None:
    await joined(pair.patient, "anna", report())
    with behind(replicated.data[1]):
        assert [job.name for job in await pair.patient.jobs()] == ["report"]
        assert len((await pair.patient.peek(PROGRAM, limit=2)).due) == 1


@pytest.mark.parametrize("name", ["claim", "start", "complete", "held", "renew", "note", "sweep"])
def test_every_operation_that_is_not_for_reading_is_confirmed(name: str) -> None:
    assert confirmed_script(name).is_confirmed
    assert name not in READING


# --- how many


async def test_the_most_replicas_ever_seen_count_though_one_has_gone(
    replicated: Replicated, opened: Opener
) -> None:
    store = await opened(replicated.url + WAIT, "team", call_timeout=QUICK_S)
    replicated.data[2].stop()
    await until(lambda: replicated.count_replicas(replicated.data[0]) == 1)
    with pytest.raises(StoreUnavailableError, match=f"1 {SHORT}"):
        await join(store, "anna")
    with pytest.raises(StoreUnavailableError, match=f"1 {SHORT}"):
        await opened(replicated.url + WAIT, "team", call_timeout=QUICK_S)
    one = await opened(f"{replicated.url}{WAIT}&replicas=1", "team", call_timeout=QUICK_S)
    await join(one, "anna")


async def test_sentinel_knows_a_replica_that_is_down(own_watched: Watched, opened: Opener) -> None:
    own_watched.replicas[0].stop()
    await until(lambda: own_watched.count_replicas(own_watched.primary) == 1)
    with pytest.raises(StoreUnavailableError, match=f"1 {SHORT}"):
        await opened(own_watched.url + WAIT, call_timeout=QUICK_S)


async def test_a_server_without_replicas_can_promise_nothing(
    redis_server: Server, opened: Opener
) -> None:
    with pytest.raises(StoreUnavailableError, match="no replica has been seen yet"):
        await opened(redis_server.url + WAIT)


async def test_a_server_that_hides_its_replicas_must_be_told_how_many_there_are(
    replicated: Replicated, opened: Opener
) -> None:
    rules = ("on", ">secret", "~cronfleet:*", "&cronfleet:*", "+@all", "-@dangerous")
    tell(replicated.data[0], "ACL", "SETUSER", "fleet", *rules)
    url = replicated.url.replace("redis://", "redis://fleet:secret@") + WAIT
    with pytest.raises(StoreRefusedError, match=r"\+info, or say replicas=N"):
        await opened(url)
    await join(await opened(f"{url}&replicas=2"), "anna")


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("", Verdict.BROKEN),
        (WAIT, Verdict.KEPT),
        (f"{WAIT}&replicas=2", Verdict.KEPT),
        (f"{WAIT}&replicas=1", Verdict.BROKEN),
    ],
)
async def test_a_failover_is_survived_when_every_replica_is_waited_for(
    own_watched: Watched, opened: Opener, options: str, verdict: Verdict
) -> None:
    promise = await (await opened(own_watched.url + options)).promise()
    assert promise.holds[Failure.FAILOVER].verdict is verdict


@pytest.mark.parametrize("options", [f"{WAIT}&replicas=2", f"{WAIT}&replicas=1"])
async def test_a_replica_that_is_down_may_be_promoted_all_the_same(
    own_watched: Watched, opened: Opener, options: str
) -> None:
    store = await opened(own_watched.url + options)
    own_watched.replicas[0].stop()
    await until(lambda: own_watched.count_replicas(own_watched.primary) == 1)
    verdict = (await store.promise()).holds[Failure.FAILOVER].verdict
    assert verdict is (Verdict.KEPT if "replicas=2" in options else Verdict.BROKEN)


async def test_a_server_that_stands_alone_remembers_replicas_that_are_down(
    replicated: Replicated, opened: Opener
) -> None:
    store = await opened(f"{replicated.url}{WAIT}&replicas=1")
    replicated.data[1].stop()
    await until(lambda: replicated.count_replicas(replicated.data[0]) == 1)
    promise = await store.promise()
    assert promise.holds[Failure.FAILOVER].verdict is Verdict.BROKEN
    assert any("replicas=N" in each.setting for each in promise.downgrades)


# --- one connection


async def test_a_write_and_its_wait_share_a_socket(replicated: Replicated, opened: Opener) -> None:
    """On another one WAIT answers at once, whatever the replicas have."""
    primary = replicated.data[0]
    async with LossyProxy(primary.host, primary.port) as proxy:
        store = await opened(proxy.url + WAIT)
        anna = await joined(store, "anna", *(report(f"job-{n}", first=1) for n in range(20)))
        await asyncio.gather(*(store.claim(anna, [tick(f"job-{n}", 1)]) for n in range(20)))
        with closing(store.renewer()) as renewer:
            await asyncio.to_thread(renewer.renew, anna)
        await store.aclose()
    asked = [[name for name in names if name in {*SCRIPTS, "WAIT"}] for names in proxy.commands]
    assert sum(names.count("WAIT") for names in asked) > 20
    for names in asked:
        after = dict(enumerate(names[1:]))
        confirmed = [after.get(at) for at, name in enumerate(names) if name == "EVALSHA"]
        # An EVAL stands for an EVALSHA that the server did not know.
        assert set(confirmed) <= {"WAIT", "EVAL"}


async def test_a_primary_that_is_left_while_it_is_asked_for_is_found_again(
    replicated: Replicated, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call asks anew how many replicas there are, and another finds the connection broken."""
    store = await opened(replicated.url + WAIT)
    assert isinstance(store, RedisStore)
    connections = store._opened()
    before = connections._served
    assert before is not None
    before.found_at = 0
    search = connections._search

    async def left_meanwhile() -> Primary:
        primary = await search()
        await connections._leave(before)
        return primary

    monkeypatch.setattr(connections, "_search", left_meanwhile)
    assert (await store.peek(PROGRAM, limit=1)).due == []
    assert connections._served is not before
