"""An instance killed with -9: how late the others serve what it would have, on SQLite and Redis.

*idle jobs* are those that it was not running: milliseconds by which the first handler after the kill
was entered late, over several kills (goal: 250 ms at p99). *lost* is how long it took until the
run in its hands was known as lost, beside the bound TTL + TTL/3 + 1 s.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from cronfleet import Scheduler
from tests.fleet.rig import Fleet, eventually
from tests.servers import OwnServer, find_binary

TTL_MS = 2_000
KILLS = 5
JOBS = [f"job{n}" for n in range(12)]


def latenesses_ms(store: str) -> list[float]:
    """Of the first tick of each idle job after each kill."""
    found: list[float] = []
    with Fleet(store, TTL_MS, *(f"{job}=0" for job in JOBS)) as fleet:
        fleet.start(2)
        for _ in range(KILLS):
            victim, *_ = fleet.processes
            fleet.entered(JOBS[0], 2, within_s=20)
            fleet.end(victim)
            found += _first_after(fleet, time.time())
            fleet.start()
    return found


def _first_after(fleet: Fleet, killed_at: float) -> list[float]:
    left = set(JOBS)
    late_ms: list[float] = []
    while left:
        tick = fleet.next(lambda e: e.what == "entered" and e.job in left, within_s=20)
        if tick.fire_time / 1000 > killed_at:
            left.remove(tick.job)
            late_ms.append(tick.late_s * 1000)
    return late_ms


def lost_after_s(store: str) -> float:
    """From the kill until the store says that its run is lost."""
    with Fleet(store, TTL_MS, "long=60") as fleet:
        fleet.start(2)
        (entered,) = fleet.entered("long", 1, within_s=20)
        run_id = f"long@{entered.fire_time}"
        fleet.end(entered.pid)
        return eventually(lambda: asyncio.run(_state(store, run_id)) == "lost", within_s=20)


async def _state(store: str, run_id: str) -> str:
    scheduler = Scheduler(store, program="looker")
    try:
        return next((run.state for run in await scheduler.runs("long") if run.id == run_id), "")
    finally:
        await scheduler.aclose()


def measure(name: str, store: str) -> None:
    """Print one line of the table."""
    os.environ["CRONFLEET_FLEET"] = secrets.token_hex(4)
    late_ms = sorted(latenesses_ms(store))
    p50, p99 = statistics.median(late_ms), late_ms[int(len(late_ms) * 0.99)]
    os.environ["CRONFLEET_FLEET"] = secrets.token_hex(4)
    bound_s = TTL_MS / 1000 * 4 / 3 + 1
    print(
        f"{name:8}idle jobs {p50:4.0f} ms at p50, {p99:4.0f} at p99, {late_ms[-1]:4.0f} at most; "
        f"lost after {lost_after_s(store):.1f} s (bound {bound_s:.1f})",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        measure("sqlite", f"sqlite:///{folder}/cronfleet.db")
        server = OwnServer(find_binary("redis"), Path(folder))
        measure("redis", server.url)
        server.stop()


if __name__ == "__main__":
    main()
