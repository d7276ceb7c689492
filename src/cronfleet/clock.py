"""Clocks: the wall, which only a store may ask, and the boot clock, by which waiting is measured."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Protocol

# CLOCK_MONOTONIC stands still while a Linux machine sleeps, and a lease does not.
# macOS has no CLOCK_BOOTTIME; its CLOCK_MONOTONIC counts sleep already.
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """What time it is. Both readings are integer milliseconds."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC. May leap; decides nothing but a store's own time."""
        ...

    def boot_ms(self) -> int:
        """Milliseconds since some fixed moment, time asleep included. Never steps back."""
        ...


class SystemClock:
    """The kernel's clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_ms(self) -> int:
        return time.clock_gettime_ns(_BOOT_CLOCK) // 1_000_000


class ManualClock:
    """A clock for tests: it moves when told to, both readings together."""

    def __init__(self, start: datetime) -> None:
        self._wall_ms = round(start.timestamp() * 1000)
        self._boot_ms = 0

    def wall_ms(self) -> int:
        return self._wall_ms

    def boot_ms(self) -> int:
        return self._boot_ms

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        self._boot_ms += round(span / timedelta(milliseconds=1))
        self.leap(span)

    def leap(self, span: timedelta) -> None:
        """Set the wall clock, forward or back, while no time passes."""
        self._wall_ms += round(span / timedelta(milliseconds=1))
