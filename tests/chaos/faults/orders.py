"""What people order while all of this happens. Where the store is away they try again, for a while."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from cronfleet import CronfleetError, UnknownJobError
from tests.chaos.faults.registry import Strike, fault
from tests.chaos.jobs import OF_RUN_TIME, every_s, ordered
from tests.chaos.patience import comes_true
from tests.chaos.rig import Rig

PATIENCE_S, AGAIN_S = 40, 0.5

Order = Callable[[Rig, random.Random, str], Awaitable[bool]]


def order(name: str, per_minute: float) -> Callable[[Order], Order]:
    """Register the order, given to one of the jobs for this, as a fault."""

    def register(give: Order) -> Order:
        fault(name, per_minute)(_as_strike(give))
        return give

    return register


def _as_strike(give: Order) -> Strike:
    async def strike(rig: Rig, draw: random.Random) -> bool:
        job = draw.choice(ordered(rig.settings.load))

        async def is_given() -> bool:
            try:
                return await give(rig, draw, job)
            except CronfleetError:
                return False

        return await comes_true(is_given, PATIENCE_S, AGAIN_S)

    return strike


@order("order-pause", per_minute=2)
async def pause(rig: Rig, draw: random.Random, job: str) -> bool:
    await rig.operator.pause(job, who="chaos")
    await asyncio.sleep(draw.uniform(0.5, 4))
    await rig.operator.resume(job, who="chaos")
    return True


@order("order-trigger", per_minute=4)
async def trigger(rig: Rig, draw: random.Random, job: str) -> bool:
    """Three at once: the store makes them wait for each other."""
    for _ in range(3):
        await rig.operator.trigger(job, who="chaos")
    return True


@order("order-skip-next", per_minute=2)
async def skip_next(rig: Rig, draw: random.Random, job: str) -> bool:
    await rig.operator.skip_next(job, who="chaos")
    return True


@order("order-backfill", per_minute=1)
async def backfill(rig: Rig, draw: random.Random, job: str) -> bool:
    last = datetime.now(UTC) - timedelta(seconds=10)
    first, again = last - timedelta(seconds=10), draw.random() < 0.5
    made = await rig.operator.backfill(job, first, last, again=again, who="chaos")
    return made.made > 0


@order("order-cancel", per_minute=2)
async def cancel(rig: Rig, draw: random.Random, job: str) -> bool:
    """A run that is under way, of a job with long ones."""
    name = draw.choice(("slow-0", "slow-1", "replace-0"))
    under_way = [run for run in await rig.operator.runs(name, 5) if run.state == "started"]
    stand = [await rig.operator.cancel(run.id, who="chaos") for run in under_way]
    return any(run.cancel_asked_at is not None for run in stand)


@order("order-update", per_minute=1)
async def update(rig: Rig, draw: random.Random, _: str) -> bool:
    await rig.operator.update_job(OF_RUN_TIME, schedule=every_s(draw.choice((1, 2, 3))))
    return True


@order("order-remove", per_minute=0.5)
async def remove(rig: Rig, draw: random.Random, _: str) -> bool:
    """And add it again."""
    with contextlib.suppress(UnknownJobError):  # An order before, whose answer was lost, did it.
        await rig.operator.remove_job(OF_RUN_TIME, who="chaos")
    await asyncio.sleep(draw.uniform(1, 5))
    await rig.add_job_of_run_time()
    return True
