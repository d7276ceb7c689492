"""What operators order of a job. Each tells whether the store did anything because of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zlib import crc32

from cronfleet import RunInfo
from cronfleet.model import RunState
from cronfleet.schedule import every
from cronfleet.scheduler import Scheduler

Order: TypeAlias = Callable[[Scheduler, str], Awaitable[bool]]

SPAN = timedelta(minutes=3)
A_WHILE = timedelta(seconds=50)


async def trigger(operator: Scheduler, job: str) -> bool:
    await operator.trigger(job)
    return True


async def pause(operator: Scheduler, job: str) -> bool:
    await operator.pause(job)
    return True


async def pause_for_a_while(operator: Scheduler, job: str) -> bool:
    now = datetime.fromtimestamp(operator.stage.clock.wall_ms() / 1000, UTC)
    await operator.pause(job, until=now + A_WHILE)
    return True


async def resume(operator: Scheduler, job: str) -> bool:
    await operator.resume(job)
    return True


async def pause_and_resume(operator: Scheduler, job: str) -> bool:
    """Nothing has changed, but what was seen before."""
    await operator.pause(job)
    await operator.resume(job)
    return True


async def skip_next(operator: Scheduler, job: str) -> bool:
    """A job that has ended has no next one."""
    return (await operator.skip_next(job)).next_fire is not None


async def cancel(operator: Scheduler, job: str) -> bool:
    """One that has ended stays as it is."""
    newest = (await operator.runs(job, limit=3))[:2]
    stand = [await operator.cancel(run.id) for run in newest]
    pairs = zip(newest, stand, strict=True)
    return any(was.ended_at is None and _is_cancelled(now) for was, now in pairs)


def _is_cancelled(run: RunInfo) -> bool:
    """Or will be, by its holder."""
    return run.state == RunState.CANCELLED or run.cancel_asked_at is not None


async def backfill(operator: Scheduler, job: str) -> bool:
    until = datetime.fromtimestamp(operator.stage.clock.wall_ms() / 1000, UTC)
    return (await operator.backfill(job, until - SPAN, until)).made > 0


async def update(operator: Scheduler, job: str) -> bool:
    """Another rhythm each time: from a quarter of a minute to five of them."""
    rhythm_s = 15 * 2 ** (crc32(job.encode()) % 5)
    if next_fire := (await operator.job_info(job)).next_fire:
        rhythm_s += next_fire.second
    await operator.update_job(job, schedule=every(timedelta(seconds=rhythm_s)))
    return True


async def remove(operator: Scheduler, job: str) -> bool:
    await operator.remove_job(job)
    return True


ORDERS: dict[str, Order] = {
    "trigger": trigger,
    "pause": pause,
    "pause-for": pause_for_a_while,
    "resume": resume,
    "pause-resume": pause_and_resume,
    "skip-next": skip_next,
    "cancel": cancel,
    "backfill": backfill,
    "update": update,
    "remove": remove,
}
