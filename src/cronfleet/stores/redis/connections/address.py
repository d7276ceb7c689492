"""What a store's URL says. All of it is used; what cannot be is refused, never passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from cronfleet.errors import ConfigurationError
from cronfleet.masking import masked


class Topology(Enum):
    """Who is asked where the primary is."""

    SERVER = auto()
    """Nobody: the URL names it."""
    SENTINEL = auto()
    CLUSTER = auto()


class Node(NamedTuple):
    """A server's host and port, or the path of its socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the servers are, who we are to them, and how long a call may take."""

    url: str
    timeout_s: float
    topology: Topology
    nodes: tuple[Node, ...]
    """The server, the sentinels, or some nodes of the cluster."""
    service: str
    """What the sentinels call the server that they watch."""
    is_tls: bool
    login: Mapping[str, object]
    """Database, user, password and TLS files, as the driver calls them."""
    sentinel_login: Mapping[str, object]
    waits: bool
    """Whether a write counts only when replicas have acknowledged it."""
    replicas: int | None
    """How many of them; None for all."""
    name: str = field(init=False)
    """The URL for people."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", masked(self.url))  # Once: every call names the store.


_SCHEMES = {
    "redis": (Topology.SERVER, False),
    "rediss": (Topology.SERVER, True),
    "unix": (Topology.SERVER, False),
    "redis+sentinel": (Topology.SENTINEL, False),
    "rediss+sentinel": (Topology.SENTINEL, True),
    "redis+cluster": (Topology.CLUSTER, False),
    "rediss+cluster": (Topology.CLUSTER, True),
}
SCHEMES: frozenset[str] = frozenset(_SCHEMES)

_PORTS = {Topology.SERVER: 6379, Topology.SENTINEL: 26379, Topology.CLUSTER: 6379}


def _file(text: str) -> str:
    if not Path(text).exists():
        raise ValueError("a file that is there")
    return text


def _one_of(**values: object) -> Callable[[str], object]:
    def read(text: str) -> object:
        if text not in values:
            raise ValueError(" or ".join(values))
        return values[text]

    return read


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a whole number from 1")
    return int(text)


def _database(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("a whole number from 0")
    return int(text)


_OF_ALL: Mapping[str, Callable[[str], object]] = {
    "username": str,
    "password": str,
    "durability": _one_of(wait=True),
    "replicas": _count,
}
_OF_DATABASES: Mapping[str, Callable[[str], object]] = {"db": _database}
_OF_SENTINELS: Mapping[str, Callable[[str], object]] = {
    "sentinel_username": str,
    "sentinel_password": str,
}
_OF_TLS: Mapping[str, Callable[[str], object]] = {
    "ssl_ca_certs": _file,
    "ssl_ca_path": _file,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_password": str,
    "ssl_check_hostname": _one_of(true=True, false=False),
    "ssl_cert_reqs": _one_of(required="required", optional="optional", none="none"),
}


def read_address(url: str, timeout_s: float) -> Address:
    """The address that a URL says. Raises ConfigurationError."""
    try:
        return _Reading(url).address(timeout_s)
    except ValueError:  # Shown without it: it may hold a piece of the password.
        raise ConfigurationError(
            f"the store's URL {masked(url)} cannot be read: write redis://:password@host:6379/0, "
            "redis+sentinel://host1:26379,host2:26379/service or redis+cluster://host1,host2, "
            "and in the password %2F for a slash, %40 for @, %23 for #"
        ) from None


class _Reading:
    """A URL in parts. By hand, since the standard library knows only URLs with one host.

    Everything here raises ValueError for what cannot be read, ConfigurationError for the rest.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        scheme, _, rest = url.partition("://")
        if "#" in url:
            raise ValueError("nothing follows the options")
        self._scheme = scheme.lower()
        if self._scheme not in _SCHEMES:
            raise ValueError("no scheme of ours")
        self._topology, self._is_tls = _SCHEMES[self._scheme]
        rest, _, query = rest.partition("?")
        authority, _, path = rest.partition("/")
        self._login, _, self._hosts = authority.rpartition("@")
        self._path = unquote(path)
        self._options = self._read_options(query)

    def address(self, timeout_s: float) -> Address:
        nodes, service = self._nodes(), self._service()
        self._take_login()
        self._take_database()
        waits = bool(self._options.pop("durability", False))
        replicas = self._options.pop("replicas", None)
        if replicas is not None and not waits:
            raise self._refused("says replicas, which counts only beside durability=wait")
        sentinel_login = {
            name.removeprefix("sentinel_"): self._options.pop(name)
            for name in _OF_SENTINELS
            if name in self._options
        }
        tls = {name: value for name, value in self._options.items() if name in _OF_TLS}
        return Address(
            url=self._url,
            timeout_s=timeout_s,
            topology=self._topology,
            nodes=nodes,
            service=service,
            is_tls=self._is_tls,
            login=self._options,
            sentinel_login={**sentinel_login, **tls},
            waits=waits,
            replicas=replicas if isinstance(replicas, int) else None,
        )

    def _nodes(self) -> tuple[Node, ...]:
        if self._scheme == "unix":
            if self._hosts or not self._path:
                raise ValueError("a socket has a path and no host")
            return (Node("", 0, f"/{self._path}"),)
        port = _PORTS[self._topology]
        nodes = tuple(_node(each, port) for each in self._hosts.split(","))
        if self._topology is Topology.SERVER and len(nodes) > 1:
            raise self._refused(
                "names several hosts: write redis+sentinel:// or redis+cluster:// for these"
            )
        return nodes

    def _service(self) -> str:
        if self._topology is not Topology.SENTINEL:
            return ""
        service, _, self._path = self._path.partition("/")
        if not service:
            raise self._refused(
                "does not say which service: write its name after the hosts, as in "
                "redis+sentinel://host1:26379,host2:26379/service"
            )
        return service

    def _take_login(self) -> None:
        username, _, password = self._login.partition(":")
        for name, value in (("username", username), ("password", password)):
            if value and name in self._options:
                raise self._refused(f"says the {name} twice")
            if value:
                self._options[name] = unquote(value)

    def _take_database(self) -> None:
        number = "" if self._scheme == "unix" else self._path.removesuffix("/")
        if not number:
            return
        if self._topology is Topology.CLUSTER:
            if number != "0":
                raise self._refused("names a database: a cluster has none but 0")
        elif "db" in self._options:
            raise self._refused("says the database twice")
        else:
            self._options["db"] = _database(number)

    def _read_options(self, query: str) -> dict[str, object]:
        known = dict(_OF_ALL)
        known |= _OF_TLS if self._is_tls else {}
        known |= _OF_SENTINELS if self._topology is Topology.SENTINEL else {}
        known |= {} if self._topology is Topology.CLUSTER else _OF_DATABASES
        options: dict[str, object] = {}
        for name, text in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
            if name not in known:
                raise self._refused(f"says {name}, which it cannot: remove it")
            if name in options:
                raise self._refused(f"says {name} twice")
            options[name] = self._option(name, text, known[name])
        return options

    def _option(self, name: str, text: str, read: Callable[[str], object]) -> object:
        try:
            if text:
                return read(text)
            wanted = "a value, or leave it out"
        except ValueError as error:
            wanted = str(error)
        raise self._refused(f"says {name} with what it cannot be: write {wanted}")

    def _refused(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"the store's URL {masked(self._url)} {what}")


def _node(text: str, port: int) -> Node:
    """A host with its port, as in a URL."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in {"", ":"}:
            raise ValueError("a bracket is open")
        number = rest[1:]
    else:
        host, _, number = text.partition(":")
    if number:
        port = int(number)
    if not 0 < port < 65536:
        raise ValueError("no such port")
    return Node(unquote(host) or "localhost", port)
