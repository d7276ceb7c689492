"""Instances stand still and go on: for less than a TTL, for one, and for much longer."""

from __future__ import annotations

import random

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.processes import Process
from tests.chaos.rig import UP_S, Rig, now_ms
from tests.chaos.stalls import STILL


async def freeze(rig: Rig, draw: random.Random, ttls: float) -> bool:
    """One that is at work, as soon as there is one."""
    for_s = ttls * rig.settings.ttl_ms / 1000
    rivals = rig.shuffled(draw)

    async def struck() -> bool:
        for process in rivals:
            if await stands_still(rig, process, for_s):
                return True
        return False

    return await comes_true(struck, UP_S)


async def stands_still(rig: Rig, process: Process, for_s: float) -> bool:
    """For so long, if it is at work and nobody thaws or kills it before."""

    async def goes_on() -> bool:
        return not process.is_frozen

    with rig.stalled(process, STILL) as stalling:
        before = now_ms()
        if not process.freeze():
            return False
        stalling.since = before
        await comes_true(goes_on, for_s)
        process.thaw()
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
