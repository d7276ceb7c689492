"""No credential is ever told: not by a page, an error, a log line, the audit or the time it takes."""

from __future__ import annotations

import hashlib
import hmac
import logging
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from cronfleet import Scheduler
from cronfleet.server.access.access import Access
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from cronfleet.server.app import create_app
from tests.unit.server.access.doors import (
    COOKIE,
    PASSWORD,
    add_account,
    add_token,
    by,
    credentials_file,
    csrf_shown,
    guarded,
    log_in,
    sent_with,
)
from tests.unit.server.sites import PORT

WRONG = "cf_a-token-that-nobody-has-and-nobody-is-told"
ADDRESSES = (
    "/",
    "/login",
    "/nothing",
    "/job",
    "/api/v1/jobs",
    "/api/v1/jobs?limit=x",
    "/healthz/ready",
)


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path)


@pytest.fixture
def secrets(file: CredentialsFile) -> list[str]:
    """A token, and the password of `ada`."""
    add_account(file, "ada", Role.OPERATOR)
    return [add_token(file, Role.ADMIN), PASSWORD, WRONG]


def told(answer: httpx.Response) -> str:
    """All that is in an answer but the cookie, which is the browser's to keep."""
    headers = [f"{name}: {value}" for name, value in answer.headers.items() if name != "set-cookie"]
    return "\n".join([*headers, answer.text])


async def test_no_credential_is_in_an_answer_or_in_the_log(
    file: CredentialsFile, secrets: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[httpx.Response] = []
    async with guarded(Access(credentials=file)) as browser:
        answers.append(await browser.post("/login", data={"name": "ada", "password": PASSWORD}))
        answers.append(await browser.post("/login", data={"name": PASSWORD, "password": WRONG}))
        answers.append(await log_in(browser, secrets[0]))
        cookie, csrf = browser.cookies[COOKIE], csrf_shown(browser, file)
        shown: tuple[dict[str, str], ...] = ({}, by(secrets[0]), by(WRONG), sent_with(WRONG))
        for method, address, headers in product(("GET", "POST", "DELETE"), ADDRESSES, shown):
            answers += [await browser.request(method, address, headers=headers)]
        answers.append(await browser.post("/logout", data={"csrf": csrf}))
    known = file.current()
    assert known is not None
    hashes = [known.session_key.hex(), *(each.hash for each in known.all)]
    everything = "\n".join([*map(told, answers), caplog.text])
    assert [each for each in [*secrets, cookie, *hashes] if each in everything] == []
    assert csrf not in caplog.text
    assert "admin logged in, from 127.0.0.1" in caplog.text
    assert "a login failed, from 127.0.0.1" in caplog.text


async def test_an_error_that_nobody_foresaw_tells_no_credential(
    file: CredentialsFile, secrets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler("memory:", program="test")

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError(secrets[0])

    monkeypatch.setattr(scheduler, "health", fail)
    app = create_app(scheduler, host="127.0.0.1", port=PORT, access=Access(credentials=file))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://localhost:{PORT}"
    ) as client:
        for address in ("/", "/api/v1/jobs", "/healthz/ready"):
            answer = await client.get(address, headers=by(secrets[0]))
            assert (answer.status_code, secrets[0] in told(answer)) == (500, False)


async def test_the_audit_tells_the_name_of_who_gave_an_order_and_no_credential(
    file: CredentialsFile, secrets: list[str]
) -> None:
    async with guarded(Access(credentials=file)) as browser:
        order = {"why": "a test"}
        headers = by(secrets[0])
        ordered = await browser.post("/api/v1/jobs/report/trigger", json=order, headers=headers)
        assert ordered.is_success
        audit = (await browser.get("/api/v1/audit", headers=headers)).text
    assert '"who":"admin"' in audit
    assert [secret for secret in secrets if secret in audit] == []


@pytest.mark.parametrize("way", ["token", "login", "cookie", "form", "password"])
async def test_secrets_are_compared_in_constant_time(
    file: CredentialsFile, secrets: list[str], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def recorded(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return bool(original(one, other))

    original = hmac.compare_digest
    async with guarded(Access(credentials=file)) as browser:
        await log_in(browser, secrets[0])
        monkeypatch.setattr(hmac, "compare_digest", recorded)
        if way == "token":
            await browser.get("/", headers=by(WRONG))
        elif way == "cookie":
            await browser.get("/", headers=sent_with("a.b.c.d"))
        elif way == "form":
            await browser.post("/logout", data={"csrf": WRONG})
        elif way == "login":
            await browser.post("/login", data={"token": WRONG})
        else:
            await browser.post("/login", data={"name": "ada", "password": WRONG})
    assert compared
    assert all(isinstance(one, bytes) for one, _ in compared)


@pytest.mark.parametrize("name", ["ada", "nobody", "admin", ""])
async def test_a_login_takes_as_long_for_a_name_that_is_none(
    file: CredentialsFile, secrets: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made: list[dict[str, Any]] = []

    def recorded(password: bytes, **cost: Any) -> bytes:
        made.append(cost)
        return original(password, **cost)

    original = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", recorded)
    async with guarded(Access(credentials=file)) as browser:
        await browser.post("/login", data={"name": name, "password": WRONG})
    (cost,) = made
    assert (cost["n"], cost["r"], cost["p"], len(cost["salt"])) == (2**15, 8, 1, 16)


@pytest.mark.parametrize(
    "path",
    [
        "/a%0d%0aSet-Cookie:%20x=y",
        "/a%0aLocation:%20http://evil.example",
        "/a%00b",
        "/a%e2%80%a8b",
        "/%0d%0a%0d%0a<script>",
        "/?x=%0d%0aSet-Cookie:%20x=y",
        "//evil.example/",
        "/%5cevil.example",
    ],
)
async def test_no_header_is_made_of_an_address(
    file: CredentialsFile, secrets: list[str], path: str
) -> None:
    del secrets
    async with guarded(Access(credentials=file)) as browser:
        request = browser.build_request("GET", "/", headers={"Accept": "text/html"})
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = await browser.send(request)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=/")
    assert answer.headers["location"].isascii()
    assert answer.headers["location"].isprintable()
    assert "set-cookie" not in answer.headers
