"""The page of a real outbox: what is held and parked, with its buttons, and over the API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cronfleet import Scheduler
from cronfleet.apps.password_expiry import PasswordExpiry, register
from cronfleet.apps.password_expiry.care.parked import HARD_LIFETIME
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.pages.web import PasswordExpiryWebPage
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.config import load_settings
from cronfleet.server.app import create_app
from tests.apps.outboxes import let_pass, put_in
from tests.apps.test_application import context
from tests.apps.worlds import Recorder, make_users, row
from tests.unit.server.sites import PORT, Seen, client_of

PAGE = "/password-expiry"
HELD = 30


@pytest.fixture
async def application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PasswordExpiry]:
    """Of 60 users, 30 of them due, after a first run that was dry."""
    monkeypatch.chdir(tmp_path)
    soon = (datetime.now(UTC) - timedelta(days=80)).isoformat()
    users = [row(n) if n < HELD else row(n, soon) for n in range(2 * HELD)]
    make_users(tmp_path / "company.db", users)
    monkeypatch.setenv("USERS_DATABASE_URL", f"sqlite:///{tmp_path}/company.db")
    monkeypatch.setenv("EMAIL_USER", "it@corp.test")
    monkeypatch.setenv("EMAIL_PASSWORD", "hunter2")
    made = register(Scheduler("memory:", program="test"), load_settings())
    made._sender = Recorder()
    await made.run(context())
    yield made
    await made.close()


@pytest.fixture
async def client(application: PasswordExpiry) -> AsyncGenerator[httpx.AsyncClient]:
    page = PasswordExpiryWebPage(application)
    scheduler = application._scheduler
    app = create_app(scheduler, pages=[page], outbox=application, host="127.0.0.1", port=PORT)
    async with scheduler, client_of(app) as client:
        yield client


async def seen(client: httpx.AsyncClient, path: str = PAGE) -> Seen:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return Seen(answer.text)


def actions(page: Seen) -> set[str]:
    return {str(attributes["action"]) for tag, attributes in page.elements if tag == "form"}


def value_of(page: Seen, name: str) -> str:
    (value,) = {
        str(attributes["value"])
        for tag, attributes in page.elements
        if tag == "input" and attributes.get("name") == name
    }
    return value


def parked(application: PasswordExpiry, user: str = "1") -> str:
    """The id of a notice that is parked, for long enough."""
    assert application._parts
    outbox = application._parts.outbox
    put_in(outbox, NoticeKey(user, ""), NoticeState.UNCERTAIN)
    let_pass(outbox, HARD_LIFETIME)
    return next(each.id for each in outbox.recent(1000) if each.user == user)


async def test_what_is_held_is_shown_with_a_button(client: httpx.AsyncClient) -> None:
    page = await seen(client)
    assert "Dry run" in page.text
    assert "30 new notices at once for 60 users" in page.text
    assert f"{PAGE}/allow" in actions(page)
    labels = [attributes.get("aria-label") or "" for _, attributes in page.elements]
    assert any("Users: 60; Due: 30; To notify: 30; Sent: 0" in each for each in labels)
    assert any(": 30" in each for each in labels if each.startswith("Passwords that expire"))


async def test_the_button_ends_the_first_run_and_the_hold(
    client: httpx.AsyncClient, application: PasswordExpiry
) -> None:
    form = {"seen": value_of(await seen(client), "seen"), "why": "looked at"}
    answer = await client.post(f"{PAGE}/allow", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=ordered")
    assert f"{PAGE}/allow" not in actions(await seen(client))
    await application.run(context(2))
    assert (await application.notices())["SENT"] == HELD


async def test_what_was_held_after_the_page_was_seen_stays_held(
    client: httpx.AsyncClient, application: PasswordExpiry
) -> None:
    await client.post(f"{PAGE}/allow", data={"seen": "", "why": ""})
    await application.run(context(2))
    assert (await application.notices())["SENT"] == 0
    assert "Held:" in (await seen(client)).text


async def test_a_parked_notice_has_a_page_with_its_buttons(
    client: httpx.AsyncClient, application: PasswordExpiry
) -> None:
    notice = parked(application)
    assert f"{PAGE}/notices/{notice}" in str((await seen(client)).elements)
    page = await seen(client, f"{PAGE}/notices/{notice}")
    assert {f"{PAGE}/{verb}" for verb in ("approve", "resend", "drop")} <= actions(page)
    answer = await client.post(f"{PAGE}/drop", data={"notice": notice, "why": "gone"})
    assert answer.headers["location"] == f"{PAGE}/notices/{notice}?done=ordered"
    page = await seen(client, answer.headers["location"])
    assert "DEAD" in page.text
    assert ": gone" in page.text
    assert (await client.get(f"{PAGE}/notices/nothing")).status_code == 404


async def test_what_cannot_be_decided_is_one_clear_line(
    client: httpx.AsyncClient, application: PasswordExpiry
) -> None:
    assert application._parts
    notice = application._parts.outbox.recent(1)[0].id
    answer = await client.post(f"{PAGE}/approve", data={"notice": notice, "why": ""})
    assert answer.status_code == 409
    assert "only one that is UNCERTAIN" in answer.text
    answer = await client.post(f"{PAGE}/approve", data={"notice": "nothing"})
    assert answer.status_code == 404


async def test_no_page_has_a_style_or_a_script_within(
    client: httpx.AsyncClient, application: PasswordExpiry
) -> None:
    for path in (PAGE, f"{PAGE}/notices/{parked(application)}"):
        page = await seen(client, path)
        for tag, attributes in page.elements:
            assert "style" not in attributes, tag
            assert not any(name.startswith("on") for name in attributes), tag


# --- The API


@pytest.mark.parametrize(
    ("verb", "state"), [("approve", "SENT"), ("resend", "PENDING"), ("drop", "DEAD")]
)
async def test_a_parked_notice_is_decided_about(
    client: httpx.AsyncClient, application: PasswordExpiry, verb: str, state: str
) -> None:
    path = f"/api/v1/outbox/notices/{parked(application)}/{verb}"
    answer = await client.post(path, json={"why": "so"})
    assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
    assert answer.json()["reason"].endswith(": so")
    again = await client.post(path, json={})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/undecided-notice")


async def test_a_notice_that_is_not_there_is_said(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/outbox/notices/nothing/drop", json={})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-notice")


async def test_what_is_held_is_approved(client: httpx.AsyncClient) -> None:
    told = (await client.post("/api/v1/outbox/approve", json={"why": "so"})).json()["approved"]
    assert [each.partition(" ")[0] for each in told] == ["the", "held"]
    assert (await client.post("/api/v1/outbox/approve", json={})).json() == {"approved": []}


async def test_whoever_is_told_of_alerts_is_told_of_the_hold(application: PasswordExpiry) -> None:
    parked(application)
    titles = [each.title for each in await application.conditions()]
    assert titles == ["mails are held", "notices are parked"]


async def test_an_instance_that_begins_says_what_is_held(application: PasswordExpiry) -> None:
    await application.prepare()
    told = application.describe()
    assert any(line.startswith("HELD, nothing is sent: 30 new notices") for line in told)
    assert any(line.startswith("DRY RUN: ") for line in told)


async def test_dry_run_false_is_an_approval_of_the_first_run_and_no_more(
    application: PasswordExpiry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRY_RUN", "false")
    other = register(Scheduler("memory:", program="test"), load_settings())
    other._sender = Recorder()
    await other.run(context(2))
    report = (await other.keeper()).report()
    assert report.approval
    assert (report.approval.who, report.is_dry) == ("DRY_RUN=false", False)
    assert (len(report.holds), report.counts["SENT"]) == (1, 0)
    await other.close()
    assert not await application.is_dry()
