"""What the pages say in words, as a browser shows them."""

from __future__ import annotations

from cronfleet import Scheduler, cron
from tests.unit.server.sites import Seen, site

NEVER = cron("0 0 1 1 *")


def scheduler_of(*jobs: str) -> Scheduler:
    scheduler = Scheduler("memory:", program="test")
    for name in jobs:
        scheduler.add_job(lambda _: None, NEVER, name)
    return scheduler


async def test_all_is_well_but_for_jobs_that_are_paused_and_says_since_when() -> None:
    scheduler = scheduler_of("a", "b")
    async with site(scheduler) as client:
        await scheduler.pause("a", who="anna", why="a fair")
        one = Seen((await client.get("/")).text)
    assert "All is well, but one job is paused" in one.text
    assert "a is paused by anna" in one.text
    assert "since 20" in one.text
    assert ("div", {"class": "verdict warn"}) in one.elements


async def test_jobs_that_are_paused_are_counted_in_the_verdict() -> None:
    scheduler = scheduler_of("a", "b")
    async with site(scheduler) as client:
        for name in ("a", "b"):
            await scheduler.pause(name)
        assert "All is well, but 2 jobs are paused" in (await client.get("/")).text
