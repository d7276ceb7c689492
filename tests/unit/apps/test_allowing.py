from __future__ import annotations

from ipaddress import ip_network

import pytest

from cronfleet.apps.guarded_http.allowing import Allowed

NOWHERE = Allowed()
PRIVATE = (
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "192.88.99.1",
    "2001:2::1",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert not NOWHERE.address(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_an_address_of_the_public_internet_will_do(address: str) -> None:
    assert NOWHERE.address(address)


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2001:0:808:808:0:0:80ff:fffe",
    ],
)
def test_an_address_is_seen_through_one_that_carries_it(address: str) -> None:
    assert not NOWHERE.address(address)


def test_a_network_that_is_named_will_do_and_no_other() -> None:
    allowed = Allowed(networks=[ip_network("10.1.0.0/16"), ip_network("fd00::/64")])
    assert allowed.address("10.1.2.3")
    assert allowed.address("::ffff:10.1.2.3")
    assert allowed.address("fd00::1")
    assert not allowed.address("10.2.0.1")
    assert not allowed.address("fd00:0:0:1::1")


@pytest.mark.parametrize("name", ["api.example.com", "API.Example.COM", "api.example.com."])
def test_a_host_is_allowed_by_its_name(name: str) -> None:
    assert Allowed(["api.example.com"]).host(name)


@pytest.mark.parametrize("name", ["a.example.com", "a.b.example.com"])
def test_a_star_allows_all_below_a_name(name: str) -> None:
    assert Allowed(["*.example.com"]).host(name)


@pytest.mark.parametrize(
    "name", ["example.com", "evilexample.com", "example.com.evil", ".example.com", ""]
)
def test_a_star_allows_nothing_else(name: str) -> None:
    assert not Allowed(["*.example.com"]).host(name)


def test_no_host_is_allowed_unless_it_is_named() -> None:
    assert not NOWHERE.host("example.com")
