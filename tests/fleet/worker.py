"""One instance of the test fleet. Every effect is a line on the pipe whose number it is given.

    python worker.py PIPE STORE TTL_MS OFF_MS JOB...

OFF_MS is by how much its wall clock is wrong. JOB is name=seconds of work, fired each second, or
name=seconds@ms, so long after each; a name that ends in `!` is `on_lost="rerun"`. A job
`name#n=seconds` has n shards, is fired only each 12 seconds, and tells its name and shard as
`name/shard`.

With EFFECTS in the environment, handlers log what they do to the file of that name, too.
LOG_LEVEL is INFO without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from cronfleet import History, RunContext, Scheduler, every
from cronfleet.clock import SystemClock
from cronfleet_verify import EffectLog

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALL_OF_IT = History(successes=10_000, failures=10_000)


def main(pipe: int, store: str, ttl_ms: int, jobs: list[str]) -> None:
    # A shell that began these tests with an `&` has them, and so us, ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def tell(*words: object) -> None:
        # Short writes to a pipe are whole, whoever else writes to it.
        os.write(pipe, (" ".join(str(word) for word in (*words, os.getpid())) + "\n").encode())

    effects = os.environ.get("EFFECTS")

    async def work(run: RunContext) -> None:
        with EffectLog(effects).of(run) if effects else contextlib.nullcontext():
            await told(run)

    async def told(run: RunContext) -> None:
        job = run.job if run.shards == 1 else f"{run.job}/{run.shard}"
        about = (job, round(run.fire_time.timestamp() * 1000), run.attempt, run.token)
        tell("entered", *about)
        await asyncio.sleep(run.args["work_s"])
        tell("ended", *about)

    scheduler = Scheduler(store, program="fleet", session_ttl=timedelta(milliseconds=ttl_ms))
    for job in jobs:
        name, _, how = job.partition("=")
        work_s, _, after_ms = how.partition("@")
        on_lost = "rerun" if name.endswith("!") else "abandon"
        name, _, shards = name.rstrip("!").partition("#")
        scheduler.add_job(
            work,
            every(
                timedelta(seconds=12 if shards else 1),
                EPOCH + timedelta(milliseconds=int(after_ms or 0)),
            ),
            name,
            args={"work_s": float(work_s)},
            on_lost=on_lost,
            shards=int(shards or 1),
            history=ALL_OF_IT,
        )

    async def announce() -> None:
        async with scheduler:
            tell("joined", "-", 0, 0, 0)
            await asyncio.Event().wait()

    asyncio.run(announce())


def set_wall_clock_off(off_ms: int) -> None:
    """All of the process that asks a wall clock asks this one."""
    right = SystemClock.wall_ms
    SystemClock.wall_ms = lambda self: right(self) + off_ms


if __name__ == "__main__":
    level = os.environ.get("LOG_LEVEL", "INFO")
    logging.basicConfig(level=level, format=f"%(asctime)s {os.getpid()} %(message)s")
    set_wall_clock_off(int(sys.argv[4]))
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[5:])
