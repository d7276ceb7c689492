"""A due tick that takes the place of those of its job that are under way."""

from __future__ import annotations

from cronfleet.model import JobRecord, Reason, RunId, RunRecord
from cronfleet.store import MOST_SEARCHED
from cronfleet.stores.steps.cancels import end_or_ask
from cronfleet.stores.steps.overlap import skip
from cronfleet.stores.steps.records import Records


def make_way(records: Records, job: JobRecord, tick: RunId) -> JobRecord:
    """End as many active ticks as there must be room for one, oldest first; and none twice.

    Answers the job as it is then; there is room only if one of them had not been started.
    """
    for run in records.ticks_waiting(job.name):
        skip(records, run, Reason.OVERLAP)
    records.put_job(job)
    ticks = _active_ticks(records, job)
    unasked = [run for run in ticks if run.cancel_asked_at is None]
    wanted = job.active - job.limit + 1 - (len(ticks) - len(unasked))
    for run in unasked[: max(0, wanted)]:
        end_or_ask(records, run, f", replaced by {tick}")
    return records.job(job.name) or job


def _active_ticks(records: Records, job: JobRecord) -> list[RunRecord]:
    """The oldest first."""
    most = MOST_SEARCHED + job.limit * (job.shards - 1)  # Shards stand beside their ticks.
    newest_first = records.runs(job.name, limit=most, skip=0)
    active = [run.id for run in newest_first if run.is_active and not run.id.number]
    # Asked for one by one: a store may have read them without a lock.
    now = [records.run(run) for run in reversed(active)]
    return [run for run in now if run and run.is_active]
