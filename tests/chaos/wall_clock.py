"""The wall clock of one program, set at will while it is at work: by libfaketime.

Its boot clock and its monotonic clock stay those of the machine, as they do where a person sets
the clock of a real one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from cronfleet_verify.effects import append
from tests.chaos.true_time import true_time_ns
from tests.servers import MEMORY, ServerUnavailableError

PLACES = (
    "/usr/lib/*/faketime",
    "/usr/lib64/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/faketime",
)
NAME = "libfaketimeMT.so.1"
SHARED = "faketime_shm_"
SLEEPS = Path(__file__).with_name("faked")
LOOK_S = 0.1
NEARLY_S = 0.1


def find_library() -> Path:
    """libfaketime for programs with threads. Raises ServerUnavailableError."""
    found = [path for place in PLACES for path in Path("/").glob(f"{place[1:]}/{NAME}")]
    if not found:
        raise ServerUnavailableError(f"no libfaketime: {NAME} is in none of {', '.join(PLACES)}")
    return found[0]


class WallClock:
    """A wall clock, right at first. Raises ServerUnavailableError without libfaketime."""

    def __init__(self, file: Path) -> None:
        self._library = find_library()
        self._file = file
        self.off_s = 0.0
        self.set(0.0)

    def set(self, off_s: float) -> None:
        """From within a second on it is so much ahead of the machine's, or behind it."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{off_s:+.3f}\n")
        beside.replace(self._file)
        self.off_s = off_s

    def worn_by(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of a program that goes by this clock.

        In Python its `time.sleep` is another one: libfaketime 0.9.10 breaks CPython's.
        """
        paths = [str(SLEEPS), *filter(None, [environment.get("PYTHONPATH", "")])]
        return {
            **environment,
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": os.pathsep.join(paths),
        }


def watch(file: Path, instance: str) -> None:
    """Write down, in a thread of its own, each time that this process reads another clock."""
    pause = threading.Event()

    def look() -> None:
        told_s = 0.0
        while not pause.wait(LOOK_S):
            off_s = (time.time_ns() - true_time_ns()) / 1e9
            if abs(off_s - told_s) > NEARLY_S:
                append(file, json.dumps((instance, round(off_s, 3))))
                told_s = off_s

    threading.Thread(target=look, name="clock", daemon=True).start()


class ClocksSeen:
    """What instances have written down, later than now."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = file.stat().st_size if file.exists() else 0

    def by(self, instance: str, off_s: float) -> bool:
        """Whether it has read a clock that is so wrong."""
        return any(who == instance and abs(off_s - s) < 2 * NEARLY_S for who, s in self._said())

    def _said(self) -> list[tuple[str, float]]:
        if not self._file.exists():
            return []
        with self._file.open() as file:
            file.seek(self._before)
            return [tuple(json.loads(line)) for line in file if line.endswith("\n")]


def forget_the_dead() -> None:
    """Remove what libfaketime has left in memory of processes that were killed."""
    for file in MEMORY.glob(f"{SHARED}*"):
        pid = file.name.removeprefix(SHARED)
        if not Path("/proc", pid).exists():
            file.unlink(missing_ok=True)
            (MEMORY / f"sem.faketime_sem_{pid}").unlink(missing_ok=True)
