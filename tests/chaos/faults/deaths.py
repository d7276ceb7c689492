"""Instances are killed: at random, all at once, and at the very points where it matters."""

from __future__ import annotations

import random

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.points import AFTER_A_DEATH, POINTS
from tests.chaos.rig import Rig

PATIENCE_S = 12
"""How long a point waits for somebody to come by."""


@fault("kill", per_minute=8)
async def kill(rig: Rig, draw: random.Random) -> bool:
    return any(process.kill() for process in rig.shuffled(draw))


@fault("kill-all", per_minute=0.3)
async def kill_all(rig: Rig, _: random.Random) -> bool:
    struck = [process.kill() for process in rig.instances]
    return all(struck)


@fault("kill-at-point", per_minute=5)
async def kill_at_point(rig: Rig, draw: random.Random) -> bool:
    """Whoever gets there first dies; before anybody gets to some points, another must have died."""
    point, other = draw.choice(POINTS), draw.choice(rig.instances)
    async with rig.one_at_a_time:
        rig.death.wish(point)
        if point in AFTER_A_DEATH:
            other.kill()
        await comes_true(rig.death.has_come, PATIENCE_S)
        struck = not rig.death.forget()
    rig.details[f"kill {point}"] += struck
    return struck
