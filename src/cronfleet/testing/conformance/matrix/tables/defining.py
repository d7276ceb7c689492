"""Jobs at run time: added, changed and removed by order, and noted when nobody declares them."""

from __future__ import annotations

from cronfleet.model import Gap, Reason, RunState
from cronfleet.store import Declaration, Moved, Store
from cronfleet.testing.conformance.matrix.cells import Apart, Operation, runs_in, says, taking
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.conditions import Thing
from cronfleet.testing.conformance.matrix.request import Request
from cronfleet.testing.samples import TWO_PM, report

NO_EXPECTED = Apart("it shows no expected fire time")
NOTHING_FOLLOWS = Apart("nothing is to follow")
UNKNOWN = says("unknown")


def _definition(asked: Request, first: int | None) -> Declaration:
    edition = 3 if asked.is_different else 2
    return report(asked.job, edition=edition, schedule="daily", first=first)


async def _add(store: Store, asked: Request) -> object:
    return await store.define(asked.program, _definition(asked, TWO_PM), None, asked.order)


async def _update(store: Store, asked: Request) -> object:
    definition = _definition(asked, asked.following)
    return await store.define(asked.program, definition, asked.generation, asked.order)


async def _remove(store: Store, asked: Request) -> object:
    at = asked.expected
    gap = None if at is None else Gap(at, at, 1, Reason.REMOVED)
    return await store.remove(asked.job, Moved(asked.generation, at, None, gap), asked.order)


async def _undeclared(store: Store, asked: Request) -> object:
    for session in (asked.session, asked.ben):
        await store.leave(session)
    noted = await store.undeclared([asked.job])
    return "noted" if noted else "nothing"


ADDED = says(
    "new",
    state="scheduled",
    expected="14:00",
    generation="3",
    edition="2",
    audit="add, remove",
)

ADD = Operation(
    name="define, to add a job",
    scene="Somebody adds the job, which was removed, in a second edition with another schedule.",
    job=When.REMOVED,
    ask=_add,
    takes=taking(Thing.KEY, Thing.PROGRAM, Thing.JOB),
    cells={
        When.MATCH: ADDED,
        When.REPEATED: says("kept"),
        When.DIFFERENT: says("changed"),
        When.SAME_KEY: says("kept"),
        When.OLD_KEY: says("kept"),
        When.FOREIGN_PROGRAM: says("foreign"),
        When.NO_JOB: says("new", nobody="expects 14:00", audit="add, remove"),
        When.SCHEDULED: says("changed"),
        When.PAUSED: ADDED.but(generation="4", audit="add, remove, pause"),
        When.FINISHED: ADDED.but(generation="4", audit="add, remove, skip_next"),
        When.AT_LIMIT: ADDED.but(audit="add, remove, trigger"),
    },
)

UPDATED = says("changed", expected="14:00", generation="2", edition="2", audit="update")

UPDATE = Operation(
    name="define, to change a job",
    scene="Somebody gives the job a second edition with another schedule; Anna holds its tick of "
    "12:00.",
    run=RunState.CLAIMED,
    ask=_update,
    takes=taking(Thing.KEY, Thing.SEEN, Thing.PROGRAM, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: UPDATED,
        When.REPEATED: says("kept"),
        When.DIFFERENT: says("changed"),
        When.SAME_KEY: says("kept"),
        When.OLD_KEY: says("kept"),
        When.WRONG_GENERATION: says("changed"),
        When.WRONG_EXPECTED: NO_EXPECTED,
        When.OUT_OF_ORDER: says("behind"),
        When.FOREIGN_PROGRAM: says("foreign"),
        When.NO_JOB: UNKNOWN,
        When.PAUSED: UPDATED.but(generation="3", audit="update, pause"),
        When.FINISHED: says("changed", generation="3", edition="2", audit="update, skip_next"),
        When.REMOVED: UNKNOWN,
        When.AT_LIMIT: UPDATED.but(audit="update, trigger"),
        When.NOT_DUE: UPDATED,
        When.EARLIEST: UPDATED,
        When.LATEST: UPDATED.but(expected="2^53"),
    },
)

REMOVED = says(
    "done",
    state="removed",
    expected="never",
    watermark="13:00",
    generation="2",
    gaps="13:00 removed",
    audit="remove",
)

REMOVE = Operation(
    name="remove",
    scene="Somebody removes the job, and settles its tick of 13:00; Anna holds that of 12:00.",
    run=RunState.CLAIMED,
    ask=_remove,
    takes=taking(Thing.KEY, Thing.SEEN, Thing.JOB, Thing.RUN, Thing.INSTANT),
    cells={
        When.MATCH: REMOVED,
        When.REPEATED: says("done"),
        When.DIFFERENT: says("done"),
        When.SAME_KEY: says("done"),
        When.OLD_KEY: says("done"),
        When.WRONG_GENERATION: says("changed"),
        When.WRONG_EXPECTED: says("changed"),
        When.OUT_OF_ORDER: NOTHING_FOLLOWS,
        When.NO_JOB: UNKNOWN,
        When.SCHEDULED: REMOVED,
        When.PAUSED: REMOVED.but(generation="3", audit="remove, pause"),
        When.FINISHED: says("done", state="removed", generation="3", audit="remove, skip_next"),
        When.REMOVED: says("done"),
        When.AT_LIMIT: REMOVED.but(manual_1="skipped (removed)", audit="remove, trigger"),
        When.NO_RUN: Apart("it names no run"),
        When.RUN_WAITING: REMOVED.but(manual_1="skipped (removed)", audit="remove, trigger"),
        When.RUN_PENDING: REMOVED.but(tick="cancelled", active="0"),
        **runs_in("started ended", REMOVED),
        When.ASKED_TO_CANCEL: REMOVED.but(audit="remove, cancel"),
        When.NOT_DUE: REMOVED,
        When.EARLIEST: REMOVED,
        When.LATEST: NOTHING_FOLLOWS,
    },
)

NOTED = says("noted", anna="gone", ben="gone", undeclared="since 12:00:01")
NOT_NOTED = says("nothing", anna="gone", ben="gone")

UNDECLARED = Operation(
    name="undeclared",
    scene="Anna and Ben leave, who alone have declared the job; then it is looked at.",
    ask=_undeclared,
    takes=taking(Thing.JOB),
    cells={
        When.MATCH: NOTED,
        When.REPEATED: says("noted"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.NO_JOB: NOT_NOTED,
        When.PAUSED: NOTED,
        When.FINISHED: NOTED,
        When.REMOVED: NOT_NOTED,
        When.AT_LIMIT: NOTED,
    },
)

DEFINING = (ADD, UPDATE, REMOVE, UNDECLARED)
