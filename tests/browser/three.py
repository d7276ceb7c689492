"""A fleet of three on a Redis: two instances here, one with the pages, and one to be killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from playwright.async_api import Page

from cronfleet import RunContext, Scheduler, cron, every
from cronfleet.apps.password_expiry import register
from cronfleet.apps.password_expiry.pages.web import PasswordExpiryWebPage
from cronfleet.config import Settings
from cronfleet.server.app import create_app
from cronfleet.server.serving import Serving, bind
from cronfleet.server.watching.looking import watcher_of

PROGRAM = "shop"
TTL = timedelta(seconds=6)
REPORT, BROKEN, SLOW, LOUD = "reports/daily", "invoices:print", "import", "loud"
WORDS = "the printer is on fire"
MISCHIEF = (
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "</textarea></pre></svg><svg onload='window.ran = 1'>",
    '<a href="javascript:window.ran = 1" id=x>press</a>',
    "</title><script>window.ran = 1</script>",
    "<style>*{display:none}</style>",
)
"""What would run, or hide the page, if it were ever taken for HTML."""

NEVER = cron("30 2 1 1 *", tz="Europe/Berlin")


def register_jobs(scheduler: Scheduler, pause: timedelta) -> None:
    """Jobs that run well, fail, and take their time; what ticks does so after each `pause`."""

    async def report(_: RunContext) -> None: ...

    async def fail(_: RunContext) -> None:
        raise RuntimeError(WORDS)

    async def take_time(_: RunContext) -> None:
        await asyncio.Event().wait()

    async def shout(run: RunContext) -> None:
        for words in MISCHIEF:
            run.log.warning("%s", words)
        raise RuntimeError("\n".join(MISCHIEF))

    scheduler.add_job(shout, NEVER, LOUD, args={"words": list(MISCHIEF)})
    scheduler.add_job(report, NEVER, REPORT)
    scheduler.add_job(fail, NEVER, BROKEN)
    scheduler.add_job(take_time, NEVER, SLOW)
    scheduler.add_job(report, every(pause), "heartbeat")


@dataclass
class Three:
    """The fleet, as a browser and its owner see it."""

    url: str
    store: str
    fleet: str
    scheduler: Scheduler

    @contextmanager
    def member(self) -> Generator[subprocess.Popen[bytes]]:
        """The third instance; killed at the end, if it was not before."""
        command = [sys.executable, "-m", "tests.browser.member", self.store, self.fleet]
        process = subprocess.Popen(command)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def until_instances(self, count: int) -> None:
        while True:
            if len(await self.scheduler.instances()) == count:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def three(store: str, folder: Path) -> AsyncGenerator[Three]:
    """Two of the three; `member` is the third."""
    fleet = f"pages-{uuid4().hex[:8]}"
    pause = timedelta(hours=1)
    both = [Scheduler(store, program=PROGRAM, fleet=fleet, session_ttl=TTL) for _ in range(2)]
    application = register(both[0], Settings(cronfleet_data_dir=folder / "var"))
    for scheduler in both:
        register_jobs(scheduler, pause)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    watcher = watcher_of(both[0])
    pages = [PasswordExpiryWebPage(application)]
    app = create_app(both[0], pages=pages, host="127.0.0.1", port=port, watcher=watcher)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Serving(app, listener))
        for scheduler in both:
            await stack.enter_async_context(scheduler)
        stack.callback(watcher.end)
        yield Three(f"http://localhost:{port}", store, fleet, both[0])
    await application.close()


async def order(page: Page, title: str, why: str = "") -> None:
    """Give the order of this title on the page of a job or a run, with a reason."""
    details = page.locator("details.order").filter(has=page.locator("summary", has_text=title))
    await details.locator("summary").click()
    if why:
        await details.get_by_label("Why").fill(why)
    await details.get_by_role("button", name=title).click()
