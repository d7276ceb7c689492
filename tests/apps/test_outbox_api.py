"""The notices of a real outbox over the API: how many stand where, and each of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cronfleet import Scheduler
from cronfleet.apps.password_expiry import JOB, register
from cronfleet.config import load_settings
from cronfleet.server.app import create_app
from tests.apps.worlds import make_users, row
from tests.unit.server.sites import PORT, client_of

USERS = 7


@pytest.fixture
async def client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[httpx.AsyncClient]:
    """Before an application that has mailed seven users."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "company.db"
    make_users(file, [row(number) for number in range(1, USERS + 1)])
    monkeypatch.setenv("USERS_DATABASE_URL", f"sqlite:///{file}")
    scheduler = Scheduler("memory:", program="test")
    made = register(scheduler, load_settings())
    app = create_app(scheduler, outbox=made, host="127.0.0.1", port=PORT)
    async with scheduler, client_of(app) as client:
        await made.prepare()
        await scheduler.trigger(JOB)
        while (await made.notices())["SENT"] < USERS:
            await scheduler.runs(JOB)
        yield client
    await made.close()


async def page(client: httpx.AsyncClient, **query: Any) -> Any:
    answer = await client.get("/api/v1/outbox/notices", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_state_is_told_with_how_many_are_in_it(client: httpx.AsyncClient) -> None:
    states = (await client.get("/api/v1/outbox")).json()["states"]
    assert states == {
        "PENDING": 0,
        "LEASED": 0,
        "HANDOFF": 0,
        "SENT": USERS,
        "DEAD": 0,
        "UNCERTAIN": 0,
        "CANCELLED": 0,
    }


async def test_a_notice_is_told_with_its_user_and_what_became_of_it(
    client: httpx.AsyncClient,
) -> None:
    (notice,) = (await page(client, limit=1))["notices"]
    assert (notice["state"], notice["threshold"], notice["reason"]) == ("SENT", "expired", "")
    assert notice["user"] in {str(n) for n in range(1, USERS + 1)}
    assert notice["created_at"] <= notice["changed_at"]
    assert notice["changed_at"].endswith("Z")


async def test_pages_have_each_notice_once_the_one_that_changed_last_first(
    client: httpx.AsyncClient,
) -> None:
    """Many change in one millisecond."""
    found: list[Any] = []
    after: str | None = ""
    while after is not None:
        told = await page(client, limit=2, **({"after": after} if after else {}))
        found += told["notices"]
        after = told["next"]
    assert len({notice["id"] for notice in found}) == len(found) == USERS
    order = [(notice["changed_at"], notice["id"]) for notice in found]
    assert order == sorted(order, reverse=True)


async def test_those_in_one_state_are_told_alone(client: httpx.AsyncClient) -> None:
    assert len((await page(client, state="SENT"))["notices"]) == USERS
    assert await page(client, state="UNCERTAIN") == {"notices": [], "next": None}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"state": "sent"}, "state: it is one of PENDING, LEASED"),
        ({"after": "WzEsMl0"}, "after: this is no cursor"),
        ({"after": "WzFlOTksIngiXQ"}, "after: this is no cursor"),
    ],
)
async def test_what_cannot_be_asked_is_said(
    client: httpx.AsyncClient, query: dict[str, str], said: str
) -> None:
    answer = await client.get("/api/v1/outbox/notices", params=query)
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"].startswith(said)


async def test_a_program_without_an_outbox_has_none(client: httpx.AsyncClient) -> None:
    app = create_app(Scheduler("memory:"), host="127.0.0.1", port=PORT)
    async with client_of(app) as other:
        assert (await other.get("/api/v1/outbox")).status_code == 404
