"""Every screen and every button, before a fleet of three on a real Redis."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from cronfleet.apps.password_expiry import JOB
from tests.browser.three import (
    BROKEN,
    LOUD,
    MISCHIEF,
    REPORT,
    SLOW,
    TTL,
    WORDS,
    Three,
    order,
    three,
)
from tests.servers import OwnServer, Server
from tests.unit.server.sites import ended_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()

SCREENS = (
    *("/", "/jobs", "/instances", "/audit", "/why", "/password-expiry", "/playground"),
    f"/job?name={quote(REPORT)}",
    f"/job?name={quote(BROKEN)}",
    "/run?id={run}",
    f"/why?name={quote(REPORT)}&at=2024-03-31T02:30",
    f"/job/backfill?name={quote(REPORT)}&first=2024-01-01T00:00&last=2025-02-01T00:00",
    "/playground?expression=30+2+*+*+*&zone=Europe/Berlin",
    "/playground?expression=99+*+*+*+*",
    "/job?name=nobody",
)


@pytest.fixture(scope="module")
async def fleet(
    redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Three]:
    async with three(redis_server.url, tmp_path_factory.mktemp("fleet")) as started:
        with started.member():
            await started.until_instances(3)
            for job in (JOB, REPORT, BROKEN):
                await ended_run(started.scheduler, job)
            yield started


@pytest.fixture
async def look(chromium: Browser) -> AsyncGenerator[Callable[..., Awaitable[Page]]]:
    """Open a page that must not complain."""
    complaints: list[str] = []
    pages: list[Page] = []

    async def open_at(url: str, **options: object) -> Page:
        page = await chromium.new_page(**options)  # pyright: ignore[reportArgumentType]
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        pages.append(page)
        await page.goto(url)
        return page

    yield open_at
    for page in pages:
        await page.close()
    assert complaints == []


async def test_every_order_is_given_by_its_button_and_stands_in_the_audit(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    page = await look(f"{fleet.url}/job?name={quote(REPORT)}")
    await order(page, "Pause", "the template is wrong")
    await expect(page.locator(".flash")).to_contain_text("Paused")
    await expect(page.locator(".notice")).to_contain_text("this machine: the template is wrong")
    await order(page, "Resume")
    await expect(page.locator(".flash")).to_contain_text("Resumed")
    await order(page, "Skip next", "a fair")
    await expect(page.locator(".flash")).to_contain_text("skipped")
    await order(page, "Trigger")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
    await page.goto(f"{fleet.url}/audit")
    rows = page.get_by_role("row").filter(has_text=REPORT)
    for told in ("pause", "resume", "skip next", "trigger"):
        await expect(rows.filter(has_text=told).first).to_contain_text("this machine")


async def test_a_backfill_is_shown_before_it_is_made(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    page = await look(f"{fleet.url}/job?name={quote(REPORT)}")
    details = page.locator("#order-backfill")
    await details.locator("summary").click()
    await details.get_by_label("From").fill("2024-01-01T00:00")
    await details.get_by_label("To").fill("2025-02-01T00:00")
    await details.get_by_role("button").click()
    await page.get_by_label("Why").fill("the store was away")
    await page.get_by_role("button", name="Make 2 runs").click()
    await expect(page.locator(".flash")).to_contain_text("The runs are made")
    await expect(page.get_by_role("link", name="backfill")).to_have_count(2)


async def test_a_run_is_cancelled_while_it_works(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    page = await look(f"{fleet.url}/job?name={SLOW}")
    await order(page, "Trigger")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("started")
    await order(page, "Cancel", "by mistake")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    await expect(page.locator("summary", has_text="Cancel")).to_have_count(0)


async def test_orders_are_given_without_a_script(fleet: Three, chromium: Browser) -> None:
    page = await chromium.new_page(java_script_enabled=False)
    await page.goto(f"{fleet.url}/job?name={SLOW}")
    await order(page, "Pause", "by keyboard alone")
    await expect(page.locator(".flash")).to_contain_text("Paused")
    await order(page, "Resume")
    await expect(page.locator(".flash")).to_contain_text("Resumed")
    await expect(page.locator("footer")).to_contain_text("UTC")
    await page.close()


async def test_a_failure_is_on_the_overview_at_once(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    page = await look(fleet.url)
    failure = page.get_by_role("link", name=f"{BROKEN} failed")
    await expect(failure).to_be_visible()
    run = await ended_run(fleet.scheduler, BROKEN)
    await expect(failure).to_have_attribute("href", f"/run?id={quote(run.id)}", timeout=3_000)
    await failure.click()
    await expect(page.locator("pre.error")).to_contain_text(WORDS)


async def test_times_are_told_in_the_zone_of_who_looks(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    path = f"{fleet.url}/playground?expression=0+12+1+1+*"
    for zone, told in (("Asia/Tokyo", "21:00:00"), ("UTC", "12:00:00")):
        page = await look(path, timezone_id=zone)
        first = page.locator("main time").first
        await expect(first).to_contain_text(told)
        assert "12:00:00 UTC" in str(await first.get_attribute("title"))


@pytest.mark.parametrize("words", MISCHIEF)
async def test_what_others_wrote_runs_nothing_on_any_page(
    fleet: Three, look: Callable[..., Awaitable[Page]], words: str
) -> None:
    await fleet.scheduler.pause(REPORT, who=words, why=words)
    page = await look(f"{fleet.url}/job?name={quote(REPORT)}")
    for path in ("/jobs", "/audit", f"/why?name={quote(words)}&at={quote(words)}"):
        await page.goto(fleet.url + path)
        assert await page.evaluate("window.ran") is None
        await expect(page.locator("h1")).to_be_visible()
    for field in ("expression", "zone", "job"):
        await page.goto(f"{fleet.url}/playground?expression=H+*+*+*+*&{field}={quote(words)}")
        assert await page.evaluate("window.ran") is None
    await fleet.scheduler.resume(REPORT)


async def test_what_a_handler_said_runs_nothing_on_any_page(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    run = await ended_run(fleet.scheduler, LOUD)
    page = await look(fleet.url)
    await expect(page.get_by_role("link", name=f"{LOUD} failed")).to_be_visible()
    for path in ("/", f"/job?name={LOUD}", f"/run?id={quote(run.id)}"):
        await page.goto(fleet.url + path)
        await expect(page.get_by_text(MISCHIEF[0]).first).to_be_visible()
        assert await page.evaluate("window.ran") is None


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_screen_can_be_used_by_everybody(
    fleet: Three,
    look: Callable[..., Awaitable[Page]],
    width: int,
    colours: Literal["light", "dark"],
) -> None:
    (run, *_) = await fleet.scheduler.runs(BROKEN)
    page = await look(fleet.url, color_scheme=colours)
    await page.set_viewport_size({"width": width, "height": 900})
    found: dict[str, list[str]] = {}
    for path in SCREENS:
        await page.goto(fleet.url + path.format(run=quote(run.id)))
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        await page.evaluate(AXE)
        answer = await page.evaluate("axe.run()")
        found[path] = [
            f"{each['id']}: {[node['html'] for node in each['nodes']]}"
            for each in answer["violations"]
        ]
    assert found == {path: [] for path in SCREENS}


async def test_an_instance_that_is_killed_is_told_and_then_gone(
    fleet: Three, look: Callable[..., Awaitable[Page]]
) -> None:
    with fleet.member() as process:
        await fleet.until_instances(4)
        page = await look(f"{fleet.url}/instances")
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(4)
        process.kill()
        third_s = TTL.total_seconds() / 3
        silent = page.get_by_text("not heard from")
        await expect(silent).to_have_count(1, timeout=1000 * (2 * third_s + 3))
        await expect(rows).to_have_count(3, timeout=1000 * (2 * third_s + 4))


async def test_a_store_that_is_away_leaves_what_was_known(
    own_redis: OwnServer, tmp_path: Path, look: Callable[..., Awaitable[Page]]
) -> None:
    async with three(own_redis.url, tmp_path) as fleet:
        await ended_run(fleet.scheduler, BROKEN)
        overview = await look(fleet.url)
        job = await look(f"{fleet.url}/job?name={quote(BROKEN)}")
        await expect(overview.get_by_text(f"{BROKEN} failed")).to_be_visible()
        own_redis.stop()
        await expect(overview.get_by_role("heading", name="does not answer")).to_be_visible()
        await expect(overview.get_by_text(f"{BROKEN} failed")).to_be_visible()
        await expect(job.get_by_text("The store does not answer")).to_be_visible()
        await expect(job.get_by_role("heading", level=1)).to_contain_text(BROKEN)
        own_redis.start()
        gone = overview.get_by_role("heading", name="does not answer")
        await expect(gone).to_have_count(0, timeout=15_000)
