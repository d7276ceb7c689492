"""Logging in and out, and what another site can do meanwhile, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.responses import HTMLResponse

from cronfleet import Scheduler, cron
from cronfleet.server.access.access import Access
from cronfleet.server.access.roles import Role
from cronfleet.server.app import create_app
from cronfleet.server.serving import Serving, bind
from tests.unit.server.access.doors import add_token, credentials_file

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


class Guarded:
    """An instance with a job `report`, and the token that lets an operator in."""

    def __init__(self, folder: Path) -> None:
        self.scheduler = Scheduler("memory:", program="test")
        self.scheduler.add_job(lambda _: None, cron("0 0 1 1 *"), "report")
        self.listener = bind("127.0.0.1", 0)
        file = credentials_file(folder)
        self.token = add_token(file, Role.OPERATOR)
        port = self.listener.getsockname()[1]
        self.url = f"http://localhost:{port}"
        self.app = create_app(
            self.scheduler, host="127.0.0.1", port=port, access=Access(credentials=file)
        )

    async def log_in(self, page: Page) -> None:
        await page.goto(f"{self.url}/job?name=report")
        await page.get_by_label("Token").fill(self.token)
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="report")).to_be_visible()


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncGenerator[Guarded]:
    made = Guarded(tmp_path)
    async with Serving(made.app, made.listener), made.scheduler:
        yield made


@pytest.fixture
async def page(chromium: Browser) -> AsyncGenerator[Page]:
    context = await chromium.new_context()
    yield await context.new_page()
    await context.close()


async def test_who_logs_in_comes_to_the_page_that_was_asked_for_and_gives_orders(
    guarded: Guarded, page: Page
) -> None:
    await guarded.log_in(page)
    assert await page.evaluate("document.cookie") == ""
    await page.locator("summary", has_text="Trigger").click()
    await page.locator("form button", has_text="Trigger").click()
    await expect(page.get_by_text("The run is made")).to_be_visible()
    (order,) = [each for each in await guarded.scheduler.audit() if each.verb == "trigger"]
    assert order.who == "operator"


async def test_who_logs_out_sees_nothing_more(guarded: Guarded, page: Page) -> None:
    await guarded.log_in(page)
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await page.goto(guarded.url)
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


async def test_a_page_on_another_port_of_the_same_machine_gives_no_orders(
    guarded: Guarded, page: Page
) -> None:
    await guarded.log_in(page)
    order = f'<form method="post" action="{guarded.url}/job/trigger"><button>Win</button></form>'
    listener = bind("127.0.0.1", 0)
    # The browser sends the cookie along: to it, this is the same site.
    async with Serving(HTMLResponse(order), listener):
        await page.goto(f"http://localhost:{listener.getsockname()[1]}/")
        async with page.expect_response("**/job/trigger") as answered:
            await page.get_by_role("button", name="Win").click()
        answer = await answered.value
    sent = await answer.request.all_headers()
    assert ("cookie" in sent, answer.status) == (True, 403)
    assert await guarded.scheduler.runs("report") == []
