"""Instances stand still and go on: for less than a TTL, for one, and for much longer."""

from __future__ import annotations

import asyncio
import random

from tests.chaos.faults.registry import fault
from tests.chaos.rig import Rig


async def freeze(rig: Rig, draw: random.Random, ttls: float) -> bool:
    """Whichever it is, what it does late from then on was to be expected."""
    for process in rig.shuffled(draw):
        rig.excuse(process)
        if process.freeze():
            await asyncio.sleep(ttls * rig.settings.ttl_ms / 1000)
            process.thaw()
            return True
    return False


@fault("freeze-half-ttl", per_minute=1)
async def freeze_briefly(rig: Rig, draw: random.Random) -> bool:
    return await freeze(rig, draw, 0.5)


@fault("freeze-ttl", per_minute=1)
async def freeze_for_a_ttl(rig: Rig, draw: random.Random) -> bool:
    return await freeze(rig, draw, 1)


@fault("freeze-3-ttl", per_minute=1)
async def freeze_long(rig: Rig, draw: random.Random) -> bool:
    return await freeze(rig, draw, 3)
