"""The end of a pause: when it is, who sees to it, and what the pause has swallowed."""

from __future__ import annotations

from datetime import datetime

from cronfleet.errors import InvalidPauseError
from cronfleet.info import instant_from
from cronfleet.model import Instant, JobName, JobRecord
from cronfleet.planning import plan_of
from cronfleet.policy import paused_gap
from cronfleet.store import Moved, Order, Ordered, Store

_LATEST: Instant = 253_402_000_000_000
"""In the year 9999, so that every zone can tell it."""


def end_of_pause(name: JobName, until: datetime) -> Instant:
    """What a person says as an instant. Raises InvalidPauseError."""
    if until.utcoffset() is None:
        raise InvalidPauseError(name, "its end needs a time zone, such as tzinfo=UTC")
    at = instant_from(until)
    if at > _LATEST:
        raise InvalidPauseError(
            name, "its end lies too far ahead: leave it out, and resume it then"
        )
    return at


async def resumed(store: Store, job: JobRecord, now: Instant) -> Moved:
    """Where a job goes on that is resumed, and the gap: nothing from the pause's own end on."""
    if job.expected is None:
        return Moved(job.generation, None, None, None)
    plan = await plan_of(store, job)
    last = now if job.resumes_at is None else min(now, job.resumes_at - 1)
    gap = paused_gap(plan, job.expected, last)
    following = plan.first_after(gap.last) if gap else job.expected
    return Moved(job.generation, job.expected.fire_time, following, gap)


async def resume_in_time(store: Store, name: JobName, who: str, now: Instant) -> bool:
    """Resume a job whose pause has come to its end; answers whether it is at work then.

    Whoever notices does: under one key it is done once. Raises StoreError.
    """
    job = await store.job(name)
    if job is None or job.resumes_at is None or job.resumes_at > now:
        return False  # Somebody else was first, or has given it another end.
    order = Order(f"unpause {job.generation}", who, "its pause has come to its end")
    return await store.resume(name, await resumed(store, job, now), order) is Ordered.DONE
