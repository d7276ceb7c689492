"""Wall clocks are set wrong: those of instances at will, the store's by a few seconds."""

from __future__ import annotations

import asyncio
import random

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.rig import UP_S, Rig

STORE_OFF_S = 8
"""More than the 5 s of which instances believe a clock no more; and no more than judges allow for."""


def has_clocks(rig: Rig) -> bool:
    return bool(rig.clocks)


def has_store_clock(rig: Rig) -> bool:
    return rig.store.clock is not None


@fault("clock-step", per_minute=3, where=has_clocks)
async def step(rig: Rig, draw: random.Random) -> bool:
    """From then on the instance has this clock, over its deaths too."""
    off_s = draw.choice((0.3, 2, 30, 3_600, 86_400)) * draw.choice((-1, 1))
    process = next(each for each in rig.shuffled(draw) if each in rig.clocks)
    rig.clocks[process].set(off_s)

    async def shows_it() -> bool:
        return process.pid != 0

    return await comes_true(shows_it, UP_S)


@fault("store-clock-step", per_minute=0.4, where=has_store_clock)
async def step_of_the_store(rig: Rig, draw: random.Random) -> bool:
    """For a while: ticks come early or late by as much, and none may come twice."""
    clock = rig.store.clock
    if clock is None or clock.off_s:
        return False
    clock.set(draw.choice((0.5, 3, STORE_OFF_S)) * draw.choice((-1, 1)))
    await asyncio.sleep(draw.uniform(3, 6))
    clock.set(0)
    return True
