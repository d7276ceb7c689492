"""What operators order: trigger, pause, resume, skip the next."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import (
    Instant,
    JobName,
    JobRecord,
    Kind,
    Reason,
    RunId,
    RunRecord,
    RunState,
)
from cronfleet.store import (
    MOST_PENDING,
    MOST_WAITING,
    Moved,
    Order,
    Ordered,
    Triggered,
)
from cronfleet.stores.steps.answers import earlier_answer, remember
from cronfleet.stores.steps.gaps import add_gap
from cronfleet.stores.steps.overlap import is_full, new_run
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.shards import put_pending


def live_job(records: Records, name: JobName) -> JobRecord | None:
    """A job that can be given orders: no tombstone."""
    job = records.job(name)
    return None if job is None or job.removed else job


def trigger(records: Records, name: JobName, order: Order) -> Triggered | Ordered:
    job = live_job(records, name)
    if job is None:
        return Ordered.UNKNOWN
    earlier = earlier_answer(records, "trigger", name, order)
    if earlier:
        return _same_again(records, earlier, job)
    waits = is_full(job)
    if waits and records.count_waiting(name) >= MOST_WAITING:
        return Ordered.FULL
    if job.active >= MOST_PENDING:
        return Ordered.FULL
    run = _new_manual(records, job)
    if waits:
        state = RunState.WAITING
        records.put_run(replace(run, state=state))
    else:
        state = put_pending(records, run)
        records.put_job(replace(job, active=job.active + 1))
    remember(records, "trigger", name, order, f"{state} {run.id}")
    return Triggered(run.id, state, job.paused)


def _same_again(records: Records, earlier: str, job: JobRecord) -> Triggered:
    state, _, run = earlier.partition(" ")
    return Triggered(RunId.parse(run), RunState(state), job.paused)


def _new_manual(records: Records, job: JobRecord) -> RunRecord:
    # The newest run tells where to begin: of one millisecond, the greatest number is the newest.
    newest = next(iter(records.runs(job.name, limit=1, skip=0)), None)
    number = newest.id.number + 1 if newest and newest.id.fire_time == records.now else 1
    while records.run(RunId(job.name, records.now, number)):
        number += 1
    return new_run(records, job, RunId(job.name, records.now, number), Kind.MANUAL)


def pause(records: Records, name: JobName, order: Order, until: Instant | None) -> Ordered:
    job = live_job(records, name)
    if job is None:
        return Ordered.UNKNOWN
    is_known = job.paused_reason is Reason.POISONED or job.paused_until == until
    if (job.paused and is_known) or earlier_answer(records, "pause", name, order):
        return Ordered.DONE
    if until is not None and until <= records.now:
        return Ordered.ENDED
    records.put_job(
        replace(
            job,
            generation=job.generation + 1,
            paused=True,
            paused_reason=Reason.PAUSED,
            paused_by=order.who,
            paused_why=order.why,
            paused_until=until,
        )
    )
    remember(records, "pause", name, order)
    return Ordered.DONE


def resume(records: Records, name: JobName, moved: Moved, order: Order) -> Ordered:
    job = live_job(records, name)
    if job is None:
        return Ordered.UNKNOWN
    if not job.paused or earlier_answer(records, "resume", name, order):
        return Ordered.DONE
    return _move(records, "resume", job, not_paused(job), moved, order)


def not_paused(job: JobRecord) -> JobRecord:
    return replace(
        job, paused=False, paused_reason=None, paused_by="", paused_why="", paused_until=None
    )


def skip_next(records: Records, name: JobName, moved: Moved, order: Order) -> Ordered:
    job = live_job(records, name)
    if job is None:
        return Ordered.UNKNOWN
    if earlier_answer(records, "skip_next", name, order):
        return Ordered.DONE
    return _move(records, "skip_next", job, job, moved, order)


def _move(
    records: Records, verb: str, job: JobRecord, after: JobRecord, moved: Moved, order: Order
) -> Ordered:
    answer = move(records, job, after, moved)
    if answer is Ordered.DONE:
        remember(records, verb, job.name, order)
    return answer


def move(records: Records, job: JobRecord, after: JobRecord, moved: Moved) -> Ordered:
    """Move a job's ticks; `after` is the job with what else changes."""
    expected = job.expected.fire_time if job.expected else None
    if job.generation != moved.generation or expected != moved.expected:
        return Ordered.CHANGED
    settled = moved.gap.last if moved.gap else job.watermark
    if settled < job.watermark or (moved.following and moved.following.fire_time <= settled):
        return Ordered.CHANGED
    since = job.since
    if moved.gap:
        add_gap(records, job, moved.gap)
        since = moved.gap.first if since < 0 else since
    records.put_job(
        replace(
            after,
            generation=job.generation + 1,
            expected=moved.following,
            watermark=settled,
            since=since,
        )
    )
    return Ordered.DONE
