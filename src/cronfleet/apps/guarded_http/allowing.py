"""Where a request may go: hosts by name, and the addresses behind them. Pure.

A name says little about the address behind it: whoever owns the name can point it at this
machine, or at the network's own servers. So only addresses of the public Internet will do, unless
their network is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_UNICAST = IPv6Network("2000::/3")
# Set apart for special use, and public to the older of the Pythons that we support.
_SPECIAL = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20"))
)
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: an IPv4 address is in its last four bytes


@dataclass(frozen=True, slots=True)
class Allowed:
    """`hosts` are names, or `*.example.com` for all below one; `networks` need not be public."""

    hosts: Sequence[str] = ()
    networks: Sequence[Network] = ()
    networks_named_in: str = "allow_networks"
    """Where a person names them."""

    def host(self, name: str) -> bool:
        """Whether a request may go to the host of that name, in ASCII."""
        return any(_matches(pattern, _plain(name)) for pattern in self.hosts)

    def address(self, written: str) -> bool:
        """Whether a connection may be made to the address."""
        address = _innermost(ip_address(written.partition("%")[0]))
        return is_public(address) or any(address in network for network in self.networks)


def is_public(address: Address) -> bool:
    """Whether it is somebody's on the public Internet, and not this machine's or network's."""
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    if address.is_multicast or address.is_reserved or any(address in each for each in _SPECIAL):
        return False
    return address.is_global


def _innermost(address: Address) -> Address:
    """The IPv4 address that is meant by an IPv6 address which carries one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    carried = address.ipv4_mapped or address.sixtofour
    if carried is None and address.teredo:
        carried = address.teredo[1]
    return carried or address


def _matches(pattern: str, name: str) -> bool:
    pattern = _plain(pattern)
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) > len(pattern[1:])
    return name == pattern


def _plain(name: str) -> str:
    return name.lower().rstrip(".")
