from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from cronfleet import (
    CronfleetError,
    InstanceInfo,
    RunContext,
    RunLogLine,
    Scheduler,
    cron,
)
from cronfleet.server.app import create_app
from cronfleet.server.pages.job import RUNS_SHOWN
from cronfleet.server.pages.jobs import JOBS_SHOWN
from cronfleet.server.pages.overview import GAPS_SHOWN
from cronfleet.server.pages.rendering import Renderer, clock, distance, iso, span
from cronfleet.server.routes.html import brought
from cronfleet.server.security import HEADERS
from cronfleet.server.text import printable
from tests.unit.server.sites import (
    Seen,
    Sheet,
    ended_run,
    failed_attempt,
    register_patient,
    sheet,
    site,
)

NEVER = cron("0 0 1 1 *")
SCREENS = ("/", "/jobs", "/instances", "/audit", "/playground?expression=0+0+1+1+*")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

MISCHIEF = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table></main><h1>elsewhere</h1>",
    "</pre><iframe src=//evil.example></iframe>",
    "</textarea><svg/onload=alert(1)>",
    "<!--",
    "<style>*{display:none}</style>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; &#60;",
    "\x1b[31mred\x1b[0m \x00\x07",
    "\u202eneddih",
    "<\x00script>",
)


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler("memory:", program="test")


def register_failing(scheduler: Scheduler, words: str) -> None:
    async def fail(_: RunContext) -> None:
        raise RuntimeError(words)

    scheduler.add_job(fail, NEVER, "report")


async def logged_line(scheduler: Scheduler, run: str) -> RunLogLine:
    """The first line that a run's handler logged, waited for."""
    while True:
        if lines := (await scheduler.run_log(run)).lines:
            return lines[0]
        await asyncio.sleep(0)


async def seen(client: httpx.AsyncClient, path: str) -> Seen:
    answer = await client.get(path)
    assert answer.status_code == 200
    return Seen(answer.text)


@pytest.mark.parametrize("words", MISCHIEF)
@pytest.mark.parametrize("path", ["/", "/job?name=report", "/run?id={run}"])
async def test_an_error_is_text_whatever_it_says(
    scheduler: Scheduler, words: str, path: str
) -> None:
    plain = Scheduler("memory:", program="test")
    register_failing(plain, "plain words")
    register_failing(scheduler, words)
    async with site(plain) as client:
        run = await ended_run(plain, "report")
        wanted = await seen(client, path.format(run=quote(run.id)))
    async with site(scheduler) as client:
        run = await ended_run(scheduler, "report")
        page = await seen(client, path.format(run=quote(run.id)))
    assert page.shape == wanted.shape
    assert printable(words) in page.text


@pytest.mark.parametrize("words", MISCHIEF)
async def test_what_a_handler_logs_is_text(scheduler: Scheduler, words: str) -> None:
    async def work(run: RunContext) -> None:
        run.log.warning("%s", words)

    scheduler.add_job(work, NEVER, "report")
    async with site(scheduler) as client:
        run = await ended_run(scheduler, "report")
        line = await logged_line(scheduler, run.id)
        page = await seen(client, f"/run?id={quote(run.id)}")
    assert ("span", {"class": "level WARNING"}) in page.elements
    assert printable(line.text) in page.text
    assert [tag for tag, _ in page.elements].count("script") == 1


@pytest.mark.parametrize("words", MISCHIEF)
@pytest.mark.parametrize("path", ["/jobs", "/job?name=report"])
async def test_what_an_operator_wrote_is_text(scheduler: Scheduler, words: str, path: str) -> None:
    plain = Scheduler("memory:", program="test")
    for each in (plain, scheduler):
        each.add_job(lambda _: None, NEVER, "report")
    async with site(plain) as client:
        await plain.pause("report", who="anna", why="plain words")
        wanted = (await seen(client, path)).shape
    async with site(scheduler) as client:
        await scheduler.pause("report", who=words, why=words)
        page = await seen(client, path)
        orders = await seen(client, "/audit")
    assert page.shape == wanted
    assert f"by {printable(words)}: {printable(words)}" in page.text
    assert orders.text.count(printable(words)) >= 2
    assert ("bdi", {}) in orders.elements


@pytest.mark.parametrize("words", MISCHIEF)
async def test_what_an_application_shows_is_text(
    scheduler: Scheduler, tmp_path: Path, words: str
) -> None:
    async with site(scheduler, [sheet(tmp_path, name="plain words")]) as client:
        wanted = (await seen(client, "/sheet")).shape
    async with site(Scheduler("memory:"), [sheet(tmp_path, name=words)]) as client:
        page = await seen(client, "/sheet")
    assert page.shape == wanted
    assert printable(words) in page.text


@pytest.mark.parametrize("words", MISCHIEF)
@pytest.mark.parametrize("path", ["/job", "/api/v1/jobs/{}/runs"])
async def test_what_was_asked_for_is_text_in_the_answer(
    scheduler: Scheduler, words: str, path: str
) -> None:
    async with site(scheduler) as client:
        wanted = Seen((await client.get("/job", params={"name": "plain"})).text).shape
        if path == "/job":
            answer = await client.get(path, params={"name": words})
            assert Seen(answer.text).shape == wanted
        else:
            answer = await client.get(path.format(httpx.QueryParams({"": words}))[1:])
            assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == (404 if path == "/job" else 422)


async def test_no_page_has_scripts_or_styles_within(scheduler: Scheduler) -> None:
    register_failing(scheduler, "oops")
    async with site(scheduler) as client:
        await ended_run(scheduler, "report")
        (run, *_) = await scheduler.runs("report")
        for path in (*SCREENS, "/job?name=report", f"/run?id={quote(run.id)}"):
            elements = (await seen(client, path)).elements
            scripts = [attributes for tag, attributes in elements if tag == "script"]
            assert scripts == [{"type": "module", "src": "/static/page.js"}]
            assert not [tag for tag, _ in elements if tag in ("style", "iframe", "object")]
            names = {name for _, attributes in elements for name in attributes}
            assert not [name for name in names if name == "style" or name.startswith("on")]


async def test_the_overview_tells_what_ran_what_did_not_and_what_will(
    scheduler: Scheduler,
) -> None:
    register_failing(scheduler, "the printer is on fire")
    async with site(scheduler) as client:
        await ended_run(scheduler, "report")
        job = await scheduler.skip_next("report")
        text = (await seen(client, "/")).text
        jobs = (await seen(client, "/jobs")).text
        instances = (await seen(client, "/instances")).text
        (instance,) = await scheduler.instances()
    assert job.next_fire is not None
    for told in ("report failed", "the printer is on fire", "by hand", "memory:"):
        assert told in text
    for told in ("report", clock(job.next_fire), NEVER.describe(), "failed"):
        assert told in jobs
    assert instance.label in instances


@pytest.mark.parametrize("path", ["/", "/job?name=patient", "/run?id={run}"])
async def test_a_run_that_will_be_tried_again_is_shown_as_it_stands(
    scheduler: Scheduler, path: str
) -> None:
    register_patient(scheduler)
    async with site(scheduler) as client:
        run = await failed_attempt(scheduler)
        page = await seen(client, path.format(run=quote(run.id)))
    assert ("span", {"class": "state pending"}) in page.elements
    assert ("span", {"class": "state failed"}) not in page.elements
    for told in ("attempt 2", "failed before", f"next at {clock(run.not_before)}", "no paper"):
        assert told in " ".join(page.text.split())


async def test_a_job_paused_without_a_reason_says_by_whom_alone(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        await scheduler.pause("report", who="anna")
        for path in ("/jobs", "/job?name=report"):
            text = (await seen(client, path)).text
            assert ("by anna" in text, "by anna:" in text) == (True, False)


async def test_the_overview_shows_the_last_run_of_each_job(scheduler: Scheduler) -> None:
    for name in ("a", "b"):
        scheduler.add_job(lambda _: None, NEVER, name, overlap="allow")
    async with site(scheduler) as client:
        for number in range(12):
            await ended_run(scheduler, "ab"[number % 2])
        table = (await seen(client, "/")).text.partition("Last runs")[2]
    assert table.count("manual") == 2


async def test_an_empty_fleet_is_told_as_such(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        text = (await seen(client, "/")).text
    assert "There are no jobs yet" in text
    assert "Nothing has run yet." in text


async def test_a_job_with_slashes_in_its_name_has_a_page_too(scheduler: Scheduler) -> None:
    for name in ("team/report:daily", ".."):
        scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        links = [
            str(attributes["href"])
            for tag, attributes in (await seen(client, "/jobs")).elements
            if tag == "a" and str(attributes["href"]).startswith("/job?")
        ]
        texts = [(await seen(client, link)).text for link in links]
    assert [
        name in text for name, text in zip(["..", "team/report:daily"], texts, strict=True)
    ] == [
        True,
        True,
    ]


async def test_jobs_are_shown_a_page_at_a_time(scheduler: Scheduler) -> None:
    for number in range(JOBS_SHOWN + 3):
        scheduler.add_job(lambda _: None, NEVER, f"job-{number:03}")
    async with site(scheduler) as client:
        first = await seen(client, "/jobs")
        second = await seen(client, f"/jobs?skip={JOBS_SHOWN}")
    assert (f"job-{JOBS_SHOWN:03}" in first.text, "Older" in first.text) == (False, True)
    assert (f"job-{JOBS_SHOWN:03}" in second.text, "Newer" in second.text) == (True, True)


async def test_older_runs_are_a_link_away(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report", overlap="allow")
    async with site(scheduler) as client:
        for _ in range(RUNS_SHOWN + 1):
            await scheduler.trigger("report")
        first = await seen(client, "/job?name=report")
        second = await seen(client, f"/job?name=report&skip={RUNS_SHOWN}")
    assert ("Older" in first.text, "Newer" in first.text) == (True, False)
    assert ("Older" in second.text, "Newer" in second.text) == (False, True)


async def test_an_application_has_its_page_and_what_stands_below(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    async with site(scheduler, [sheet(tmp_path, name="anna")]) as client:
        overview = await seen(client, "/")
        for path in ("/sheet", "/sheet/below/it"):
            assert "anna" in (await seen(client, path)).text
        for path in ("/sheet/nothing", "/sheet/../../etc/passwd", "/sheet/%2e%2e"):
            assert (await client.get(path)).status_code == 404
    assert ("a", {"href": "/sheet"}) in overview.elements


async def test_a_page_that_cannot_be_told_now_is_one_clear_line(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    class Broken(Sheet):
        async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
            raise CronfleetError("the database is away: start it")

    async with site(scheduler, [Broken(tmp_path, {})]) as client:
        answer = await client.get("/sheet")
    assert answer.status_code == 503
    assert "the database is away: start it" in unescape(answer.text)


@pytest.mark.parametrize("path", ["/sheet", "/api/v1/instances"])
async def test_a_fault_of_ours_is_a_page_without_detail_and_with_all_headers(
    scheduler: Scheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    class Faulty(Sheet):
        async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
            raise ZeroDivisionError("the secret is hunter2")

    async def faulty(_: Scheduler) -> list[InstanceInfo]:
        raise ZeroDivisionError("the secret is hunter2")

    monkeypatch.setattr(Scheduler, "instances", faulty)
    async with site(scheduler, [Faulty(tmp_path, {})]) as client:
        transport = httpx.ASGITransport(
            create_app(scheduler, pages=[Faulty(tmp_path, {})], host="127.0.0.1", port=3000),
            raise_app_exceptions=False,
        )
        with pytest.raises(ZeroDivisionError):  # Which uvicorn logs.
            await client.get(path)
        async with httpx.AsyncClient(transport=transport, base_url=client.base_url) as browser:
            answer = await browser.get(path)
    assert answer.status_code == 500
    assert "Something is wrong here" in answer.text
    assert "hunter2" not in answer.text
    assert (
        answer.headers.items() >= {name.lower(): value for name, value in HEADERS.items()}.items()
    )


async def test_nobody_waits_for_a_page_for_ever(
    scheduler: Scheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(Sheet):
        async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
            await asyncio.Event().wait()
            return None

    monkeypatch.setattr(brought, "PAGE_TIMEOUT_S", 0.01)
    async with site(scheduler, [Endless(tmp_path, {})]) as client:
        answer = await client.get("/sheet")
    assert (answer.status_code, "no answer within" in answer.text) == (503, True)


def test_a_value_that_a_template_has_not_got_is_an_error(tmp_path: Path) -> None:
    from jinja2 import UndefinedError

    renderer = Renderer([sheet(tmp_path, name="")])
    with pytest.raises(UndefinedError):
        renderer.render("sheet.html", {}, NOON)


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(milliseconds=340), "340 ms"),
        (timedelta(seconds=2.14), "2.1 s"),
        (timedelta(seconds=10), "10 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(seconds=303), "5 min 3 s"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=2, seconds=3), "2 h"),
        (timedelta(days=2, hours=4, minutes=5), "2 d 4 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(length: timedelta, told: str) -> None:
    assert span(length) == told


def test_a_time_is_told_in_relation_to_now() -> None:
    assert distance(NOON + timedelta(minutes=5), NOON) == "in 5 min"
    assert distance(NOON - timedelta(hours=2), NOON) == "2 h ago"
    assert distance(NOON + timedelta(milliseconds=900), NOON) == "now"


def test_a_time_is_written_for_people_and_for_programs() -> None:
    assert (clock(NOON), iso(NOON)) == ("2026-03-01 12:00:00", "2026-03-01T12:00:00Z")


async def test_gaps_are_the_newest_of_all_jobs(scheduler: Scheduler) -> None:
    for name in ("a", "b"):
        scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        for _ in range(GAPS_SHOWN + 1):
            await scheduler.skip_next("a")
        await scheduler.skip_next("b")
        table = (await seen(client, "/")).text.partition("Skipped ticks")[2]
    assert table.count("by hand") == GAPS_SHOWN
