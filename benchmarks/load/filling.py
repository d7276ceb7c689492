"""Jobs in a Redis store, put there as by instances that have gone: they belong to none.

Their handler is that of `workers/for_held.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice

from benchmarks.load.declaring import declared
from benchmarks.load.joining import join
from cronfleet.model import JobDefinition
from cronfleet.policy import Plan
from cronfleet.schedule import schedule_from_definition
from cronfleet.store import Declaration, Store

PROGRAM = "load"
MINUTE_MS = 60_000
REST_MS = 30 * 24 * 60 * MINUTE_MS
IN_A_ROW = 2_000


def resting(count: int) -> Iterator[Declaration]:
    """Jobs that are due in a fortnight, each month."""
    anchor_ms = round(time.time() * 1000) + REST_MS // 2
    return (_recurring(f"rest-{number}", REST_MS, anchor_ms) for number in range(count))


def active(count: int) -> Iterator[Declaration]:
    """Jobs that are due each minute, spread over it evenly."""
    return (
        _recurring(f"active-{number}", MINUTE_MS, number * MINUTE_MS // count)
        for number in range(count)
    )


def _recurring(name: str, interval_ms: int, anchor_ms: int) -> Declaration:
    schedule = {"kind": "every", "interval_ms": interval_ms, "anchor_ms": anchor_ms % interval_ms}
    definition = JobDefinition(name, schedule, handler="enter")
    plan = Plan(definition, schedule_from_definition(schedule))
    return declared(definition, plan.first_after(round(time.time() * 1000)))


async def fill(store: Store, jobs: Iterable[Declaration]) -> None:
    """Declared by sessions that leave: no longer than it takes is one of them open."""
    left = iter(jobs)
    while row := list(islice(left, IN_A_ROW)):
        session = await join(store, PROGRAM)
        await store.sync_jobs(session, PROGRAM, row)
        await store.leave(session)
