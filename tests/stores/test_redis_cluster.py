"""On a cluster a fleet lives on one node, and goes where its slot goes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis.crc import key_slot

from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.redis.connections import read_address
from cronfleet.stores.redis.connections.address import Node
from cronfleet.stores.redis.connections.cluster import ClusterFinder
from cronfleet.stores.redis.connections.talking import Primary, Question
from cronfleet.testing.samples import granted, joined, report, the_job, tick
from tests.conftest import in_use
from tests.redis_servers import Cluster, tell
from tests.servers import OwnServer, Server, find_binary
from tests.stores.openers import Opener

pytestmark = pytest.mark.redis


class Move:
    """A fleet's slot on its way from the node that has it to another."""

    def __init__(self, cluster: Cluster, fleet: str) -> None:
        self._cluster = cluster
        self._slot = key_slot(fleet.encode())
        self.source = cluster.owner(self._slot)
        self.target = next(each for each in cluster.servers if each is not self.source)

    def begin(self) -> None:
        ids = {each: self._cluster.id_of(each) for each in (self.source, self.target)}
        self._set_slot(self.target, "IMPORTING", ids[self.source])
        self._set_slot(self.source, "MIGRATING", ids[self.target])

    def carry(self, most: int) -> None:
        keys = tell(self.source, "CLUSTER", "GETKEYSINSLOT", self._slot, most).split(b"\r\n")[2::2]
        names = [key.decode() for key in keys if key]
        to = (self.target.host, self.target.port)
        assert tell(self.source, "MIGRATE", *to, "", 0, 5_000, "KEYS", *names) == b"+OK\r\n"

    def end(self) -> None:
        for node in (self.target, self.source):
            self._set_slot(node, "NODE", self._cluster.id_of(self.target))

    def _set_slot(self, node: OwnServer, *words: str) -> None:
        assert tell(node, "CLUSTER", "SETSLOT", self._slot, *words) == b"+OK\r\n"


@pytest.fixture
def fleet() -> str:
    return secrets.token_hex(4)


async def test_a_fleet_whose_slot_moves_is_away_until_it_has_arrived_and_whole_afterwards(
    redis_cluster: Cluster, fleet: str, opened: Opener
) -> None:
    store = await opened(redis_cluster.url, fleet)
    before = await store.open()
    anna = await joined(store, "anna", report(first=1))
    move = Move(redis_cluster, fleet)
    with closing(store.renewer()) as renewer:
        assert renewer.renew(anna) is not None
        move.begin()
        move.carry(most=2)
        with pytest.raises(StoreUnavailableError, match="on its way to another node"):
            await store.claim(anna, [tick(fire_time=1)])
        with pytest.raises(StoreUnavailableError, match="on its way to another node"):
            renewer.renew(anna)
        move.carry(most=1_000)
        move.end()
        await granted(store, anna, tick(fire_time=1))  # MOVED, and it follows at once.
        renewal = renewer.renew(anna)
    assert renewal is not None
    assert (renewal.info.id, renewal.info.epoch) == (before.id, before.epoch + 1)
    assert (await the_job(store)).watermark == 1


async def test_nodes_that_the_url_does_not_name_are_found_and_ones_that_are_gone_passed_over(
    redis_cluster: Cluster, opened: Opener
) -> None:
    known = redis_cluster.servers[2]
    url = f"redis+cluster://127.0.0.1:1,{known.host}:{known.port}"
    fleets = [f"fleet-{number}" for number in range(8)]
    stores = [await opened(url, each) for each in fleets]
    for store in stores:
        await joined(store, "anna", report())
    sizes = [int(tell(each, "DBSIZE")[1:]) for each in redis_cluster.servers]
    assert all(sizes)


async def test_a_plain_url_of_a_node_that_has_not_this_fleet_is_refused_with_what_to_write(
    redis_cluster: Cluster, fleet: str
) -> None:
    owner = redis_cluster.owner(key_slot(fleet.encode()))
    other = next(each for each in redis_cluster.servers if each is not owner)
    with pytest.raises(StoreRefusedError, match=r"redis\+cluster://"):
        await RedisStore(other.url, fleet=fleet).open()


async def test_a_cluster_that_is_down_is_away(redis_cluster: Cluster, fleet: str) -> None:
    nobody = RedisStore("redis+cluster://127.0.0.1:1,127.0.0.1:2", fleet=fleet)
    with pytest.raises(StoreUnavailableError, match="no node of the cluster could be asked"):
        await nobody.open()


# --- what the nodes say, without nodes

SLOTS = [
    [0, 8191, ["10.0.0.1", 7000, "aaa"], ["10.0.0.4", 7003, "ddd"]],
    [8192, 16383, ["", 7001, "bbb"]],
]
NODES = """\
aaa 10.0.0.1:7000@17000 master - 0 1 1 connected 0-8191
bbb :7001@17001 myself,master - 0 1 2 connected 8192-16383
ccc 10.0.0.3:7002@17002 slave bbb 0 1 2 connected
ddd 10.0.0.4:7003@17003 slave aaa 0 1 1 connected
eee 10.0.0.5:7004@17004 slave,fail bbb 0 1 2 disconnected
fff 10.0.0.6:7005@17005 slave,nofailover bbb 0 1 2 connected
"""


def answers(finder: ClusterFinder) -> tuple[list[Question], Primary]:
    search, asked = finder.search(), list[Question]()
    try:
        question = next(search)
        while True:
            asked.append(question)
            question = search.send(SLOTS if question.words[1] == "SLOTS" else NODES)
    except StopIteration as end:
        return asked, end.value


def finder(options: str = "") -> ClusterFinder:
    # Slot 15631, of the second shard.
    return ClusterFinder(read_address(f"redis+cluster://h:7009{options}", 1), "cronfleet:{team}:")


def test_a_node_without_a_name_is_the_one_that_was_asked() -> None:
    assert answers(finder())[1] == Primary(Node("h", 7001))


def test_replicas_that_may_be_promoted_count_also_when_they_are_down() -> None:
    assert answers(finder("?durability=wait"))[1].replicas == 2


def test_they_are_counted_also_when_their_number_is_said_for_it_may_be_too_low() -> None:
    assert answers(finder("?durability=wait&replicas=1"))[1].replicas == 2


def test_nobody_is_asked_how_many_replicas_there_are_when_none_is_waited_for() -> None:
    asked, primary = answers(finder())
    assert [question.words for question in asked] == [("CLUSTER", "SLOTS")]
    assert primary.replicas == 0


def test_all_nodes_that_were_heard_of_are_asked_the_next_time() -> None:
    found = finder()
    answers(found)
    search = found.search()
    asked = [next(search)]
    asked += [search.throw(ConnectionRefusedError()) for _ in range(3)]
    assert [str(question.node) for question in asked] == [
        *("h:7001", "10.0.0.1:7000", "10.0.0.4:7003", "h:7009")
    ]


@pytest.fixture
def node(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[OwnServer]:
    """Of a cluster, alone."""
    options = ("--cluster-enabled", "yes")
    with in_use(
        pytestconfig, lambda: OwnServer(find_binary("redis"), tmp_path, *options)
    ) as server:
        yield server


async def test_a_server_that_is_no_cluster_is_refused(redis_server: Server) -> None:
    url = f"redis+cluster://{redis_server.host}:{redis_server.port}"
    with pytest.raises(StoreRefusedError, match=r"is no cluster.*write redis://"):
        await RedisStore(url).open()


@pytest.mark.parametrize(
    ("login", "change"),
    [
        ("", "REDIS_PASSWORD"),
        ("anna:wrong@", "REDIS_PASSWORD"),
        ("anna:secret@", r"\+cluster\|slots"),
    ],
)
async def test_what_a_node_does_not_allow_is_refused_with_what_to_do(
    node: OwnServer, login: str, change: str
) -> None:
    rules = ("on", ">secret", "~cronfleet:*", "+@all", "-@dangerous", "-cluster")
    tell(node, "ACL", "SETUSER", "anna", *rules)
    tell(node, "ACL", "SETUSER", "default", "resetpass", ">secret")
    with pytest.raises(StoreRefusedError, match=change):
        await RedisStore(f"redis+cluster://{login}{node.host}:{node.port}").open()
