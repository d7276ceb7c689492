"""What a sleep of its machine excuses an instance for, and for how long."""

from __future__ import annotations

from contextlib import closing
from random import Random

from tests.simulation.clocks import ProcessClock
from tests.simulation.loop import FaultyLoop

TTL_MS = 10_000


def test_a_sleep_excuses_for_a_ttl_after_the_waking_and_no_longer() -> None:
    with closing(FaultyLoop()) as loop:
        clock = ProcessClock(loop, 1.0, Random(0))
        assert not clock.has_slept_within(TTL_MS)
        loop.run_until(20_000)
        before = clock.boot_ms()
        clock.fall_asleep()
        loop.run_until(50_000)
        clock.wake()
        clock.wake()
        assert clock.boot_ms() == before
        loop.run_until(50_000 + TTL_MS)
        assert clock.has_slept_within(TTL_MS)
        loop.run_until(50_001 + TTL_MS)
        assert not clock.has_slept_within(TTL_MS)
