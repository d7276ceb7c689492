"""A due tick whose job is at its limit: it is skipped, or its run waits; and who goes on first."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import JobRecord, Kind, Outcome, Reason, RunId, RunRecord, RunState
from cronfleet.store import (
    MOST_MADE,
    MOST_WAITING,
    ClaimAnswer,
    IfActive,
    Skipped,
    TickClaim,
    Waiting,
)
from cronfleet.stores.steps.gaps import add_tick_gap
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.shards import put_pending

REMOVED = "not run: its job was removed"

IN_NO_HAND = frozenset({RunState.WAITING, RunState.PENDING})
"""Runs that end with their job when that is removed."""

_IN_THE_PLACE_OF_OTHERS = frozenset({IfActive.WAIT, IfActive.REPLACE})


def is_full(job: JobRecord) -> bool:
    """Whether it is at its limit."""
    return bool(job.limit) and job.active >= job.limit


def hold_back(records: Records, job: JobRecord, item: TickClaim, fire_time: int) -> ClaimAnswer:
    """What becomes of a due tick for which there is no room; `job` is as it was before it."""
    if item.if_active in _IN_THE_PLACE_OF_OTHERS:
        for run in records.ticks_waiting(job.name):
            skip(records, run, Reason.OVERLAP)
    if item.if_active is IfActive.SKIP or records.count_waiting(job.name) >= MOST_WAITING:
        add_tick_gap(records, job, fire_time, Reason.OVERLAP)
        return Skipped(Reason.OVERLAP)
    run = new_run(records, job, RunId(job.name, fire_time), Kind.TICK)
    records.put_run(replace(run, state=RunState.WAITING, wanted_until=item.wanted_until))
    return Waiting()


def new_run(records: Records, job: JobRecord, run: RunId, kind: Kind) -> RunRecord:
    """A run that is pending from now on; not stored yet."""
    return RunRecord(
        id=run,
        kind=kind,
        state=RunState.PENDING,
        attempt=1,
        token=0,
        on_lost=job.on_lost,
        losses=0,
        created_at=records.now,
        not_before=records.now,
        shards=job.shards,
    )


def promote(records: Records, job: JobRecord) -> None:
    """Store the job, and give the room that it has to its waiting runs, oldest first.

    A tombstone gives none: what waits there is ended with it. Of very much room some is left, which
    the end of any of these runs gives.
    """
    made = 0
    while not (job.removed or is_full(job) or made >= MOST_MADE):
        run = records.oldest_waiting(job.name)
        if run is None:
            break
        if run.wanted_until is not None and run.wanted_until < records.now:
            skip(records, run, Reason.MISFIRE)
            continue
        put_pending(records, replace(run, not_before=records.now, wanted_until=None))
        job = replace(job, active=job.active + 1)
        made += run.shards
    records.put_job(job)


def skip(records: Records, run: RunRecord, reason: Reason) -> None:
    """End a waiting run that nobody will carry out."""
    records.put_run(skipped(run, reason, records.now))


def skipped(run: RunRecord, reason: Reason, now: int) -> RunRecord:
    return replace(run, state=RunState.SKIPPED, reason=reason, ended_at=now, wanted_until=None)


def end_unstarted(records: Records, run: RunRecord, text: str) -> RunRecord:
    """WAITING, PENDING or CLAIMED to CANCELLED; what that does to its job is for the caller."""
    ended = cancelled(run, text, records.now)
    records.put_run(ended)
    return ended


def cancelled(run: RunRecord, text: str, now: int) -> RunRecord:
    return replace(
        run,
        state=RunState.CANCELLED,
        outcome=Outcome.CANCELLED,
        ended_at=now,
        session=None,
        wanted_until=None,
        error=text,
    )
