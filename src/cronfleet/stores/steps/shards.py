"""A tick of a job with shards: one record with counts, and the runs that do its work."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import Outcome, RunRecord, RunState, Tally
from cronfleet.stores.steps.records import Records


def put_pending(records: Records, run: RunRecord) -> RunState:
    """Store a run as pending; of a job with shards, these. Answers the run's state then."""
    if run.shards > 1:
        split(records, run)
        return RunState.SHARDED
    records.put_run(replace(run, state=RunState.PENDING))
    return RunState.PENDING


def split(records: Records, run: RunRecord) -> RunRecord:
    """Store a run of a job with shards, and these as pending; answers the first of them.

    They stand beside it in all that is ordered by when a run was made.
    """
    records.put_run(replace(run, state=RunState.SHARDED, tally=Tally()))
    shards = [
        replace(run, id=shard, state=RunState.PENDING) for shard in run.id.of_shards(run.shards)
    ]
    for shard in shards:
        records.put_run(shard)
    return shards[0]


def ends_active(records: Records, ended: RunRecord) -> bool:
    """Whether one run less of its job is active, now that this one has ended.

    A shard is counted, and only with the last of them their tick ends. What is known then of when
    a tick started is when the first of its shards did that have ended.
    """
    if not ended.id.is_shard:
        return True
    tick = records.run(ended.id.whole)
    if tick is None or tick.tally is None:
        raise LookupError(f"run {ended.id} has no tick: the store is damaged")
    starts = [each for each in (tick.started_at, ended.started_at) if each is not None]
    counted = with_tally(tick, tick.tally.and_one(Outcome(ended.state)), records.now)
    records.put_run(replace(counted, started_at=min(starts, default=None)))
    return counted.ended_at is not None


def with_tally(tick: RunRecord, tally: Tally, now: int) -> RunRecord:
    """The tick as it is when so many of its shards have ended."""
    if tally.ended < tick.shards:
        return replace(tick, state=RunState.SHARDED, tally=tally, outcome=None, ended_at=None)
    return replace(
        tick,
        state=RunState(tally.worst),
        tally=tally,
        outcome=tally.worst,
        ended_at=tick.ended_at or now,
    )
