"""The buttons of the pages: forms that are posted, and work without a script."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cronfleet import RunContext, Scheduler, cron
from cronfleet.server.access.access import Access
from cronfleet.server.access.roles import Role
from tests.unit.server.access.doors import (
    ORIGIN,
    add_token,
    by,
    credentials_file,
    guarded,
    log_in,
)
from tests.unit.server.sites import Seen, site

NEVER = cron("30 2 1 1 *", tz="Europe/Berlin")


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    return scheduler


def fields_of(page: Seen, action: str) -> Mapping[str, str]:
    """What the form with this action carries before anybody fills it in."""
    found: dict[str, str] = {}
    inside = False
    for tag, attributes in page.elements:
        if tag == "form":
            inside = attributes.get("action") == action
        if tag == "input" and inside and attributes.get("type") == "hidden":
            found[str(attributes["name"])] = attributes.get("value") or ""
    assert found
    return found


async def sent(client: httpx.AsyncClient, page: str, action: str, **filled: str) -> httpx.Response:
    """The form of a page, filled in and sent."""
    seen = Seen((await client.get(page)).text)
    return await client.post(action, data={**fields_of(seen, action), **filled})


@pytest.mark.parametrize(
    ("action", "state", "verb", "told"),
    [
        ("/job/pause", "paused", "pause", "Paused"),
        ("/job/skip-next", "scheduled", "skip_next", "The next tick is skipped"),
    ],
)
async def test_an_order_is_carried_out_and_written_down(
    scheduler: Scheduler, action: str, state: str, verb: str, told: str
) -> None:
    async with site(scheduler) as client:
        answer = await sent(client, "/job?name=report", action, why="a fair")
        page = Seen((await client.get(answer.headers["location"])).text)
        job = await scheduler.job_info("report")
        (order,) = await scheduler.audit()
    assert (answer.status_code, job.state) == (303, state)
    assert (order.verb, order.who, order.why) == (verb, "this machine", "a fair")
    assert told in page.text


async def test_a_pause_ends_by_the_clocks_of_the_job_s_own_zone(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        form = (await client.get("/job?name=report")).text
        answer = await sent(client, "/job?name=report", "/job/pause", until="2100-01-01T08:00")
        page = Seen((await client.get(answer.headers["location"])).text)
        overview = Seen((await client.get("/")).text)
    assert "On the clocks of Europe/Berlin. Left empty, somebody has to resume it." in form
    end = (await scheduler.job_info("report")).paused_until
    assert end == datetime(2100, 1, 1, 7, tzinfo=UTC)
    assert "Paused by this machine until 2100-01-01 07:00" in " ".join(page.text.split())
    assert "until it is resumed by itself at 2100-01-01 07:00" in overview.text


@pytest.mark.parametrize(("until", "status"), [("2001-01-01T08:00", 422), ("soon", 400)])
async def test_an_end_that_cannot_be_pauses_nothing(
    scheduler: Scheduler, until: str, status: int
) -> None:
    async with site(scheduler) as client:
        answer = await sent(client, "/job?name=report", "/job/pause", until=until)
        assert answer.status_code == status
        assert (await scheduler.job_info("report")).state == "scheduled"


async def test_a_paused_job_is_resumed(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        await scheduler.pause("report")
        await sent(client, "/job?name=report", "/job/resume")
        assert (await scheduler.job_info("report")).state == "scheduled"


async def test_a_triggered_run_is_shown_and_made_once(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        seen = Seen((await client.get("/job?name=report")).text)
        fields = fields_of(seen, "/job/trigger")
        first, second = [await client.post("/job/trigger", data=fields) for _ in range(2)]
        runs = await scheduler.runs("report")
        page = Seen((await client.get(first.headers["location"])).text)
    assert first.headers["location"] == second.headers["location"]
    assert [run.id for run in runs] == parse_qs(urlsplit(first.headers["location"]).query)["id"]
    assert "The run is made" in page.text


async def test_a_run_that_is_under_way_is_cancelled(scheduler: Scheduler) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work(_: RunContext) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    scheduler.add_job(work, NEVER, "endless")
    async with site(scheduler) as client:
        made = await scheduler.trigger("endless")
        await started.wait()
        page = str(httpx.URL("/run", params={"id": made.run}))
        answer = await sent(client, page, "/run/cancel", why="by mistake")
        await ended.wait()
        run = await scheduler.run_info(made.run)
        after = Seen((await client.get(answer.headers["location"])).text)
    assert run.cancel_asked_at is not None
    assert ("asked to cancel" in after.text, "It is to be cancelled" in after.text) == (True, True)


async def test_a_backfill_is_shown_before_it_is_ordered(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        span = {"name": "report", "first": "2024-01-01T02:30", "last": "2025-01-01T02:30"}
        preview = httpx.URL("/job/backfill", params=span)
        before = await scheduler.runs("report")
        page = Seen((await client.get(preview)).text)
        answer = await client.post(
            "/job/backfill", data={**fields_of(page, "/job/backfill"), "why": "lost"}
        )
        runs = await scheduler.runs("report")
        (order,) = await scheduler.audit()
    assert (before, answer.status_code) == ([], 303)
    assert "Make 2 runs" in page.text
    assert [run.fire_time.isoformat() for run in runs] == [
        "2025-01-01T01:30:00+00:00",
        "2024-01-01T01:30:00+00:00",
    ]
    assert (order.verb, order.why) == ("backfill", "lost")


async def test_a_backfill_of_nothing_says_so(scheduler: Scheduler) -> None:
    span = {"name": "report", "first": "2024-01-02T00:00", "last": "2024-01-03T00:00"}
    async with site(scheduler) as client:
        page = Seen((await client.get(httpx.URL("/job/backfill", params=span))).text)
    assert "There is nothing to run in this span" in page.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"first": "yesterday", "last": "2025-01-01T00:00"}, "'yesterday' is no time"),
        ({"first": "2025-01-02T00:00", "last": "2025-01-01T00:00"}, "lies before"),
    ],
)
async def test_a_span_that_cannot_be_is_told(
    scheduler: Scheduler, fields: dict[str, str], told: str
) -> None:
    async with site(scheduler) as client:
        answer = await client.get("/job/backfill", params={"name": "report", **fields})
    assert (answer.is_client_error, told in Seen(answer.text).text) == (True, True)


@pytest.mark.parametrize(
    "action", ["/job/trigger", "/job/pause", "/job/resume", "/job/skip-next", "/job/backfill"]
)
@pytest.mark.parametrize(("name", "status"), [("", 400), ("nobody", 404)])
async def test_an_order_about_no_job_is_refused(
    scheduler: Scheduler, action: str, name: str, status: int
) -> None:
    span = {"first": "2024-01-01T00:00", "last": "2025-01-01T00:00"}
    async with site(scheduler) as client:
        answer = await client.post(action, data={"name": name, **span})
        assert (answer.status_code, await scheduler.audit()) == (status, [])


@pytest.mark.parametrize("key", ["k" * 129, "a b", "\x1b"])
async def test_a_key_that_no_page_of_ours_had_is_refused(scheduler: Scheduler, key: str) -> None:
    async with site(scheduler) as client:
        answer = await client.post("/job/trigger", data={"name": "report", "key": key})
        assert (answer.status_code, await scheduler.runs("report")) == (400, [])


async def test_a_reason_is_written_down_as_one_line_of_text(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        why = "a fair\x1b[2J,\r\nthen another"
        await client.post("/job/pause", data={"name": "report", "why": why})
        (order,) = await scheduler.audit()
    assert order.why == "a fair, then another"


async def test_a_form_with_too_many_fields_is_refused(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        answer = await client.post("/job/pause", data={str(number): "1" for number in range(100)})
    assert answer.status_code == 400


async def test_who_may_only_look_is_shown_no_buttons_and_refused(tmp_path: Path) -> None:
    file = credentials_file(tmp_path)
    token = add_token(file, Role.VIEWER)
    async with guarded(Access(credentials=file)) as client:
        page = Seen((await client.get("/job?name=report", headers=by(token))).text)
        answer = await client.post("/job/pause", data={"name": "report"}, headers=by(token))
        backfill = await client.get(
            "/job/backfill?name=report&first=2024-01-01&last=2024-01-02", headers=by(token)
        )
    assert [
        attributes for _, attributes in page.elements if attributes.get("method") == "post"
    ] == []
    assert (answer.status_code, backfill.status_code) == (403, 403)


async def test_who_has_logged_in_orders_by_the_forms_of_that_login(tmp_path: Path) -> None:
    file = credentials_file(tmp_path)
    token = add_token(file, Role.OPERATOR, "anna")
    async with guarded(Access(credentials=file)) as client:
        await log_in(client, token)
        page = Seen((await client.get("/job?name=report")).text)
        fields, sender = fields_of(page, "/job/pause"), {"Origin": ORIGIN}
        answer = await client.post("/job/pause", data=fields, headers=sender)
        forged = await client.post("/job/resume", data={"name": "report"}, headers=sender)
        after = Seen((await client.get(answer.headers["location"])).text)
        left = await client.post("/logout", data=fields_of(after, "/logout"), headers=sender)
    assert ("anna operator" in " ".join(page.text.split()), "by anna" in after.text) == (True, True)
    assert (answer.status_code, forged.status_code, left.status_code) == (303, 403, 303)


async def test_what_was_done_is_told_in_words_of_ours_alone(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        page = Seen((await client.get("/job?name=report&done=<b>pay+here</b>")).text)
    assert "pay here" not in page.text
    assert ("p", {"class": "flash", "role": "status"}) not in page.elements


async def test_why_answers_beside_its_question(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        empty = await client.get("/why")
        answer = await client.get("/why?name=report&at=2024-03-31T02:30")
        told = Seen(answer.text)
        wanted = await scheduler.why("report", datetime(2024, 3, 31, 2, 30))  # noqa: DTZ001 - local
    assert (empty.status_code, answer.status_code) == (200, 200)
    assert wanted.sentence in told.text
    assert ("option", {"value": "report"}) in told.elements
    assert "Its orders are on the page of report" in " ".join(told.text.split())
    values = [attributes.get("value") for tag, attributes in told.elements if tag == "input"]
    assert values == ["report", "2024-03-31T02:30:00"]


async def test_why_shows_a_time_of_elsewhere_on_the_clocks_of_the_schedule(
    scheduler: Scheduler,
) -> None:
    async with site(scheduler) as client:
        told = Seen((await client.get("/why?name=report&at=2024-01-01T01:30:00Z")).text)
    values = [attributes.get("value") for tag, attributes in told.elements if tag == "input"]
    assert values == ["report", "2024-01-01T02:30:00"]


@pytest.mark.parametrize(
    ("name", "at", "wrong"),
    [("nobody", "2024-01-01T00:00", "nobody"), ("report", "yesterday", "is no time")],
)
async def test_what_is_wrong_with_a_question_stands_beside_its_fields(
    scheduler: Scheduler, name: str, at: str, wrong: str
) -> None:
    async with site(scheduler) as client:
        answer = await client.get("/why", params={"name": name, "at": at})
    page = Seen(answer.text)
    assert (answer.status_code, wrong in page.text) == (200, True)
    assert ("p", {"class": "notice wrong", "id": "wrong", "role": "alert"}) in page.elements
