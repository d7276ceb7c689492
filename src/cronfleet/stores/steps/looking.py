"""What is due, and what history may go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from cronfleet.model import History, Instant, JobName, JobRecord, ProgramName
from cronfleet.store import MOST_RESUMING, MOST_SOON, SOON_MS, DueTick, PendingRun, Seen
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.runs import job_of


def peek(records: Records, program: ProgramName, limit: int, skip: int) -> Seen:
    now = records.now
    pending = [
        PendingRun(run.id, job_of(records, run).digest, run.not_before)
        for run in records.runs_pending(program, now, limit, skip)
    ]
    return Seen(
        now=now,
        due=_ticks(records.jobs_due(program, -1, now, limit, skip)),
        soon=_ticks(records.jobs_due(program, now, now + SOON_MS, min(limit, MOST_SOON), 0)),
        pending=pending,
        next_due=records.next_due(program, now),
        resuming=records.jobs_resuming(program, now, MOST_RESUMING),
    )


def _ticks(jobs: Sequence[JobRecord]) -> list[DueTick]:
    return [
        DueTick(job.name, job.generation, job.digest, job.expected, job.active)
        for job in jobs
        if job.expected
    ]


class Beyond(TypedDict):
    """Of which job runs are looked for that are beyond its history, and which."""

    job: JobName
    succeeded: bool
    keep: int
    before: Instant
    limit: int


def beyond(kept: Mapping[JobName, History], now: Instant, limit: int) -> Iterator[Beyond]:
    """All that a prune may ask, known before anything is answered."""
    for job, history in kept.items():
        for succeeded, keep in ((True, history.successes), (False, history.failures)):
            yield Beyond(
                job=job,
                succeeded=succeeded,
                keep=keep,
                before=now - history.age_ms,
                limit=limit,
            )


def prune(records: Records, kept: Mapping[JobName, History], limit: int) -> int:
    pruned = 0
    for asked in beyond(kept, records.now, limit):
        if pruned == limit:
            break
        for run, shards in records.runs_beyond(**asked)[: limit - pruned]:
            # One whose fire time is yet to come alone proves that its tick has run.
            if run.fire_time <= records.now:
                for each in (run, *run.of_shards(shards)):
                    records.drop_run(each)
                pruned += 1
    return pruned
