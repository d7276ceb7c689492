"""Instances are killed: at random, all at once, and at the very points where it matters."""

from __future__ import annotations

import random

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.points import AFTER_A_DEATH, POINTS
from tests.chaos.rig import UP_S, Rig

PATIENCE_S = 20
"""How long a point waits for somebody to come by."""
TRIES = 2
"""While a store fails over nobody comes by anywhere."""


async def kill_one(rig: Rig, draw: random.Random) -> bool:
    """One that is at work, as soon as there is one."""
    rivals = rig.shuffled(draw)

    async def struck() -> bool:
        return any(process.kill() for process in rivals)

    return await comes_true(struck, UP_S)


@fault("kill", per_minute=8)
async def kill(rig: Rig, draw: random.Random) -> bool:
    return await kill_one(rig, draw)


@fault("kill-all", per_minute=0.3)
async def kill_all(rig: Rig, _: random.Random) -> bool:
    struck = [process.kill() for process in rig.instances]
    return any(struck)


@fault("kill-at-point", per_minute=5)
async def kill_at_point(rig: Rig, draw: random.Random) -> bool:
    """Whoever gets there first dies; before anybody gets to some points, another must have died."""
    for _ in range(TRIES):
        if await _kill_at(draw.choice(POINTS), rig, draw):
            return True
    return False


async def _kill_at(point: str, rig: Rig, draw: random.Random) -> bool:
    async with rig.one_at_a_time:
        rig.death.wish(point)
        if point in AFTER_A_DEATH:
            await kill_one(rig, draw)
        await comes_true(rig.death.has_come, PATIENCE_S)
        struck = not rig.death.forget()
    rig.details[f"kill {point}"] += struck
    return struck
