"""For which names a server answers that others reach: DNS rebinding makes a browser ask by a wrong one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from cronfleet.server.access.access import Access
from cronfleet.server.security import hosts_served, is_address
from tests.unit.server.access.doors import credentials_file, guarded
from tests.unit.server.sites import PORT


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """Before a server that listens on every address, and is known as cron.example.com."""
    names = ("cron.example.com", "fixed.example.com:8443")
    access = Access(
        credentials=credentials_file(tmp_path),
        allowed_hosts=names,
        certificate=(Path("chain"), Path("key")),
    )
    async with guarded(access, host="0.0.0.0") as client:
        yield client


@pytest.mark.parametrize(
    "host",
    [
        "cron.example.com",
        "CRON.example.com",
        f"cron.example.com:{PORT}",
        "fixed.example.com:8443",
        f"localhost:{PORT}",
        "10.0.0.5",
        f"10.0.0.5:{PORT}",
        f"[2001:db8::1]:{PORT}",
        "[::1]",
    ],
)
async def test_its_names_and_every_address_are_served(
    browser: httpx.AsyncClient, host: str
) -> None:
    assert (await browser.get("/health-check", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "cron.example.com.evil.example",
        "evilcron.example.com",
        "cron.example.com:81",
        "cron.example.com.",
        "cron.example.com@evil.example",
        "fixed.example.com",
        f"fixed.example.com:{PORT}",
        "10.0.0.5.evil.example",
        "[::1].evil.example",
        "10.0.0.5:3000:3000",
        "2130706433",
        "0x7f.1",
        "localhost.evil.example",
        "",
        "*",
    ],
)
@pytest.mark.parametrize("path", ["/health-check", "/login", "/static/style.css", "/api/v1/jobs"])
async def test_other_names_are_not_served(browser: httpx.AsyncClient, host: str, path: str) -> None:
    answer = await browser.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "ALLOWED_HOSTS" in answer.text


def test_a_server_of_this_machine_alone_may_have_a_name_too() -> None:
    served = hosts_served("127.0.0.1", PORT, ["Cron.local"])
    assert {"cron.local", f"cron.local:{PORT}"} < served


@pytest.mark.parametrize("host", ["10.0.0.5", "10.0.0.5:1", "[::1]", "[::1]:1"])
def test_an_address_is_known_as_one(host: str) -> None:
    assert is_address(host)
