"""Wall clocks are set wrong: those of instances at will, the store's by a few seconds.

A clock that nobody has read did not strike: who goes by it must have seen it move.
"""

from __future__ import annotations

import asyncio
import random
from functools import partial

from tests.chaos import stalls, store_clock
from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.rig import UP_S, Rig, now_ms
from tests.chaos.stores import ChaosStore
from tests.chaos.wall_clock import ClocksSeen

STORE_OFF_S = 8
"""More than the 5 s of which instances believe a clock no more."""
NEARLY_MS = 100
QUICKLY_MS = 200
"""An answer that took longer does not tell by how much a clock is off."""
PATIENCE_S = 60
"""The store may be away when its clock is to be read."""


def has_clocks(rig: Rig) -> bool:
    return bool(rig.clocks)


def has_store_clock(rig: Rig) -> bool:
    return rig.store.clock is not None


@fault("clock-step", per_minute=3, where=has_clocks)
async def step(rig: Rig, draw: random.Random) -> bool:
    """From then on the instance has this clock, over its deaths too."""
    off_s = draw.choice((0.3, 2, 30, 3_600, 86_400)) * draw.choice((-1, 1))
    process = next(each for each in rig.shuffled(draw) if each in rig.clocks)
    seen = ClocksSeen(rig.places.clocks)
    rig.clocks[process].set(off_s)

    async def has_seen_it() -> bool:
        return seen.by(stalls.name_of(process.pid), off_s)

    return await comes_true(has_seen_it, UP_S)


@fault("store-clock-step", per_minute=0.4, where=has_store_clock)
async def step_of_the_store(rig: Rig, draw: random.Random) -> bool:
    """For a while: ticks come early or late by as much, and none may come twice."""
    clock = rig.store.clock
    if clock is None or clock.off_s:
        return False
    off_s = draw.choice((0.5, 3, STORE_OFF_S)) * draw.choice((-1, 1))
    since = now_ms()
    clock.set(off_s)
    try:
        struck = await comes_true(partial(_shows, rig.store, off_s), PATIENCE_S)
        await asyncio.sleep(draw.uniform(3, 6))
    finally:
        clock.set(0)
        await comes_true(partial(_shows, rig.store, 0), PATIENCE_S)
        was = store_clock.off(since, now_ms(), round(off_s * 1000))
        store_clock.note(rig.places.store_clock, was)
    return struck


async def _shows(store: ChaosStore, off_s: float) -> bool:
    """Whether a client of the store reads a time that is so wrong."""
    before = now_ms()
    said = store.clock_ms()
    after = now_ms()
    if said is None or after - before > QUICKLY_MS:
        return False
    return before - NEARLY_MS <= said - off_s * 1000 <= after + NEARLY_MS
