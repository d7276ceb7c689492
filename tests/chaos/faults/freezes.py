"""Instances stand still and go on: for less than a TTL, for one, and for much longer."""

from __future__ import annotations

import asyncio
import random

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.processes import Process
from tests.chaos.rig import UP_S, Rig


async def freeze(rig: Rig, draw: random.Random, ttls: float) -> bool:
    """One that is at work, as soon as there is one."""
    for_s = ttls * rig.settings.ttl_ms / 1000
    rivals, frozen = rig.shuffled(draw), list[Process]()

    async def struck() -> bool:
        for process in rivals:
            rig.excuse(process, for_s)  # What it does late from now on was to be expected.
            if process.freeze():
                frozen.append(process)
                return True
        return False

    if not await comes_true(struck, UP_S):
        return False
    await asyncio.sleep(for_s)
    frozen[0].thaw()
    return True


@fault("freeze-half-ttl", per_minute=1)
async def freeze_briefly(rig: Rig, draw: random.Random) -> bool:
    return await freeze(rig, draw, 0.5)


@fault("freeze-ttl", per_minute=1)
async def freeze_for_a_ttl(rig: Rig, draw: random.Random) -> bool:
    return await freeze(rig, draw, 1)


@fault("freeze-3-ttl", per_minute=1)
async def freeze_long(rig: Rig, draw: random.Random) -> bool:
    return await freeze(rig, draw, 3)
