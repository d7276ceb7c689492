"""One instance whose handlers do what no handler should. What they come to is a line in a file.

    python disasters.py FILE STORE TTL_MS

The jobs `steady-loop`, `steady-thread` and `steady-process` fire each second and do no harm.
All others wait to be triggered.
"""

# ruff: noqa: T201 - what they print is what is tested

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from cronfleet import RunContext, Scheduler, every

FILE = Path(sys.argv[1])
GATE = FILE.with_name("gate")
"""Until it is there, those block who block for a while."""

scheduler = Scheduler(
    sys.argv[2], program="disasters", session_ttl=timedelta(milliseconds=int(sys.argv[3]))
)


def tell(run: RunContext, *words: object) -> None:
    with FILE.open("a") as file:  # Short lines are whole, whoever else writes.
        file.write(" ".join(map(str, (run.job, *words))) + "\n")


async def steady_loop(run: RunContext) -> None:
    tell(run, os.getpid())


def steady_thread(run: RunContext) -> None:
    tell(run, os.getpid())


def forks(run: RunContext) -> None:
    os.fork()


def exits(run: RunContext) -> None:
    os._exit(3)


def leaves(run: RunContext) -> None:
    sys.exit("no paper")


def prints(run: RunContext) -> None:
    line = "x" * 1_023
    for _ in range(1 << 20):  # A gigabyte.
        print(line)


def eats(run: RunContext) -> None:
    _ = [bytearray(64 << 20) for _ in range(80)]  # 5 GB


def swallows(run: RunContext) -> None:
    helper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    tell(run, os.getpid(), helper.pid)
    while True:
        try:
            threading.Event().wait()
        except BaseException:  # noqa: BLE001 - the fault that is tested
            continue


def holds_the_gil(run: RunContext) -> None:
    tell(run, os.getpid())
    sum(range(10**13))  # In C, and no signal is looked at.


def holds_the_gil_for_a_while(run: RunContext) -> None:
    tell(run, "entered", os.getpid())
    while not GATE.exists():
        sum(range(3 * 10**7))
    tell(run, "ended", os.getpid())


async def blocks_the_loop(run: RunContext) -> None:
    tell(run, "entered", os.getpid())
    while not GATE.exists():
        time.sleep(0.05)  # noqa: ASYNC251 - the fault that is tested
    tell(run, "ended", os.getpid())


def works(run: RunContext) -> None:
    while not GATE.exists():
        tell(run, os.getpid())
        time.sleep(0.2)


def drains(run: RunContext) -> None:
    tell(run, "entered")
    run.draining.wait()
    tell(run, "draining")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(message)s")
    logging.getLogger("cronfleet.run").setLevel(logging.WARNING)  # Not what they print.
    each_second, seldom = every(timedelta(seconds=1)), every(timedelta(days=1_000))
    # One that is under way on an instance that is stuck is no reason to skip the next.
    scheduler.add_job(steady_loop, each_second, "steady-loop", overlap="allow")
    scheduler.add_job(steady_thread, each_second, "steady-thread", overlap="allow")
    scheduler.add_job(
        steady_thread, each_second, "steady-process", overlap="allow", isolation="process"
    )
    for handler in (forks, exits, leaves, prints, drains, works):
        scheduler.add_job(handler, seldom, isolation="process")
    scheduler.add_job(eats, seldom, isolation="process", memory_limit_mb=500)
    for handler in (swallows, holds_the_gil):
        limit = timedelta(seconds=2)
        scheduler.add_job(handler, seldom, isolation="process", timeout=limit)
        name = f"{handler.__name__}-for-ever"
        scheduler.add_job(handler, seldom, name, isolation="process")
    scheduler.add_job(holds_the_gil_for_a_while, seldom)
    scheduler.add_job(blocks_the_loop, seldom)
    scheduler.run()


if __name__ == "__main__":
    main()
