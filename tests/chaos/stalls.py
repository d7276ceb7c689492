"""When a process stood still, frozen or starved by others, and when it was cut off from the store.

The first it tells by itself; of both the rig tells what it has done to it, when it is over. What
may be late because of that says `excuses`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from cronfleet_verify.effects import append
from tests.chaos.true_time import true_time_ms

LOOK_S = 0.05
STILL, CUT = "still", "cut"


class Stall(NamedTuple):
    """From when to when, in ms since 1970 of the true time."""

    instance: str
    since: int
    until: int
    kind: str = STILL


def watch(file: Path, instance: str, worth_ms: float) -> None:
    """Write down each stall of this process that is longer than that, in a thread of its own."""
    pause = threading.Event()

    def look() -> None:
        before = time.monotonic()
        while not pause.wait(LOOK_S):
            now = time.monotonic()
            stood_ms = round((now - before) * 1000)
            if stood_ms > worth_ms:
                until = true_time_ms()
                note(file, Stall(instance, until - stood_ms, until))
            before = now

    threading.Thread(target=look, name="stalls", daemon=True).start()


def note(file: Path, stall: Stall) -> None:
    append(file, json.dumps(stall))


def read(file: Path) -> list[Stall]:
    """Those that were written whole: who was killed in between may have left half a line."""
    if not file.exists():
        return []
    lines = file.read_text().splitlines(keepends=True)
    return [Stall(*json.loads(line)) for line in lines if line.endswith("\n")]


def name_of(pid: int) -> str:
    """As the log of effects names a process of this machine."""
    return f"{os.uname().nodename}:{pid}"
