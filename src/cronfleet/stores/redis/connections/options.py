"""What the driver is told. In full, since its defaults changed more than once."""

from __future__ import annotations

from cronfleet.stores.redis.connections.address import Address, Node, Topology

MOST_MOVES = 3
"""How often one call follows a fleet that moves from node to node."""

KNOWN_S = 10.0
"""For how long it is believed how many replicas there are."""

ENCODING_ERRORS = "surrogatepass"
"""What people write may hold what is no character, as a file's name may."""

_ASKED_WITHIN = 0.25
"""Of the time for a call: more than one may have to be asked."""


def options_to_serve(address: Address, node: Node) -> dict[str, object]:
    """Of connections to a primary."""
    return _options(node, address.timeout_s) | dict(address.login)


def options_to_ask(address: Address, node: Node) -> dict[str, object]:
    """Of connections to those who know who the primary is."""
    is_sentinel = address.topology is Topology.SENTINEL
    login = address.sentinel_login if is_sentinel else address.login
    return _options(node, address.timeout_s * _ASKED_WITHIN) | dict(login)


def _options(node: Node, timeout_s: float) -> dict[str, object]:
    place = {"path": node.path} if node.path else {"host": node.host, "port": node.port}
    return {
        **place,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": True,
        "encoding_errors": ENCODING_ERRORS,
        "protocol": 2,
    }
