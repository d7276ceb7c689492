"""What is recorded of ticks that no run was made of."""

from __future__ import annotations

from cronfleet.model import MAX_COUNTED, Gap, GapRecord, Instant, JobRecord, Reason
from cronfleet.store import MOST_GAPS
from cronfleet.stores.steps.records import Records


def add_gap(records: Records, job: JobRecord, gap: Gap) -> None:
    """Record a gap that follows the job's watermark, as one with a last one that it adjoins."""
    last = next(iter(records.gaps(job.name, limit=1, skip=0)), None)
    if last and _adjoins(last, job, gap):
        count = min(last.gap.count + gap.count, MAX_COUNTED + 1)
        gap = Gap(last.gap.first, gap.last, count, gap.reason)
    records.put_gap(GapRecord(job.name, gap, job.generation, records.now))
    records.drop_gaps_beyond(job.name, MOST_GAPS)


def _adjoins(last: GapRecord, job: JobRecord, gap: Gap) -> bool:
    return (
        last.gap.last == job.watermark
        and last.gap.reason is gap.reason
        and last.generation == job.generation
    )


def add_tick_gap(records: Records, job: JobRecord, fire_time: Instant, reason: Reason) -> None:
    """The same for one tick."""
    add_gap(records, job, Gap(fire_time, fire_time, 1, reason))
