"""The store is killed and comes back with its data, or another server takes over from it."""

from __future__ import annotations

import random

from tests.chaos.faults.registry import fault
from tests.chaos.rig import Rig


def can_restart(rig: Rig) -> bool:
    return rig.store.can_restart()


def can_fail_over(rig: Rig) -> bool:
    return rig.store.can_fail_over()


@fault("store-restart", per_minute=0.6, where=can_restart)
async def restart(rig: Rig, draw: random.Random) -> bool:
    """Away for longer than a TTL now and then."""
    return await rig.store.restart(draw.choice((0, 0.5, 1.5 * rig.settings.ttl_ms / 1000)))


@fault("failover", per_minute=0.8, where=can_fail_over)
async def fail_over(rig: Rig, _: random.Random) -> bool:
    return await rig.store.fail_over()
