"""What operators order of a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zlib import crc32

from cronfleet.schedule import every
from cronfleet.scheduler import Scheduler

Order: TypeAlias = Callable[[Scheduler, str], Awaitable[object]]

SPAN = timedelta(minutes=3)


async def trigger(operator: Scheduler, job: str) -> None:
    await operator.trigger(job)


async def pause(operator: Scheduler, job: str) -> None:
    await operator.pause(job)


async def resume(operator: Scheduler, job: str) -> None:
    await operator.resume(job)


async def pause_and_resume(operator: Scheduler, job: str) -> None:
    """Nothing has changed, but what was seen before."""
    await operator.pause(job)
    await operator.resume(job)


async def skip_next(operator: Scheduler, job: str) -> None:
    await operator.skip_next(job)


async def cancel(operator: Scheduler, job: str) -> None:
    for run in (await operator.runs(job, limit=3))[:2]:
        await operator.cancel(run.id)


async def backfill(operator: Scheduler, job: str) -> None:
    until = datetime.fromtimestamp(operator.stage.clock.wall_ms() / 1000, UTC)
    await operator.backfill(job, until - SPAN, until)


async def update(operator: Scheduler, job: str) -> None:
    """Another rhythm each time: from a quarter of a minute to five of them."""
    rhythm_s = 15 * 2 ** (crc32(job.encode()) % 5)
    if next_fire := (await operator.job_info(job)).next_fire:
        rhythm_s += next_fire.second
    await operator.update_job(job, schedule=every(timedelta(seconds=rhythm_s)))


async def remove(operator: Scheduler, job: str) -> None:
    await operator.remove_job(job)


ORDERS: dict[str, Order] = {
    "trigger": trigger,
    "pause": pause,
    "resume": resume,
    "pause-resume": pause_and_resume,
    "skip-next": skip_next,
    "cancel": cancel,
    "backfill": backfill,
    "update": update,
    "remove": remove,
}
