"""What is asked of the operating system where the standard library has no word for it."""

from __future__ import annotations

import ctypes
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_RLIMIT_DATA = 2
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_OOM_MOST = 1_000


def die_with_parent(number: signal.Signals) -> None:
    """Be sent the signal when the thread that started this process ends. Linux only."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Be the parent of all descendants that lose theirs. Linux only."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # A libc without it.
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def be_first_to_go(by: int = 500) -> None:
    """When memory runs out, the system should end this process rather than others."""
    with suppress(OSError, ValueError):
        _OOM_SCORE.write_text(str(min(_OOM_MOST, int(_OOM_SCORE.read_text()) + by)))


class _Limit(ctypes.Structure):
    """`resource` would do, were it not a name that programs give to modules of their own."""

    _fields_ = (("soft", ctypes.c_ulong), ("hard", ctypes.c_ulong))
    soft: int
    hard: int


def limit_memory(most_bytes: int) -> None:
    """Refuse this process, and each that it starts, more memory of its own than that. Linux only.

    It can be lifted again up to what it was.
    """
    if (limit := _memory_limit()) is not None:
        limit.soft = min(most_bytes, limit.hard)
        ctypes.CDLL(None).setrlimit(_RLIMIT_DATA, ctypes.byref(limit))


def lift_memory_limit() -> None:
    """So that there is room to tell that there was none."""
    if (limit := _memory_limit()) is not None:
        limit.soft = limit.hard
        ctypes.CDLL(None).setrlimit(_RLIMIT_DATA, ctypes.byref(limit))


def _memory_limit() -> _Limit | None:
    limit = _Limit()
    if sys.platform != "linux" or ctypes.CDLL(None).getrlimit(_RLIMIT_DATA, ctypes.byref(limit)):
        return None
    return limit
