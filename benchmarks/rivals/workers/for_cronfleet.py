"""Cronfleet: as it comes, or with the options for a job of which every tick is wanted.

The session's TTL of 10 s is the default.
"""

from __future__ import annotations

import logging
import os

from handler import STORE, work_in_loop

from cronfleet import History, RunContext, Scheduler, cron

IS_EVERY_TICK_WANTED = "RIVALS_EVERY_TICK" in os.environ
scheduler = Scheduler(
    STORE,
    program="rivals",
    on_store_reset="continue" if IS_EVERY_TICK_WANTED else "stop",
)


@scheduler.job(
    cron("* * * * * *"),
    overlap="allow" if IS_EVERY_TICK_WANTED else "skip",
    misfire="all" if IS_EVERY_TICK_WANTED else "latest",
    history=History(successes=10_000, failures=10_000),  # All of it is asked for at the end.
)
async def work(run: RunContext) -> None:
    await work_in_loop(run.fire_time.timestamp())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    scheduler.run()
