"""Takes the pictures of docs/dashboard.md: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import async_playwright

from cronfleet import RunContext, Scheduler, cron
from cronfleet.apps.password_expiry import JOB, register
from cronfleet.apps.password_expiry.pages.web import PasswordExpiryWebPage
from cronfleet.config import Settings
from cronfleet.server.app import create_app
from cronfleet.server.serving import Serving, bind
from cronfleet.server.watching.looking import watcher_of
from tests.browser.conftest import FLAGS, PROGRAMS

IMAGES = Path(__file__).parents[2] / "docs" / "images"
EXPORT, INVOICES, BACKUP = "orders/export", "invoices:print", "backup"
DIGEST, CACHES = "mail-digest", "caches:warm"
WORDS = "no answer from printer-2 within 30 s: 12 of 340 invoices are printed"

PICTURES = (
    ("overview", "/", 1200, 960, "light"),
    ("overview-phone", "/", 390, 844, "dark"),
    ("job", f"/job?name={quote(EXPORT)}", 1200, 1000, "dark"),
    ("run", "/run?id={run}", 1200, 720, "light"),
    ("why", f"/why?name={CACHES}&at={{skipped}}", 1200, 780, "light"),
    ("playground", "/playground?expression=30+2+*+*+*&zone=Europe/Berlin", 1200, 800, "dark"),
    ("password-expiry", "/password-expiry", 1200, 560, "light"),
)
"""Name, path, width, height and colours of each."""


async def export(run: RunContext) -> None:
    """Fail on some days."""
    await asyncio.sleep(0.02 + 0.13 * (run.fire_time.second % 7) / 7)
    if run.kind == "backfill" and run.fire_time.day % 9 == 4:
        raise RuntimeError(WORDS)


async def print_invoices(_: RunContext) -> None:
    await asyncio.sleep(0.3)
    raise RuntimeError(WORDS)


async def work(_: RunContext) -> None:
    await asyncio.sleep(0.2)


def register_jobs(scheduler: Scheduler) -> None:
    # As its owner would see it, and not where this script happens to lie.
    named = print_invoices.__code__.replace(co_filename="shop/invoices.py")
    print_invoices.__code__ = named
    scheduler.add_job(export, cron("*/2 * * * * *"), EXPORT, overlap="allow")
    scheduler.add_job(print_invoices, cron("0 6 * * *"), INVOICES)
    scheduler.add_job(work, cron("30 2 * * *", tz="Europe/Berlin"), BACKUP)
    scheduler.add_job(work, cron("17 * * * *"), DIGEST)
    scheduler.add_job(work, cron("*/10 * * * *"), "stock/levels")
    scheduler.add_job(work, cron("*/15 * * * *", tz="America/New_York"), "prices/refresh")
    scheduler.add_job(work, cron("5,35 * * * *"), CACHES)


async def make_history(scheduler: Scheduler) -> None:
    """What the pictures tell of: runs of the last weeks, orders, and half a minute of ticks."""
    await scheduler.trigger(JOB)
    await scheduler.trigger(BACKUP, who="ben", why="before the upgrade")
    await scheduler.pause(DIGEST, who="anna", why="until the template is mended")
    await scheduler.skip_next(CACHES, who="anna", why="the new cache is warm already")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(1, 30):
        start = midnight - timedelta(days=days)
        await scheduler.backfill(EXPORT, start, start + timedelta(seconds=6))
    await asyncio.sleep(40)
    await scheduler.trigger(INVOICES, who="ben", why="the morning's were not printed")
    await asyncio.sleep(1)


@asynccontextmanager
async def fleet(folder: Path) -> AsyncGenerator[tuple[str, Scheduler]]:
    scheduler = Scheduler("memory:", program="shop")
    application = register(scheduler, Settings(cronfleet_data_dir=folder))
    register_jobs(scheduler)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    watcher = watcher_of(scheduler)
    pages = [PasswordExpiryWebPage(application)]
    app = create_app(scheduler, pages=pages, host="127.0.0.1", port=port, watcher=watcher)
    async with Serving(app, listener), scheduler:
        yield f"http://localhost:{port}", scheduler
        watcher.end()
    await application.close()


async def take(url: str, scheduler: Scheduler) -> None:
    path = next(filter(None, map(shutil.which, PROGRAMS)))
    (run, *_), (gap, *_) = await scheduler.runs(INVOICES), await scheduler.gaps(CACHES)
    places = {"run": quote(run.id), "skipped": f"{gap.last:%Y-%m-%dT%H:%MZ}"}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, where, width, height, colours in PICTURES:
            page = await browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if colours == "dark" else "light",
                timezone_id="Europe/Berlin",
            )
            await page.goto(url + where.format(**places))
            await page.screenshot(path=IMAGES / f"{name}.png")
            await page.close()
        await browser.close()


async def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    logging.disable(logging.CRITICAL)  # The handler that fails is meant to.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        async with fleet(Path("var")) as (url, scheduler):
            await make_history(scheduler)
            await take(url, scheduler)


if __name__ == "__main__":
    asyncio.run(main())
