"""The one handler that every scheduler runs: it logs that it began, takes its time, logs its end.

It needs nothing but the standard library and the checker's way to append a line: it is at work in
every scheduler's own environment, told by these variables where it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Generator
from pathlib import Path

from cronfleet_verify.effects import append

JOB = "work"
WORK_S = 0.3
STORE = os.environ.get("RIVALS_STORE", "")
INSTANCE = os.environ.get("RIVALS_INSTANCE", "")
LEASE_S = 10


def work(fire_time_s: float | None = None) -> None:
    """For schedulers that call plain functions."""
    with _logged(fire_time_s):
        time.sleep(WORK_S)


async def work_in_loop(fire_time_s: float | None = None) -> None:
    """For schedulers that await coroutines."""
    with _logged(fire_time_s):
        await asyncio.sleep(WORK_S)


@contextlib.contextmanager
def _logged(fire_time_s: float | None) -> Generator[None]:
    fire_time_ms = None if fire_time_s is None else round(fire_time_s * 1000)
    _tell("began", fire_time_ms)
    outcome = "cancelled"
    try:
        yield
        outcome = "succeeded"
    finally:
        _tell("ended", fire_time_ms, outcome=outcome)


def _tell(effect: str, fire_time_ms: int | None, **more: str) -> None:
    line = {
        "effect": effect,
        "job": JOB,
        "fire_time": fire_time_ms,
        "instance": f"{INSTANCE}:{os.getpid()}",
        "at": _true_ms(),
        **more,
    }
    append(Path(os.environ["RIVALS_EFFECTS"]), json.dumps(line))


def _true_ms() -> int:
    """The machine's wall clock, though that of this process may be off.

    The monotonic clock is one for all processes, and nobody sets it off.
    """
    return (time.monotonic_ns() + int(os.environ["RIVALS_WALL_LESS_MONOTONIC_NS"])) // 1_000_000
