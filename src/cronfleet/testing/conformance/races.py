"""Races for real: many rivals, one tick, again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from cronfleet.model import RunId, SessionId
from cronfleet.store import Granted, Store
from cronfleet.testing.samples import HOUR_MS, NOON, PROGRAM, join, report, tick

CLAIMERS = 50


async def rivals(stores: Sequence[Store], count: int = CLAIMERS) -> list[tuple[Store, SessionId]]:
    """Sessions spread over the stores, which are connections to one and the same."""
    pairs = [(stores[n % len(stores)], f"rival-{n}") for n in range(count)]
    return [(store, await join(store, name)) for store, name in pairs]


async def race(stores: Sequence[Store], rounds: int) -> Counter[RunId]:
    """Let all rivals claim each of `rounds` ticks of one job; answers who was granted what.

    The job has no limit, and all its ticks must be due by the store's clock.
    """
    claimers = await rivals(stores)
    first = NOON - rounds * HOUR_MS
    job = report("raced", limit=0, first=first)
    await stores[0].sync_jobs(claimers[0][1], PROGRAM, [job])
    grants: Counter[RunId] = Counter()
    for number in range(rounds):
        item = tick("raced", first + number * HOUR_MS)
        answers = await asyncio.gather(*(store.claim(who, [item]) for store, who in claimers))
        grants.update(answer.claim.run for (answer,) in answers if isinstance(answer, Granted))
    return grants
