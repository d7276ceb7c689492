"""Runs made by hand of fire times that have passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from cronfleet.model import (
    TERMINAL,
    Backfill,
    Instant,
    JobName,
    JobRecord,
    Kind,
    RunId,
    RunState,
)
from cronfleet.store import (
    MOST_BACKFILLS,
    MOST_PENDING,
    MOST_WAITING,
    Backfilled,
    Order,
    Ordered,
)
from cronfleet.stores.steps.answers import earlier_answer, remember
from cronfleet.stores.steps.orders import live_job
from cronfleet.stores.steps.overlap import is_full, new_run
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.shards import put_pending


def backfill(
    records: Records, name: JobName, fire_times: Sequence[Instant], order: Order, *, again: bool
) -> Backfilled | Ordered:
    job = live_job(records, name)
    if job is None:
        return Ordered.UNKNOWN
    earlier = earlier_answer(records, "backfill", name, order)
    if earlier:
        made, had_run = map(int, earlier.split())
        return Backfilled(made, had_run, job.paused)
    wanted = [each for each in fire_times if again or not _has_run(records, name, each)]
    if not _has_place(records, job, len(wanted)):
        return Ordered.FULL
    _make(records, job, wanted)
    records.put_backfill(name, Backfill(min(fire_times), max(fire_times), records.now))
    records.drop_backfills_beyond(name, MOST_BACKFILLS)
    had_run = len(fire_times) - len(wanted)
    remember(records, "backfill", name, order, f"{len(wanted)} {had_run}")
    return Backfilled(len(wanted), had_run, job.paused)


def _has_run(records: Records, job: JobName, fire_time: Instant) -> bool:
    """Whether a run of it has been started, or may yet be: its tick's or an earlier back-fill's."""
    for number in count():
        run = records.run(RunId(job, fire_time, number))
        if run is None and number:
            return False
        is_of_it = run is not None and run.kind is not Kind.MANUAL
        if run and is_of_it and (run.started_at is not None or run.state not in TERMINAL):
            return True
    raise AssertionError  # It counts for ever.


def _has_place(records: Records, job: JobRecord, wanted: int) -> bool:
    if not job.limit:
        return job.active + wanted <= MOST_PENDING
    waits = wanted - max(0, job.limit - job.active)
    return waits <= 0 or records.count_waiting(job.name) + waits <= MOST_WAITING


def _make(records: Records, job: JobRecord, fire_times: Sequence[Instant]) -> None:
    for fire_time in fire_times:
        number = 1
        while records.run(RunId(job.name, fire_time, number)):
            number += 1
        run = new_run(records, job, RunId(job.name, fire_time, number), Kind.BACKFILL)
        if is_full(job):
            records.put_run(replace(run, state=RunState.WAITING))
        else:
            put_pending(records, run)
            job = replace(job, active=job.active + 1)
    records.put_job(job)
