"""Jobs with two shards: what is answered of the tick as one, and of each shard by itself."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import Outcome, RunState
from cronfleet.testing.conformance.matrix.cells import Apart, runs_in, says, taking
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.conditions import Thing
from cronfleet.testing.conformance.matrix.tables.claims import CLAIM_TICK
from cronfleet.testing.conformance.matrix.tables.orders import CANCEL, TRIGGER
from cronfleet.testing.conformance.matrix.tables.runs import BY_TOKEN, complete

NEW = {"tick": "sharded, 0 of 2 ended", "tick/1": "pending"}
GRANTED = says(
    "granted",
    **NEW,
    **{"tick/0": "claimed by anna"},
    expected="13:00",
    watermark="12:00",
    active="1",
)

CLAIM_SHARDS = replace(
    CLAIM_TICK,
    name="claim of a tick with shards",
    scene="Anna claims the tick of 12:00 of a job with two shards: the first is hers.",
    shards=2,
    cells={
        **CLAIM_TICK.cells,
        When.MATCH: GRANTED,
        When.FOREIGN: GRANTED.but(**{"tick/0": "claimed by ben"}),
        When.EARLIEST: GRANTED.but(watermark="0"),
        When.LATEST: GRANTED.but(expected="2^53"),
    },
)

MADE = {"manual_1": "sharded, 0 of 2 ended", "manual_1/0": "pending", "manual_1/1": "pending"}

TRIGGER_SHARDS = replace(
    TRIGGER,
    name="trigger of a job with shards",
    scene="Somebody triggers a job with two shards, of which no run is active.",
    shards=2,
    cells={
        **TRIGGER.cells,
        When.MATCH: says("sharded", **MADE, active="1", audit="trigger"),
        When.REPEATED: says("sharded"),
        When.SAME_KEY: says("sharded"),
        When.PAUSED: says("sharded, paused", **MADE, active="1", audit="trigger, pause"),
        When.FINISHED: says("sharded", **MADE, active="1", audit="trigger, skip_next"),
    },
)

COMPLETED = says("done", **{"tick/0": "succeeded"}, tick="sharded, 1 of 2 ended")
LATE = says("late", **{"tick/0": "lost, late succeeded"})
_COMPLETE = complete(Outcome.SUCCEEDED)

COMPLETE_SHARD = replace(
    _COMPLETE,
    name="complete of one of two shards",
    scene="Anna tells how the shard that she has started ended; nobody has claimed the other.",
    shards=2,
    cells={
        **_COMPLETE.cells,
        When.MATCH: COMPLETED,
        When.FOREIGN: BY_TOKEN,
        **dict.fromkeys(
            (When.EXPIRED, When.CLOSED, When.PAUSED, When.FINISHED, When.SCHEDULED), COMPLETED
        ),
        When.AT_LIMIT: COMPLETED,
        When.RUN_LOST: LATE,
        When.REMOVED: COMPLETED.but(tick="cancelled, 2 of 2 ended", active="0"),
        When.ASKED_TO_CANCEL: COMPLETED,
        When.EARLIEST: COMPLETED,
    },
)

CANCELLED = says(
    "done",
    tick="cancelled, 2 of 2 ended",
    **{"tick/0": "cancelled", "tick/1": "cancelled"},
    active="0",
    audit="cancel",
)
OF_ITS_SHARDS = Apart("it is said of each of its shards")

CANCEL_SHARDS = replace(
    CANCEL,
    name="cancel of a tick with shards",
    scene="Somebody cancels a tick of two shards, of which Anna has claimed one.",
    run=RunState.SHARDED,
    shards=2,
    takes=taking(Thing.KEY, Thing.JOB, Thing.RUN),
    cells={
        **CANCEL.cells,
        When.MATCH: CANCELLED,
        When.SCHEDULED: CANCELLED,
        When.PAUSED: CANCELLED.but(audit="cancel, pause"),
        When.FINISHED: CANCELLED.but(audit="cancel, skip_next"),
        When.REMOVED: says(
            "done",
            tick="cancelled, 2 of 2 ended",
            **{"tick/0": "cancelled"},
            active="0",
            audit="cancel, remove",
        ),
        When.AT_LIMIT: says(
            "done",
            tick="cancelled, 2 of 2 ended",
            **{"tick/0": "cancelled", "tick/1": "cancelled"},
            manual_1="sharded, 0 of 2 ended",
            **{"manual_1/0": "pending, from 12:00:01", "manual_1/1": "pending, from 12:00:01"},
            audit="cancel, trigger",
        ),
        **runs_in("waiting pending claimed started ended", OF_ITS_SHARDS),
        When.ASKED_TO_CANCEL: OF_ITS_SHARDS,
    },
)

SHARDS = (CLAIM_SHARDS, TRIGGER_SHARDS, COMPLETE_SHARD, CANCEL_SHARDS)
