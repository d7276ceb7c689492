"""The machine's time in a process whose own wall clock is wrong, by the boot clock.

What judges a fleet must not be fooled by the clocks that are set wrong to fool the fleet.
"""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

from cronfleet_verify import effects

VARIABLE = "CHAOS_WALL_AHEAD_OF_BOOT_NS"


def told() -> dict[str, str]:
    """For the environment of a process, from one whose clock is right."""
    return {VARIABLE: str(time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME))}


def true_time_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(os.environ[VARIABLE])


def true_time_ms() -> int:
    return true_time_ns() // 1_000_000


def let_effects_tell_it() -> None:
    """From now on the lines of an `EffectLog` of this process are stamped with it."""
    told = SimpleNamespace(time_ns=true_time_ns)
    setattr(effects, "time", told)  # noqa: B010 - a plain assignment would have to be a module
