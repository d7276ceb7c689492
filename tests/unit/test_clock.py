from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from cronfleet.clock import ManualClock, SystemClock

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_the_system_clocks_are_whole_milliseconds_of_the_kernels() -> None:
    before = time.time_ns() // 1_000_000
    wall = SystemClock().wall_ms()
    assert before <= wall <= time.time_ns() // 1_000_000


def test_the_boot_clock_never_steps_back() -> None:
    readings = [SystemClock().boot_ms() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[0] > 0


def test_time_that_passes_moves_both_clocks() -> None:
    clock = ManualClock(NOON)
    clock.advance(timedelta(seconds=1.5))
    assert clock.boot_ms() == 1500
    assert clock.wall_ms() == round(NOON.timestamp() * 1000) + 1500


def test_setting_the_clock_moves_the_wall_alone() -> None:
    clock = ManualClock(NOON)
    clock.leap(timedelta(hours=-1))
    assert clock.boot_ms() == 0
    assert clock.wall_ms() == round((NOON - timedelta(hours=1)).timestamp() * 1000)
