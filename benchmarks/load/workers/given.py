"""What every worker is given, and how its handler says that it was entered.

It needs nothing but the standard library: it is at work in every scheduler's own environment. Tick
number n is due `STEP_S` times n after the first. With `RECURS`, so many jobs may stand for them,
each due every second, by whom that is possible for.
"""

from __future__ import annotations

import os
import struct
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

STORE = os.environ.get("LOAD_STORE", "")
FOLDER = Path(os.environ.get("LOAD_FOLDER", "."))
TICKS = int(os.environ.get("LOAD_TICKS", "0"))
FIRST_S = float(os.environ.get("LOAD_FIRST_S", "0"))
STEP_S = float(os.environ.get("LOAD_STEP_S", "0"))
RECURS = int(os.environ.get("LOAD_RECURS", "0"))
ENTRY = struct.Struct("dd")
"""When a tick was due, and when its handler was entered, in seconds since 1970."""


def due_s(number: int) -> float:
    return FIRST_S + number * STEP_S


def due_at(number: int) -> datetime:
    return datetime.fromtimestamp(due_s(number), UTC)


def entered(due: float) -> None:
    """Called by each handler, and all that it does: two clocks, one short write."""
    os.write(_entries(), ENTRY.pack(due, time.time()))


@cache
def _entries() -> int:
    return os.open(FOLDER / "entries", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def declared() -> None:
    """All ticks are in the store."""
    (FOLDER / f"declared-{os.getpid()}").write_text(str(time.time()))
