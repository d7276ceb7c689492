"""Going on with a store that was emptied, restored or replaced, without running a tick again.

What such a store has on record may be long out of date: ticks that it expects have run, and so
may have the runs that wait in it. All of it is set aside before the store is adopted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from cronfleet.errors import StoreError
from cronfleet.model import Instant, JobRecord, Reason
from cronfleet.planning import plan_of
from cronfleet.policy import past_gap
from cronfleet.store import Moved, Order, Ordered, Store, StoreInfo

log: logging.Logger = logging.getLogger(__name__)

LOOKS = 20
"""How often a job is looked at again that changes under our hands."""


class _OvertakenError(StoreError):
    """The store is another by now."""

    def __init__(self, id_seen: str, now: StoreInfo) -> None:
        super().__init__(
            f"the store is not the one that was looked at (id {id_seen[:8]} is now "
            f"{now.id[:8]}): look again, then adopt it"
        )


@dataclass(frozen=True, slots=True)
class Adopted:
    """What an adoption came to."""

    info: StoreInfo
    jobs_settled: int
    runs_cancelled: int


async def adopt(store: Store, id_seen: str, order: Order) -> Adopted:
    """Set aside all that may be out of date, then adopt the store. Repeatable.

    When another has adopted it meanwhile, that is answered. Raises StoreError when the store is
    yet another by then, or holds what cannot be read here.
    """
    settled, cancelled, until = 0, 0, (await store.open()).now
    try:
        async for job in all_jobs(store):
            settled += await _settle_job(store, id_seen, job, until)
            while now_cancelled := await store.clear(id_seen, job.name):
                cancelled += now_cancelled
    except _OvertakenError:
        log.info("another was quicker to adopt the store")
    info = await store.adopt(id_seen, order)
    if not info.adopted:
        raise _OvertakenError(id_seen, info)
    return Adopted(info, settled, cancelled)


async def settle_until(
    store: Store, until: Instant, is_wanted: Callable[[JobRecord], bool]
) -> None:
    """Settle what these jobs expect up to the instant. Raises StoreError."""
    id_seen = (await store.open()).id
    async for job in all_jobs(store):
        if is_wanted(job):
            await _settle_job(store, id_seen, job, until)


async def _settle_job(store: Store, id_seen: str, job: JobRecord, until: Instant) -> bool:
    """Settle what a job expects up to the instant, as one gap; whether there was any."""
    for _ in range(LOOKS):
        if job.expected is None or job.expected.fire_time > until:
            return False
        plan = await plan_of(store, job)
        # By the fire time: another definition may have run it with less jitter.
        gap = past_gap(plan, job.expected, until, Reason.BY_HAND)
        following = plan.first_after(gap.last) if gap else job.expected
        moved = Moved(job.generation, job.expected.fire_time, following, gap)
        if await store.settle(id_seen, job.name, moved) is Ordered.DONE:
            return True
        now = await store.open()
        if now.id != id_seen:
            raise _OvertakenError(id_seen, now)
        job = await store.job(job.name) or job
    raise StoreError(f"job {job.name!r} changes all the time; stop the instances and try again")


async def all_jobs(
    store: Store, at_once: int = 200, between_s: float = 0
) -> AsyncIterator[JobRecord]:
    """Every job by name, in pages of so many, with a rest after each."""
    after = ""
    while page := await store.jobs(at_once, after):
        for job in page:
            yield job
        after = page[-1].name
        if between_s:
            await asyncio.sleep(between_s)
