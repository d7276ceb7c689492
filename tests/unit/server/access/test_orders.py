"""Who may change something, and by which page: POST, PATCH and DELETE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.types import Message

from cronfleet.server.access.access import Access
from cronfleet.server.access.bodies import MOST_BYTES, read_body
from cronfleet.server.access.callers import callers_of
from cronfleet.server.access.csrf import csrf_of
from cronfleet.server.access.guard import Guard
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from cronfleet.server.problems import RefusedError
from tests.unit.server.access.doors import COOKIE, ORIGIN, add_token, by, credentials_file
from tests.unit.server.sites import PORT, client_of

FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": f"https://localhost:{PORT}"},
    {"Origin": "http://localhost:8000"},
    {"Origin": f"http://localhost:{PORT}.evil.example"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
]


def guarded_orders(access: Access) -> Guard:
    """An application that takes orders, and shows what its forms carry."""
    app = FastAPI()

    @app.get("/form")
    async def form(request: Request) -> str:
        return csrf_of(request)

    @app.api_route("/order", methods=["POST", "PATCH", "DELETE"])
    async def order(request: Request) -> str:
        return (await request.body()).decode()

    callers = callers_of(access, host="127.0.0.1", port=PORT)
    return Guard(app, access, callers, host="127.0.0.1", port=PORT)


@pytest.fixture
async def open_to_this_machine() -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(guarded_orders(Access())) as client:
        yield client


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path)


@pytest.fixture
async def logged_in(file: CredentialsFile) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser with a login's cookie."""
    add_token(file, Role.OPERATOR)
    access = Access(credentials=file)
    known = file.current()
    assert known is not None
    cookie = callers_of(access, host="127.0.0.1", port=PORT).begin(known.all[0])
    async with client_of(guarded_orders(access)) as client:
        client.headers["Cookie"] = f"{COOKIE}={cookie}"
        yield client


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_another_site_gives_no_orders_to_this_machine(
    open_to_this_machine: httpx.AsyncClient, method: str, headers: dict[str, str]
) -> None:
    answer = await open_to_this_machine.request(method, "/order", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": ORIGIN}, {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}],
    ids=str,
)
async def test_pages_and_programs_of_this_machine_give_orders(
    open_to_this_machine: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await open_to_this_machine.post("/order", content="do it", headers=headers)
    assert (answer.status_code, answer.json()) == (200, "do it")


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_another_site_gives_no_orders_by_the_login_of_a_browser(
    logged_in: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    csrf = (await logged_in.get("/form")).json()
    answer = await logged_in.post("/order", data={"csrf": csrf}, headers=headers)
    assert answer.status_code == 403


async def test_a_form_of_that_login_gives_orders(logged_in: httpx.AsyncClient) -> None:
    csrf = (await logged_in.get("/form")).json()
    answer = await logged_in.post("/order", data={"csrf": csrf, "job": "report"})
    assert (answer.status_code, answer.json()) == (200, f"csrf={csrf}&job=report")


async def test_a_script_of_that_login_gives_orders(logged_in: httpx.AsyncClient) -> None:
    headers = {"X-CSRF-Token": (await logged_in.get("/form")).json()}
    assert (await logged_in.patch("/order", json={}, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": {"csrf": ""}},
        {"data": {"csrf": "0" * 64}},
        {"headers": {"X-CSRF-Token": b"\xe9"}},
        {"content": b"csrf=\xff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ],
    ids=str,
)
async def test_a_cookie_alone_gives_no_orders(
    logged_in: httpx.AsyncClient, sent: dict[str, Any]
) -> None:
    assert (await logged_in.get("/form")).status_code == 200
    assert (await logged_in.post("/order", **sent)).status_code == 403


@pytest.mark.parametrize("place", ["json", "files", "params"])
async def test_the_token_counts_in_a_form_and_in_the_header_alone(
    logged_in: httpx.AsyncClient, place: str
) -> None:
    sent: dict[str, Any] = {place: {"csrf": (await logged_in.get("/form")).json()}}
    assert (await logged_in.post("/order", **sent)).status_code == 403


async def test_a_form_with_two_tokens_gives_no_orders(logged_in: httpx.AsyncClient) -> None:
    csrf = (await logged_in.get("/form")).json()
    assert (await logged_in.post("/order", data={"csrf": [csrf, csrf]})).status_code == 403


async def test_a_form_of_another_login_gives_no_orders(
    logged_in: httpx.AsyncClient, file: CredentialsFile
) -> None:
    csrf = (await logged_in.get("/form")).json()
    known = file.current()
    assert known is not None
    other = callers_of(Access(credentials=file), host="127.0.0.1", port=PORT).begin(known.all[0])
    logged_in.headers["Cookie"] = f"{COOKIE}={other}"
    assert (await logged_in.post("/order", data={"csrf": csrf})).status_code == 403


async def test_a_token_in_the_header_gives_orders_from_anywhere(
    logged_in: httpx.AsyncClient, file: CredentialsFile
) -> None:
    token = add_token(file, Role.OPERATOR, "ci")
    headers = by(token) | {"Origin": "http://elsewhere.example"}
    assert (await logged_in.post("/order", headers=headers)).status_code == 200


async def test_a_wrong_token_is_not_made_up_for_by_a_cookie(
    logged_in: httpx.AsyncClient,
) -> None:
    assert (await logged_in.get("/form", headers=by("cf_wrong"))).status_code == 401


@pytest.mark.parametrize("length", ["98305", "9" * 30, "-1", "x", ""])
async def test_a_body_that_says_it_is_too_large_is_not_read(
    open_to_this_machine: httpx.AsyncClient, length: str
) -> None:
    headers = {"Content-Length": length}
    answer = await open_to_this_machine.post("/order", content=b"x", headers=headers)
    assert answer.status_code == 413


async def test_a_body_in_pieces_is_read_up_to_the_limit(
    open_to_this_machine: httpx.AsyncClient,
) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(1024)

    most = MOST_BYTES // 1024
    answer = await open_to_this_machine.post("/order", content=pieces(most))
    assert len(answer.json()) == MOST_BYTES
    answer = await open_to_this_machine.post("/order", content=pieces(most + 1))
    assert answer.status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for(
    open_to_this_machine: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronfleet.server.access.bodies.BODY_TIMEOUT_S", 0)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    answer = await open_to_this_machine.post("/order", content=nothing())
    assert answer.status_code == 408


async def test_half_an_order_is_none() -> None:
    came: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"{", "more_body": True},
    ]

    async def receive() -> Message:
        return came.pop()

    with pytest.raises(RefusedError, match="did not come whole"):
        await read_body(Headers(), receive)
