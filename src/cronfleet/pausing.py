"""The end of a pause: when it is, who sees to it, and what the pause has swallowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronfleet.errors import InvalidPauseError
from cronfleet.model import Instant, JobName, JobRecord
from cronfleet.planning import plan_of
from cronfleet.policy import paused_gap
from cronfleet.store import Moved, Order, Ordered, Store


def end_of_pause(name: JobName, until: datetime) -> Instant:
    """What a person says as an instant. Raises InvalidPauseError."""
    if until.utcoffset() is None:
        raise InvalidPauseError(name, "its end needs a time zone, such as tzinfo=UTC")
    return -((datetime(1970, 1, 1, tzinfo=UTC) - until) // timedelta(milliseconds=1))


async def now_of(store: Store) -> Instant:
    return (await store.open()).now


async def resumed(store: Store, job: JobRecord, now: Instant) -> Moved:
    """Where a job goes on that is resumed, and the gap: nothing from the pause's own end on."""
    if job.expected is None:
        return Moved(job.generation, None, None, None)
    plan = await plan_of(store, job)
    last = now if job.paused_until is None else min(now, job.paused_until - 1)
    gap = paused_gap(plan, job.expected, last)
    following = plan.first_after(gap.last) if gap else job.expected
    return Moved(job.generation, job.expected.fire_time, following, gap)


async def resume_in_time(store: Store, name: JobName, who: str) -> bool:
    """Resume a job whose pause has come to its end; answers whether it is at work then.

    Whoever notices does: under one key it is done once. Raises StoreError.
    """
    job, now = await store.job(name), await now_of(store)
    if job is None or job.paused_until is None or job.paused_until > now:
        return False  # Somebody else was first, or has given it another end.
    key = f"the pause of generation {job.generation} ended"
    order = Order(key, who, "its pause has come to its end")
    return await store.resume(name, await resumed(store, job, now), order) is Ordered.DONE
