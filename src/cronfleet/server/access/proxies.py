"""Where a request comes from, and what a proxy says of the one that it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from cronfleet.config.types import Network

_WITH_PORT = re.compile(r"(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]+)?")


def is_from(scope: Scope, networks: Sequence[Network]) -> bool:
    """Whether the connection itself comes from one of these."""
    client = scope.get("client")
    return client is not None and _is_in(client[0], networks)


def seen_through(scope: Scope, proxies: Sequence[Network]) -> Scope:
    """The request as it came to the proxy: its scheme, host and address.

    Only to be asked of what a proxy sent. Of `X-Forwarded-For` the last one counts that is no
    proxy: what stands before it was written by whoever asks.
    """
    headers = Headers(scope=scope)
    seen = {**scope, "scheme": _last(headers, "x-forwarded-proto") or "https"}
    if host := _last(headers, "x-forwarded-host"):
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        seen["headers"] = [*others, (b"host", host.encode("latin-1"))]
    for address in reversed(_listed(headers, "x-forwarded-for")):
        seen["client"] = (address, 0)
        if not _is_in(address, proxies):
            break
    return seen


def counted_as(address: str) -> str:
    """Whom it stands for where requests are counted: with IPv6, each has 2**64 addresses."""
    found = _read(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return address if found is None else str(found)


def _last(headers: Headers, name: str) -> str:
    return (_listed(headers, name) or [""])[-1]


def _listed(headers: Headers, name: str) -> list[str]:
    return [each.strip() for line in headers.getlist(name) for each in line.split(",")]


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    found = _read(address)
    return found is not None and any(found in network for network in networks)


def _read(address: str) -> IPv4Address | IPv6Address | None:
    """Some proxies write the port behind it, and that is another one with each connection."""
    with_port = _WITH_PORT.fullmatch(address)
    try:
        found = ip_address(with_port[1] or with_port[2] if with_port else address)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
