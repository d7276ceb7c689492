"""Cluster: all keys of a fleet carry one hash tag, so they lie in one slot, on one node.

A fleet whose slot is on the move is away until it has arrived, for a script would find a part of
it here and a part there. A node that is handing the slot over refuses every script with ASK, since
no key has the very name that scripts are sent; that is never followed.
"""

from __future__ import annotations

from typing import cast

from redis.crc import key_slot
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import MovedError, RedisError

from cronfleet.stores.redis.connections.address import Address, Node
from cronfleet.stores.redis.connections.talking import Primary, Question, Reply, Search
from cronfleet.stores.redis.server import is_refusal


class ClusterFinder:
    """Asks those nodes that it knows, until one says who has the fleet's slot."""

    def __init__(self, address: Address, base: str) -> None:
        self._named = address.nodes
        self._counts = address.waits
        self._slot = key_slot(base.encode())
        self._nodes: list[Node] = []

    def search(self) -> Search:
        said: list[str] = []
        refusals: list[RedisError | OSError] = []
        for node in dict.fromkeys([*self._nodes, *self._named]):
            try:
                return (yield from self._ask(node))
            except (RedisError, OSError) as error:
                said.append(f"{node} says {error}")
                refusals += [error] if is_refusal(error) else []
        if refusals:  # Time will not help.
            raise refusals[0]
        raise NoConnectionError(f"no node of the cluster could be asked: {'; '.join(said)}")

    def moved(self, to: MovedError) -> None:
        """That node is asked first."""
        host, port = cast("tuple[str, int]", to.node_addr)
        if host:
            self._nodes.insert(0, Node(host, port))

    def _ask(self, asked: Node) -> Search:
        shards = yield Question(asked, ("CLUSTER", "SLOTS"))
        mine = [nodes for first, last, *nodes in shards if first <= self._slot <= last]
        if not mine:
            raise NoConnectionError(f"nobody serves slot {self._slot}")
        primary, *_ = mine[0]
        others = [_node(node, asked) for _, _, *nodes in shards for node in nodes]
        # Primaries and replicas alike: any of them can be asked when the named ones are gone.
        self._nodes = list(dict.fromkeys([_node(primary, asked), *others]))
        if not self._counts:
            return Primary(self._nodes[0])
        listed = yield Question(asked, ("CLUSTER", "NODES"))
        return Primary(self._nodes[0], _count_replicas(listed, primary[2]))


def _node(reply: Reply, asked: Node) -> Node:
    """A node that does not know its own name yet is the one that was asked."""
    host, port = reply[0], reply[1]
    return Node(host if host and host != "?" else asked.host, port)


def _count_replicas(listed: str, primary: str) -> int:
    """Those that may be promoted; also the ones that are down, which come back as they were."""
    lines = [line.split(" ") for line in listed.splitlines()]
    return sum(
        line[3] == primary and "nofailover" not in line[2].split(",")
        for line in lines
        if len(line) > 3
    )
