"""Runs that are not to be carried out: ended where they are, or asked for of their holder."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import ACTIVE, TERMINAL, RunId, RunRecord, RunState
from cronfleet.store import Order, Ordered
from cronfleet.stores.steps.answers import earlier_answer, remember
from cronfleet.stores.steps.overlap import end_unstarted
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.runs import make_room


def cancel(records: Records, run_id: RunId, order: Order) -> Ordered:
    run = records.run(run_id)
    if run is None:
        return Ordered.UNKNOWN
    about = str(run_id)
    earlier = earlier_answer(records, "cancel", about, order)
    if earlier:
        return Ordered(earlier)
    if run.state in TERMINAL:
        return Ordered.ENDED
    if run.cancel_asked_at is not None:
        return Ordered.ASKED
    answer = end_or_ask(records, run, order.by_whom)
    remember(records, "cancel", run_id.job, order, answer, about=about)
    return answer


def end_or_ask(records: Records, run: RunRecord, by_whom: str) -> Ordered:
    """End a run that nobody has started, which makes room; ask that of the holder of another."""
    if run.state is RunState.SHARDED:
        return _end_or_ask_shards(records, run, by_whom)
    if run.state is RunState.STARTED:
        error = f"asked to cancel{by_whom}"
        records.put_run(replace(run, cancel_asked_at=records.now, error=error))
        return Ordered.ASKED
    ended = end_unstarted(records, run, f"cancelled{by_whom}")
    if run.state in ACTIVE:
        make_room(records, ended)
    return Ordered.DONE


def _end_or_ask_shards(records: Records, tick: RunRecord, by_whom: str) -> Ordered:
    error = f"asked to cancel{by_whom}"
    records.put_run(replace(tick, cancel_asked_at=records.now, error=error))
    for shard in records.shards_of(tick):
        if shard.state not in TERMINAL and shard.cancel_asked_at is None:
            end_or_ask(records, shard, by_whom)
    now = records.run(tick.id)
    return Ordered.DONE if now and now.ended_at is not None else Ordered.ASKED
