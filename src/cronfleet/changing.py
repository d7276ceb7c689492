"""Jobs at run time: what to read and decide before the store is asked to change one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cronfleet.definition import decode, digest, encode_over
from cronfleet.engine.known import KnownJob
from cronfleet.errors import (
    ForeignJobError,
    InvalidJobError,
    JobChangedError,
    StoreError,
    UnknownJobError,
)
from cronfleet.model import Gap, Instant, JobDefinition, JobName, JobRecord, Reason
from cronfleet.planning import plan_of
from cronfleet.policy import due_gap
from cronfleet.store import Behind, Declared, Foreign, Moved, Order, Ordered, Store
from cronfleet.verbs import LOOKS, job_named, live_job, repeated

Change = Callable[[JobDefinition], KnownJob]
"""From the definition that is in force to the one that is to be."""


async def add(store: Store, program: str, job: KnownJob, order: Order) -> None:
    """Store a job that names its handler. Raises InvalidJobError if there is another of the name."""
    name = job.definition.name
    if await _define(store, program, job, None, order) is Ordered.CHANGED:
        raise InvalidJobError(name, "is there already, and defined differently: use update_job")


async def update(
    store: Store,
    program: str,
    name: JobName,
    change: Change,
    order: Order,
    generation: int | None,
) -> None:
    """Put another definition in force; with a generation only in the place of that one.

    Raises UnknownJobError, ForeignJobError, InvalidJobError, JobChangedError.
    """
    for _ in range(LOOKS):
        stands = await live_job(store, name)
        if stands.program != program:
            raise ForeignJobError(name, stands.program, program)
        text = await store.definition(stands.digest)
        if text is None:
            raise StoreError(f"job {name!r}: its definition {stands.digest} is not in the store")
        job = _over(text, change(decode(text)))
        seen = stands.generation if generation is None else generation
        answer = await _define(store, program, job, seen, order)
        if isinstance(answer, Declared):
            return
        _check_generation(stands, generation)
    raise StoreError(f"job {name!r} changes all the time; it was not updated, try again")


def _over(text: str, job: KnownJob) -> KnownJob:
    """The job with what a newer version wrote beside the fields that this one knows."""
    merged = encode_over(text, job.definition)
    return replace(job, json=merged, digest=digest(merged))


async def _define(
    store: Store, program: str, job: KnownJob, seen: int | None, order: Order
) -> Declared | Ordered:
    name = job.definition.name
    after = (await store.open()).now
    while True:
        declared = job.declaration(after)
        answer = await repeated(
            lambda declared=declared: store.define(program, declared, seen, order)
        )
        match answer:
            case Behind(watermark):
                after = watermark
            case Foreign(owner):
                raise ForeignJobError(name, owner, program)
            case _:
                return answer


def _check_generation(job: JobRecord, generation: int | None) -> None:
    if generation is not None and job.generation != generation:
        raise JobChangedError(job.name, generation, job.generation)


async def remove(store: Store, name: JobName, order: Order, generation: int | None = None) -> None:
    """Make a tombstone of a job, and end what nobody has in hand; as for a generation, see above.

    Of a tombstone, what an order that was broken off left unended is ended before that. Raises
    UnknownJobError, JobChangedError.
    """
    job = await job_named(store, name)
    if job.removed:
        await _remove_as_seen(store, job, order)
        raise UnknownJobError(name, [], was_removed=True)
    for _ in range(LOOKS):
        _check_generation(job, generation)
        if await _remove_as_seen(store, job, order) is Ordered.DONE:
            return
        job = await job_named(store, name)
    raise StoreError(f"job {name!r} changes all the time; it was not removed, try again")


async def _remove_as_seen(store: Store, job: JobRecord, order: Order) -> Ordered:
    moved = await _removed(store, job)
    answer = Ordered.MORE
    while answer is Ordered.MORE:
        answer = await repeated(lambda: store.remove(job.name, moved, order))
    return answer


async def _removed(store: Store, job: JobRecord) -> Moved:
    if job.expected is None:
        return Moved(job.generation, None, None, None)
    now = (await store.open()).now
    return Moved(job.generation, job.expected.fire_time, None, await _owed(store, job, now))


async def _owed(store: Store, job: JobRecord, now: Instant) -> Gap | None:
    """What is due, and nobody is to run any more."""
    reason = Reason.PAUSED if job.is_paused_for(now) else Reason.REMOVED
    try:
        plan = await plan_of(store, job)
    except StoreError:  # Nobody here knows how many there are: at least the first.
        if job.expected is None or job.expected.due > now:
            return None
        return Gap(job.expected.fire_time, job.expected.fire_time, 1, reason)
    return due_gap(plan, job.expected, now, reason)
