"""The operator's verbs: what to read and decide before the store is asked to move a job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from cronfleet.backfilling import Span
from cronfleet.chance import fresh_id
from cronfleet.errors import (
    InvalidPauseError,
    StoreError,
    StoreUnavailableError,
    UnknownJobError,
    UnknownRunError,
)
from cronfleet.model import Fire, Gap, Instant, JobName, JobRecord, Reason, RunId, RunRecord
from cronfleet.pausing import resumed
from cronfleet.planning import plan_of
from cronfleet.store import Backfilled, Moved, Order, Ordered, Store, Triggered

Told = TypeVar("Told")

LOOKS = 20
"""How often a job is looked at again that changes under our hands."""

TRIES = 4
WAIT_S = 0.25


def order(key: str | None, who: str, why: str) -> Order:
    """An order; without a key of the caller's it has one of its own, so that it may be repeated."""
    return Order(key or fresh_id(), who, why)


async def job_named(store: Store, name: JobName) -> JobRecord:
    """Raises UnknownJobError, which names those that are there."""
    job = await store.job(name)
    if job is None:
        raise UnknownJobError(name, [each.name for each in await store.jobs(limit=20)])
    return job


async def live_job(store: Store, name: JobName) -> JobRecord:
    """A job that can be given orders. Raises UnknownJobError, also for one that was removed."""
    job = await job_named(store, name)
    if job.removed:
        raise UnknownJobError(name, [], was_removed=True)
    return job


async def trigger(store: Store, name: JobName, order: Order) -> Triggered:
    """Make a run now. Raises UnknownJobError; StoreError when too many runs wait already."""
    answer = await repeated(lambda: store.trigger(name, order))
    if isinstance(answer, Triggered):
        return answer
    await live_job(store, name)
    raise StoreError(f"job {name!r}: so many of its runs wait already that none was added")


async def pause(store: Store, name: JobName, order: Order, until: Instant | None = None) -> None:
    """Make no more ticks, or none that is due before `until`.

    Raises UnknownJobError; InvalidPauseError when that has passed.
    """
    match await repeated(lambda: store.pause(name, order, until)):
        case Ordered.UNKNOWN:
            await live_job(store, name)
        case Ordered.ENDED:
            raise InvalidPauseError(name, "its end has passed already: say one that is to come")
        case _:
            pass


async def resume(store: Store, name: JobName, order: Order) -> None:
    """Make ticks again from now on, or from the pause's own end; what it swallowed is one gap."""
    for _ in range(LOOKS):
        job = await live_job(store, name)
        moved = await resumed(store, job, (await store.peek(job.program, limit=1)).now)
        if await repeated(lambda moved=moved: store.resume(name, moved, order)) is Ordered.DONE:
            return
    raise StoreError(f"job {name!r} changes all the time; nothing was resumed, try again")


async def skip_next(store: Store, name: JobName, order: Order) -> None:
    """Settle the expected tick without a run. A finished job has none, and stays as it is."""
    for _ in range(LOOKS):
        job = await live_job(store, name)
        if job.expected is None:
            return
        moved = await _skipped(store, job, job.expected)
        if await repeated(lambda moved=moved: store.skip_next(name, moved, order)) is Ordered.DONE:
            return
    raise StoreError(f"job {name!r} changes all the time; nothing was skipped, try again")


async def _skipped(store: Store, job: JobRecord, expected: Fire) -> Moved:
    plan = await plan_of(store, job)
    gap = Gap(expected.fire_time, expected.fire_time, 1, Reason.BY_HAND)
    following = plan.first_after(expected.fire_time)
    return Moved(job.generation, expected.fire_time, following, gap)


async def cancel(store: Store, text: str, order: Order) -> RunRecord:
    """Cancel a run, or ask its holder to; answers how it stands then. Raises UnknownRunError."""
    run = _run_id(text)
    await repeated(lambda: store.cancel(run, order))
    return await run_named(store, text)


async def run_named(store: Store, text: str) -> RunRecord:
    """A run by its id as people write it. Raises UnknownRunError."""
    found = await store.run(_run_id(text))
    if found is None:
        raise UnknownRunError(text, "it never was, or its record has been deleted since")
    return found


def _run_id(text: str) -> RunId:
    try:
        return RunId.parse(text)
    except ValueError as error:
        raise UnknownRunError(text, str(error)) from None


async def backfill(
    store: Store, name: JobName, span: Span, order: Order, *, again: bool
) -> Backfilled:
    """Make the runs that are wanted. Raises UnknownJobError; StoreError when not all find a place."""
    made, paused = 0, False
    for number, part in enumerate(span.parts()):
        if not part:
            continue
        one = replace(order, key=f"{order.key}+{number}")
        answer = await repeated(
            lambda part=part, one=one: store.backfill(name, part, one, again=again)
        )
        if not isinstance(answer, Backfilled):
            await live_job(store, name)
            raise StoreError(
                f"job {name!r}: so many of its runs wait already that {made} were made and no "
                "more; order the same again when there is room, what was made is passed over"
            )
        made, paused = made + answer.made, answer.paused
    return Backfilled(made, len(span.fire_times) - made, paused)


async def repeated(call: Callable[[], Awaitable[Told]]) -> Told:
    """Orders carry a key, so an unanswered one may be given again."""
    for _ in range(TRIES - 1):
        try:
            return await call()
        except StoreUnavailableError:
            await asyncio.sleep(WAIT_S)
    return await call()
