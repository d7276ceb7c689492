"""What tests of a store that was emptied, restored or replaced have in common."""

from __future__ import annotations

from collections import Counter

from cronfleet.adopting import Adopted, adopt
from cronfleet.engine.instance import Instance
from cronfleet.store import Order
from tests.unit.engine.rig import TIMES, Rig

RENEWAL_S = TIMES.renewal_ms / 1000


async def adopted_by_hand(rig: Rig) -> Adopted:
    return await adopt(rig.store, (await rig.store.open()).id, Order("key", "ops", "restored"))


def assert_nothing_ran_twice(rig: Rig) -> None:
    twice = [tick for tick, count in Counter(rig.handlers.ticks).items() if count > 1]
    assert twice == []


async def stopped(rig: Rig, *instances: Instance) -> None:
    """Each has stopped because of the store; it takes no longer than two renewals."""
    for each in instances:
        await rig.until(lambda each=each: "not the one it was" in each.trouble, 2 * RENEWAL_S)
