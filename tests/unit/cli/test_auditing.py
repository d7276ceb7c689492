from __future__ import annotations

from cronfleet import Scheduler
from tests.unit.cli.commands import Shell


async def orders(scheduler: Scheduler) -> None:
    await scheduler.pause("report", who="anna", why="printer jam")
    await scheduler.skip_next("report", who="ben", why="holiday")


def test_orders_are_listed_the_newest_first(shell: Shell) -> None:
    shell.work(orders)
    entries = shell("audit", "--json").json["entries"]
    told = [(each["verb"], each["job"], each["who"], each["why"]) for each in entries]
    assert ("pause", "report", "anna", "printer jam") in told
    assert told[0][0] != "pause"
    assert "printer jam" in shell("audit").out
    assert len(shell("audit", "--limit", "1", "--json").json["entries"]) == 1


def test_that_nobody_ordered_anything_is_said_in_words(shell: Shell) -> None:
    async def nobody(_: Scheduler) -> None: ...

    shell.work(nobody)
    assert shell("audit").out == "Nobody has ordered anything yet.\n"
