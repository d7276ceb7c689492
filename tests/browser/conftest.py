"""A real browser before a real instance, on a port of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from cronfleet import RunContext, Scheduler, cron
from cronfleet.apps.password_expiry import JOB, register
from cronfleet.apps.password_expiry.pages.web import PasswordExpiryWebPage
from cronfleet.config import Settings
from cronfleet.server.app import create_app
from cronfleet.server.serving import Serving, bind
from tests.unit.server.sites import ended_run

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # for root
    "--disable-gpu",
    "--disable-background-networking",
]
LOUD_JOB = "team/a-rather-long-name:broken"
LOUD_HEADING = "<script>document.title = 'gone'</script><h1>elsewhere</h1>"


@dataclass
class Visit:
    """A page in a browser, with all that the browser complained about."""

    page: Page
    url: str
    scheduler: Scheduler
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def go(self, path: str) -> None:
        await self.page.goto(self.url + path)


@pytest.fixture(scope="session")
async def chromium(pytestconfig: pytest.Config) -> AsyncGenerator[Browser]:
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        reason = f"no browser: none of {', '.join(PROGRAMS)} is on PATH"
        pytest.fail(reason) if pytestconfig.getoption("--require-servers") else pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def instance(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[tuple[str, Scheduler]]:
    """The password-expiry application on its sample users, beside a job that fails loudly."""

    async def fail(_: RunContext) -> None:
        raise RuntimeError(LOUD_HEADING)

    scheduler = Scheduler("memory:", program="test")
    folder = tmp_path_factory.mktemp("instance") / "var"
    application = register(scheduler, Settings(cronfleet_data_dir=folder))
    scheduler.add_job(fail, cron("0 0 1 1 *", tz="Europe/Berlin"), LOUD_JOB)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    pages = [PasswordExpiryWebPage(application)]
    app = create_app(scheduler, pages=pages, host="127.0.0.1", port=port)
    async with Serving(app, listener), scheduler:
        for job in (JOB, LOUD_JOB):
            await ended_run(scheduler, job)
        await scheduler.skip_next(JOB, who="anna", why="a fair")
        yield f"http://localhost:{port}", scheduler
    await application.close()


@pytest.fixture
async def visit(chromium: Browser, instance: tuple[str, Scheduler]) -> AsyncGenerator[Visit]:
    page = await chromium.new_page()
    yield Visit(page, *instance)
    await page.close()
