"""Behind a proxy: what it says of whom it asks for is believed, and nobody else's word."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.types import Scope

from cronfleet.server.access.access import Access
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.proxies import counted_as, is_from, seen_through
from cronfleet.server.access.roles import Role
from tests.unit.server.access.doors import add_token, by, credentials_file, csrf_shown, guarded

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1"))
NAME = "cron.example.com"


def request(client: str, **headers: str) -> Scope:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": "http", "client": (client, 1), "headers": sent}


@pytest.mark.parametrize("address", ["10.0.0.1", "10.255.0.1", "::1", "::ffff:10.0.0.1"])
def test_a_proxy_is_known_by_its_address(address: str) -> None:
    assert is_from(request(address), PROXIES)


@pytest.mark.parametrize("address", ["11.0.0.1", "::2", "", "proxy", "10.0.0.1.evil.example"])
def test_another_address_is_no_proxy(address: str) -> None:
    assert not is_from(request(address), PROXIES)
    assert not is_from({**request(address), "client": None}, PROXIES)


@pytest.mark.parametrize(
    ("forwarded", "asks"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("10.0.0.8,10.0.0.7", "10.0.0.8"),
        ("203.0.113.9, 10.0.0.7:51234, [::1]:80", "203.0.113.9"),
        ("not an address", "not an address"),
    ],
)
def test_who_asks_is_the_last_that_is_no_proxy(forwarded: str, asks: str) -> None:
    seen = seen_through(request("10.0.0.1", x_forwarded_for=forwarded), PROXIES)
    assert seen["client"] == (asks, 0)


def test_the_last_scheme_and_host_count() -> None:
    sent = request(
        "10.0.0.1", host="inner", x_forwarded_host=f"evil.example, {NAME}", x_forwarded_proto="http"
    )
    seen = seen_through(sent, PROXIES)
    assert (seen["scheme"], Headers(scope=seen).getlist("host")) == ("http", [NAME])


def test_a_proxy_that_says_nothing_has_tls() -> None:
    seen = seen_through(request("10.0.0.1", host="inner"), PROXIES)
    assert (seen["scheme"], seen["client"]) == ("https", ("10.0.0.1", 1))
    assert Headers(scope=seen)["host"] == "inner"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::1]:51234", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ("what a proxy: says", "what a proxy: says"),
    ],
)
def test_all_addresses_of_one_network_of_ipv6_are_counted_as_one(
    address: str, counted: str
) -> None:
    assert counted_as(address) == counted


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path)


@pytest.fixture
def token(file: CredentialsFile) -> str:
    return add_token(file, Role.OPERATOR)


@pytest.fixture
def access(file: CredentialsFile) -> Access:
    return Access(credentials=file, allowed_hosts=(NAME,), proxies=(ip_network("127.0.0.1"),))


@pytest.fixture
async def browser(access: Access, token: str) -> AsyncGenerator[httpx.AsyncClient]:
    """It asks the proxy, and that asks from 127.0.0.1."""
    async with guarded(access) as client:
        client.headers.update({"X-Forwarded-Host": NAME, "X-Forwarded-For": "203.0.113.9"})
        yield client


async def test_a_person_logs_in_and_out_through_the_proxy(
    browser: httpx.AsyncClient, token: str, file: CredentialsFile
) -> None:
    browser.base_url = httpx.URL(f"https://{NAME}")
    headers = {"Origin": f"https://{NAME}"}
    answer = await browser.post("/login", data={"token": token}, headers=headers)
    assert answer.headers["set-cookie"].startswith("__Host-cronfleet=")
    assert (await browser.get("/")).status_code == 200
    data = {"csrf": csrf_shown(browser, file, "__Host-cronfleet")}
    assert (await browser.post("/logout", data=data, headers=headers)).status_code == 303
    assert (await browser.get("/")).status_code == 401


async def test_a_page_by_another_scheme_is_another_site(
    browser: httpx.AsyncClient, token: str
) -> None:
    headers = {"Origin": f"http://{NAME}"}
    answer = await browser.post("/login", data={"token": token}, headers=headers)
    assert answer.status_code == 403


async def test_a_name_that_the_proxy_passes_on_must_be_known(
    browser: httpx.AsyncClient, token: str
) -> None:
    headers = by(token) | {"X-Forwarded-Host": "evil.example"}
    assert (await browser.get("/", headers=headers)).status_code == 421


async def test_logins_are_counted_for_whom_the_proxy_asks(browser: httpx.AsyncClient) -> None:
    async def tried(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return (await browser.post("/login", data={"token": "cf_"}, headers=headers)).status_code

    assert [await tried(f"10.9.9.{number}, 203.0.113.9") for number in range(6)][5] == 429
    assert await tried("203.0.113.10") == 401
    assert [await tried(f"2001:db8::{number}") for number in range(6)][5] == 429


@pytest.mark.parametrize("host", ["203.0.113.5", "[2001:db8::5]", "203.0.113.5:8443"])
async def test_an_address_that_the_proxy_passes_on_need_not_be_known(
    browser: httpx.AsyncClient, token: str, host: str
) -> None:
    headers = by(token) | {"X-Forwarded-Host": host}
    assert (await browser.get("/", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 403), ("/login", 403), ("/api/v1/jobs", 403), ("/metrics", 403), ("/health-check", 200)],
)
async def test_nobody_gets_around_the_proxy(
    access: Access, token: str, path: str, status: int
) -> None:
    async with guarded(access, asks_from="203.0.113.9") as browser:
        headers = by(token) | {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": NAME}
        answer = await browser.get(path, headers=headers)
    assert answer.status_code == status


async def test_a_proxy_that_is_not_trusted_is_told_how_it_will_be(access: Access) -> None:
    async with guarded(access, asks_from="172.18.0.3") as browser:
        assert "TRUSTED_PROXIES" in (await browser.get("/")).text


async def test_without_a_proxy_what_one_would_say_is_not_believed(
    file: CredentialsFile, token: str
) -> None:
    async with guarded(Access(credentials=file, allowed_hosts=(NAME,))) as browser:
        for number in range(5):
            headers = {"X-Forwarded-For": f"203.0.113.{number}"}
            await browser.post("/login", data={"token": "cf_"}, headers=headers)
        headers = {"X-Forwarded-For": "203.0.113.99"}
        answer = await browser.post("/login", data={"token": token}, headers=headers)
    assert answer.status_code == 429
