"""Reads what is on record about a tick. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cronfleet.model import (
    AuditRecord,
    GapRecord,
    Instant,
    JobName,
    JobRecord,
    Reason,
    RunId,
    RunRecord,
)
from cronfleet.planning import plan_of
from cronfleet.store import MOST_AUDIT, MOST_GAPS, Store
from cronfleet.why.asking import Asked, asked_of
from cronfleet.why.facts import Facts

_PAGE = 200
_MOST_RUNS = 2_000
"""So many runs of the job are looked through; its history is seldom longer."""

_OTHER_JOBS = 50
_OTHER_RUNS = 100


async def gather(store: Store, job: JobRecord, at: datetime) -> Facts:
    """Everything about the tick that is meant by that time. Raises StoreError."""
    plan = await plan_of(store, job)
    asked = asked_of(plan.schedule, at)
    gaps = await store.gaps(job.name, limit=MOST_GAPS)
    run, gap, fire_time = await _tick(store, job.name, asked, gaps)
    now = (await store.peek(job.program, limit=1)).now
    instances = await store.instances()
    runs, all_runs = await _runs(store, job.name)
    asks_for_others = run is None and (gap is None or gap.gap.reason is Reason.MISFIRE)
    return Facts(
        job=job,
        plan=plan,
        now=now,
        asked=asked,
        fire_time=fire_time,
        run=run,
        gap=gap,
        runs=[each for each in runs if not each.id.is_shard],
        all_runs=all_runs,
        gaps=gaps,
        orders=await _orders(store, job.name),
        instances=[each for each in instances if each.expires_at > now],
        silent=[each for each in instances if each.expires_at <= now],
        others=await _others(store, job.name) if asks_for_others else (),
    )


async def _tick(
    store: Store, job: JobName, asked: Asked, gaps: Sequence[GapRecord]
) -> tuple[RunRecord | None, GapRecord | None, Instant | None]:
    """The tick's run or its gap, if there is one, and its fire time.

    A time that is none by the schedule in force may have been one by an earlier: then it is on
    record as itself, or as the end of a gap.
    """
    fire_time = asked.instant if asked.fire_time is None else asked.fire_time
    run = await store.run(RunId(job, fire_time))
    gap = next((each for each in gaps if _holds(each, fire_time, asked)), None)
    is_one = asked.fire_time is not None or run or gap
    return run, gap, fire_time if is_one else None


def _holds(record: GapRecord, fire_time: Instant, asked: Asked) -> bool:
    gap = record.gap
    if asked.fire_time is None:
        return fire_time in (gap.first, gap.last)
    return gap.first <= fire_time <= gap.last


async def _runs(store: Store, job: JobName) -> tuple[Sequence[RunRecord], bool]:
    found: list[RunRecord] = []
    while len(found) < _MOST_RUNS:
        page = await store.runs(job, _PAGE, len(found))
        found += page
        if len(page) < _PAGE:
            return found, True
    return found, False


async def _orders(store: Store, job: JobName) -> Sequence[AuditRecord]:
    audit = await store.audit(MOST_AUDIT)
    return [each for each in reversed(audit) if each.job in (job, "")]


async def _others(store: Store, job: JobName) -> Sequence[RunRecord]:
    found: list[RunRecord] = []
    for other in await store.jobs(limit=_OTHER_JOBS):
        if other.name != job:
            found += await store.runs(other.name, _OTHER_RUNS)
    return found
