from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from cronfleet.server.access import guard
from cronfleet.server.access.access import Access
from cronfleet.server.access.callers import Callers
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import THIS_MACHINE, Caller, Role
from cronfleet.server.access.sessions import (
    LIFETIME_S,
    Session,
    csrf_token,
    signed,
    verified,
)
from tests.unit.server.access.doors import (
    COOKIE,
    add_token,
    by,
    credentials_file,
    guarded,
    sent_with,
)

KEY = b"k" * 32
SESSION = Session("a" * 32, 1_000, "b" * 32)


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path)


@pytest.fixture
async def browser(file: CredentialsFile) -> AsyncGenerator[httpx.AsyncClient]:
    async with guarded(Access(credentials=file)) as client:
        yield client


def test_a_session_is_what_was_signed_while_it_lasts() -> None:
    assert verified(signed(SESSION, KEY), KEY, 999.9) == SESSION
    assert verified(signed(SESSION, KEY), KEY, 1_000) is None
    assert verified(signed(SESSION, KEY), b"l" * 32, 0) is None


@pytest.mark.parametrize("text", ["", ".", "...", "a.b.c.d", "\u00e9.1.b.c", "x" * 10_000])
def test_what_was_never_signed_is_no_session(text: str) -> None:
    assert verified(text, KEY, 0) is None


def test_the_token_of_a_form_signs_no_session() -> None:
    forged = f"csrf.{SESSION.id}.{csrf_token(SESSION, KEY)}"
    assert verified(forged, KEY, 0) is None


def test_a_login_ends_after_twelve_hours(file: CredentialsFile) -> None:
    add_token(file, Role.OPERATOR)
    known = file.current()
    assert known is not None
    now_s = known.all[0].created_at.timestamp()
    late = known.all[0].created_at + timedelta(hours=11, minutes=59)
    assert LIFETIME_S == 12 * 3600
    callers = Callers(file, COOKIE, trusts_this_machine=False, clock=lambda: now_s)
    headers = Headers(sent_with(callers.begin(known.all[0])))
    asker = callers.of(headers)
    assert asker is not None
    assert asker.caller == Caller("operator", Role.OPERATOR)
    now_s = late.timestamp()
    assert callers.of(headers) is not None
    now_s += 60
    assert callers.of(headers) is None


async def test_a_token_that_has_expired_lets_nobody_in(
    browser: httpx.AsyncClient, file: CredentialsFile
) -> None:
    token = add_token(file, Role.ADMIN, lasts=timedelta())
    assert (await browser.get("/api/v1/jobs", headers=by(token))).status_code == 401
    assert (await browser.post("/login", data={"token": token})).status_code == 401


async def test_as_soon_as_there_are_credentials_this_machine_needs_them(
    browser: httpx.AsyncClient, file: CredentialsFile
) -> None:
    assert (await browser.get("/api/v1/jobs")).status_code == 200
    token = add_token(file, Role.VIEWER)
    assert (await browser.get("/api/v1/jobs")).status_code == 401
    assert (await browser.get("/api/v1/jobs", headers=by(token))).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.5", "::"])
async def test_whoever_asks_a_server_for_others_is_not_taken_for_this_machine(
    file: CredentialsFile, host: str
) -> None:
    async with guarded(Access(credentials=file), host=host) as browser:
        assert (await browser.get("/api/v1/jobs")).status_code == 401


async def test_whoever_asks_a_proxy_is_not_taken_for_this_machine(file: CredentialsFile) -> None:
    async with guarded(Access(credentials=file, proxies=())) as browser:
        assert (await browser.get("/api/v1/jobs")).status_code == 403
    assert Callers(file, COOKIE, trusts_this_machine=False).of(Headers()) is None
    asker = Callers(file, COOKIE, trusts_this_machine=True).of(Headers())
    assert asker is not None
    assert asker.caller is THIS_MACHINE


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "x-forwarded-host", "Forwarded", "X-Real-IP"]
)
async def test_whoever_asks_by_a_proxy_that_nobody_told_of_is_not_taken_for_this_machine(
    browser: httpx.AsyncClient, header: str
) -> None:
    assert (await browser.get("/api/v1/jobs")).status_code == 200
    answer = await browser.get("/api/v1/jobs", headers={header: "203.0.113.9"})
    assert answer.status_code == 401


async def test_while_the_file_cannot_be_read_nobody_is_let_in(
    browser: httpx.AsyncClient, file: CredentialsFile
) -> None:
    token = add_token(file, Role.ADMIN)
    file.path.write_text("{")
    answer = await browser.get("/api/v1/jobs", headers=by(token))
    assert (answer.status_code, "nobody is let in" in answer.json()["detail"]) == (503, True)
    assert (await browser.get("/login")).status_code == 503
    assert str(file.path) not in answer.text  # Who asks has not shown who they are.


@pytest.mark.parametrize("path", ["/health-check", "/healthz/live", "/healthz/ready"])
async def test_an_instance_is_not_taken_for_dead_for_a_file_that_cannot_be_read(
    browser: httpx.AsyncClient, file: CredentialsFile, path: str
) -> None:
    file.path.write_text("{")
    answer = await browser.get(path)
    assert "credentials" not in answer.text
    assert answer.text == "OK" or answer.text.startswith("not ready")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer", "Token {}", "{}", "Bearer {} x"]
)
async def test_a_token_is_shown_in_one_way(
    browser: httpx.AsyncClient, file: CredentialsFile, header: str
) -> None:
    token = add_token(file, Role.ADMIN)
    headers = {"Authorization": header.format(token)}
    assert (await browser.get("/api/v1/jobs", headers=headers)).status_code == 401


async def test_a_caller_who_asks_too_much_waits_and_others_do_not(
    file: CredentialsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_MOST_REQUESTS", 2)
    monkeypatch.setattr(guard, "_OVER_S", 7200)
    greedy, modest = add_token(file, Role.VIEWER, "greedy"), add_token(file, Role.VIEWER, "modest")
    async with guarded(Access(credentials=file)) as browser:
        for status in (200, 200, 429):
            answer = await browser.get("/api/v1/jobs", headers=by(greedy))
            assert answer.status_code == status
        assert answer.headers["retry-after"] == "3600"
        assert (await browser.get("/api/v1/jobs", headers=by(modest))).status_code == 200
