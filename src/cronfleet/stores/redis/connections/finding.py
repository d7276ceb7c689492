"""Who is the primary: one finder for each topology, each a talk with those who know."""

from __future__ import annotations

from typing import Protocol

from redis.exceptions import MovedError

from cronfleet.stores.redis.connections.address import Address, Topology
from cronfleet.stores.redis.connections.cluster import ClusterFinder
from cronfleet.stores.redis.connections.sentinel import SentinelFinder
from cronfleet.stores.redis.connections.talking import Primary, Search


class Finder(Protocol):
    """Finds the primary again and again: it may be another one each time."""

    def search(self) -> Search:
        """Ask for the primary. Raises an error of the driver's when nobody knows one."""
        ...

    def moved(self, to: MovedError) -> None:
        """A node said that another has this fleet. Raises it again where nodes do not change."""
        ...


class _TheOne:
    """The server that the URL names."""

    def __init__(self, address: Address) -> None:
        self._primary = Primary(address.nodes[0])

    def search(self) -> Search:
        return self._primary
        yield  # Nobody has to be asked.

    def moved(self, to: MovedError) -> None:
        raise to


def finder_of(address: Address, base: str) -> Finder:
    """The finder for a fleet whose keys begin with `base`."""
    match address.topology:
        case Topology.SERVER:
            return _TheOne(address)
        case Topology.SENTINEL:
            return SentinelFinder(address)
        case Topology.CLUSTER:
            return ClusterFinder(address, base)
