"""How a store's servers are reached: one of a URL's topologies, with the driver's retries off."""

from __future__ import annotations

from cronfleet.stores.redis.connections.address import Address, Topology, read_address
from cronfleet.stores.redis.connections.blocking import Connection
from cronfleet.stores.redis.connections.listening import Listening
from cronfleet.stores.redis.connections.pool import Connections
from cronfleet.stores.redis.connections.talking import Reply, Word

__all__ = [
    "Address",
    "Connection",
    "Connections",
    "Listening",
    "Reply",
    "Topology",
    "Word",
    "read_address",
]
