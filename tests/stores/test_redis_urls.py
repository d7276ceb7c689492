"""Every piece of a store's URL is used or refused; none is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from cronfleet.errors import ConfigurationError
from cronfleet.stores import open_store
from cronfleet.stores.redis.connections import Topology, read_address
from cronfleet.stores.redis.connections.address import Node


def test_a_server_has_a_host_a_port_and_a_database() -> None:
    address = read_address("redis://anna:p%40ss:word@redis.example.com:6380/3", 2.5)
    assert address.nodes == (Node("redis.example.com", 6380),)
    assert address.login == {"username": "anna", "password": "p@ss:word", "db": 3}
    assert not address.is_tls


@pytest.mark.parametrize("url", ["redis://", "redis://:6379", "redis://localhost/"])
def test_what_is_not_said_of_a_server_is_what_redis_itself_takes(url: str) -> None:
    address = read_address(url, 2.5)
    assert (address.nodes, address.login) == ((Node("localhost", 6379),), {})


def test_a_socket_has_a_path() -> None:
    address = read_address("unix://:secret@/run/redis%20a.sock?db=2", 2.5)
    assert address.nodes == (Node("", 0, "/run/redis a.sock"),)
    assert address.login == {"password": "secret", "db": 2}


def test_sentinels_are_several_and_watch_a_service() -> None:
    url = "redis+sentinel://anna:pw@a,[::1]:26380/main/4?sentinel_password=other"
    address = read_address(url, 2.5)
    assert address.topology is Topology.SENTINEL
    assert address.nodes == (Node("a", 26379), Node("::1", 26380))
    assert address.service == "main"
    assert address.login == {"username": "anna", "password": "pw", "db": 4}
    assert address.sentinel_login == {"password": "other"}


def test_a_sentinel_is_not_told_the_password_of_the_server() -> None:
    address = read_address("redis+sentinel://anna:pw@a/main", 2.5)
    assert address.sentinel_login == {}


def test_some_nodes_of_a_cluster_are_enough() -> None:
    address = read_address("redis+cluster://:pw@a:7000,b:7001", 2.5)
    assert (address.topology, address.nodes) == (
        Topology.CLUSTER,
        (Node("a", 7000), Node("b", 7001)),
    )
    assert address.login == {"password": "pw"}


@pytest.mark.parametrize("place", ["rediss://h", "rediss+sentinel://h/main", "rediss+cluster://h"])
def test_tls_is_for_every_topology_and_takes_its_files_from_the_url(
    place: str, tmp_path: Path
) -> None:
    ours = tmp_path / "authority.pem"
    ours.touch()
    address = read_address(f"{place}?ssl_ca_certs={ours}", 2.5)
    assert address.is_tls
    assert address.login == {"ssl_ca_certs": str(ours)}
    assert address.sentinel_login == {"ssl_ca_certs": str(ours)}


def test_whoever_waits_may_say_for_how_many_replicas() -> None:
    address = read_address("redis://host?durability=wait&replicas=2", 2.5)
    assert (address.waits, address.replicas) == (True, 2)
    assert read_address("redis://host?durability=wait", 2.5).replicas is None
    assert not read_address("redis://host", 2.5).waits


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("redis://a,b/0", "several hosts"),
        ("redis://host?durability=always", "durability"),
        ("redis://host?durability=", "durability"),
        ("redis://host?durability=wait&replicas=0", "replicas"),
        ("redis://host?replicas=1", "replicas"),
        ("redis://host?db=1&db=2", "db twice"),
        ("redis://host/1?db=2", "database twice"),
        ("redis://:a@host?password=b", "password twice"),
        ("redis://host?ssl_ca_certs=/etc/hostname", "ssl_ca_certs"),
        ("redis://host?sentinel_password=x", "sentinel_password"),
        ("rediss://host?ssl_ca_certs=/no/such/file", "a file that is there"),
        ("rediss://host?ssl_check_hostname=perhaps", "true or false"),
        ("rediss://host?ssl_no_such_thing=1", "ssl_no_such_thing"),
        ("redis+sentinel://host", "service"),
        ("redis+cluster://host/1", "database"),
        ("redis+cluster://host?db=0", "db"),
        ("redis+sentinel://host/main/one", "cannot be read"),
        ("redis://host/0/1", "cannot be read"),
        ("redis://host:0", "cannot be read"),
        ("redis://host/0#fragment", "cannot be read"),
        ("redis://[::1/0", "cannot be read"),
        ("unix://host/run/redis.sock", "cannot be read"),
        ("unix://", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_address(url, 2.5)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://anna:hunter2@a:1,b:2/main?sentinel_password=hunter2&nothing=1",
        "rediss://host?ssl_password=hunter2&ssl_password=hunter2",
        "redis+cluster://:hunter2@a:x",
    ],
)
def test_no_complaint_shows_a_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_address(url, 2.5)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["redis+sentinel://a:1,b:2/main", "rediss+cluster://a,b", "unix:///run/redis.sock"],
)
def test_every_scheme_opens_a_store(url: str) -> None:
    assert open_store(url, "team").name == url
