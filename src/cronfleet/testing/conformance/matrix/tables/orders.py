"""What operators order: trigger, pause, resume, skip the next, back-fill, cancel."""

from __future__ import annotations

from cronfleet.model import Gap, Reason, RunState
from cronfleet.store import Moved, Store
from cronfleet.testing.conformance.matrix.cells import Apart, Operation, runs_in, says, taking
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.conditions import Thing
from cronfleet.testing.conformance.matrix.request import Request
from cronfleet.testing.samples import fire, order

NOTHING = says("done")


async def _trigger(store: Store, asked: Request) -> object:
    return await store.trigger(asked.job, asked.order)


async def _pause(store: Store, asked: Request) -> object:
    return await store.pause(asked.job, asked.order)


async def _resume(store: Store, asked: Request) -> object:
    return await store.resume(asked.job, _moved(asked, Reason.PAUSED), asked.order)


async def _skip_next(store: Store, asked: Request) -> object:
    return await store.skip_next(asked.job, _moved(asked, Reason.BY_HAND), asked.order)


async def _backfill(store: Store, asked: Request) -> object:
    return await store.backfill(asked.job, [asked.fire_time], asked.order, again=False)


async def _cancel(store: Store, asked: Request) -> object:
    return await store.cancel(asked.claim.run, asked.order)


async def _pause_again(store: Store, asked: Request) -> object:
    return await store.pause(asked.job, order())


async def _resume_again(store: Store, asked: Request) -> object:
    return await store.resume(asked.job, _moved(asked, Reason.PAUSED), order())


def _moved(asked: Request, reason: Reason) -> Moved:
    """From the tick that is expected to the one that follows; nowhere, if there is none."""
    at = asked.expected
    return Moved(
        generation=asked.generation,
        expected=at,
        following=None if asked.following is None else fire(asked.following),
        gap=None if at is None else Gap(at, at, 1, reason),
    )


TRIGGER = Operation(
    name="trigger",
    scene="Somebody triggers the job, of which no run is active.",
    ask=_trigger,
    takes=taking(Thing.KEY, Thing.JOB),
    cells={
        When.MATCH: says("pending", manual_1="pending", active="1", audit="trigger"),
        When.REPEATED: says("pending"),
        When.DIFFERENT: says("waiting", manual_2="waiting", audit="trigger, trigger"),
        When.SAME_KEY: says("pending"),
        When.OLD_KEY: says("waiting", manual_2="waiting", audit="trigger, trigger"),
        When.NO_JOB: says("unknown"),
        When.PAUSED: says(
            "pending, paused", manual_1="pending", active="1", audit="trigger, pause"
        ),
        When.FINISHED: says("pending", manual_1="pending", active="1", audit="trigger, skip_next"),
        When.REMOVED: says("unknown"),
        When.AT_LIMIT: says("waiting", manual_2="waiting", audit="trigger, trigger"),
    },
)

PAUSE = Operation(
    name="pause",
    scene="Somebody pauses the job. For an older key: it was resumed since.",
    ask=_pause,
    undo=_resume_again,
    takes=taking(Thing.KEY, Thing.JOB),
    cells={
        When.MATCH: says("done", state="paused", generation="2", audit="pause"),
        When.REPEATED: NOTHING,
        When.DIFFERENT: NOTHING,
        When.SAME_KEY: NOTHING,
        When.OLD_KEY: says("done", state="paused", generation="4", audit="pause, resume, pause"),
        When.NO_JOB: says("unknown"),
        When.PAUSED: NOTHING,
        When.FINISHED: says("done", state="paused", generation="3", audit="pause, skip_next"),
        When.REMOVED: says("unknown"),
        When.AT_LIMIT: says("done", state="paused", generation="2", audit="pause, trigger"),
    },
)

RESUMED = says(
    "done",
    state="scheduled",
    generation="3",
    expected="13:00",
    watermark="12:00",
    gaps="12:00 paused",
    audit="resume, pause",
)

RESUME = Operation(
    name="resume",
    scene="Somebody resumes the paused job: the tick of 12:00 is missed, and 13:00 is to follow."
    " For an older key: it was paused since.",
    job=When.PAUSED,
    ask=_resume,
    undo=_pause_again,
    takes=taking(Thing.KEY, Thing.SEEN, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: RESUMED,
        When.REPEATED: NOTHING,
        When.DIFFERENT: NOTHING,
        When.SAME_KEY: NOTHING,
        When.OLD_KEY: says(
            "done",
            state="scheduled",
            generation="5",
            expected="14:00",
            watermark="13:00",
            gaps="13:00 paused, 12:00 paused",
            audit="resume, pause, resume, pause",
        ),
        When.WRONG_GENERATION: says("changed"),
        When.WRONG_EXPECTED: says("changed"),
        When.OUT_OF_ORDER: says("changed"),
        When.NO_JOB: says("unknown"),
        When.SCHEDULED: NOTHING,
        When.FINISHED: says(
            "done", state="finished", generation="4", audit="resume, pause, skip_next"
        ),
        When.REMOVED: says("unknown"),
        When.AT_LIMIT: RESUMED.but(audit="resume, trigger, pause"),
        When.NOT_DUE: RESUMED,
        When.EARLIEST: RESUMED.but(watermark="0", gaps="0 paused"),
        When.LATEST: RESUMED.but(expected="2^53"),
    },
)

SKIPPED = says(
    "done",
    generation="2",
    expected="13:00",
    watermark="12:00",
    gaps="12:00 by_hand",
    audit="skip_next",
)

SKIP_NEXT = Operation(
    name="skip_next",
    scene="Somebody skips the tick of 12:00; 13:00 is to follow.",
    ask=_skip_next,
    takes=taking(Thing.KEY, Thing.SEEN, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: SKIPPED,
        When.REPEATED: NOTHING,
        When.DIFFERENT: says("changed"),
        When.SAME_KEY: NOTHING,
        When.OLD_KEY: says(
            "done",
            generation="3",
            expected="14:00",
            watermark="13:00",
            gaps="13:00 by_hand, 12:00 by_hand",
            audit="skip_next, skip_next",
        ),
        When.WRONG_GENERATION: says("changed"),
        When.WRONG_EXPECTED: says("changed"),
        When.OUT_OF_ORDER: says("changed"),
        When.NO_JOB: says("unknown"),
        When.PAUSED: SKIPPED.but(generation="3", audit="skip_next, pause"),
        When.FINISHED: says("done", generation="3", audit="skip_next, skip_next"),
        When.REMOVED: says("unknown"),
        When.AT_LIMIT: SKIPPED.but(audit="skip_next, trigger"),
        When.NOT_DUE: SKIPPED,
        When.EARLIEST: SKIPPED.but(watermark="0", gaps="0 by_hand"),
        When.LATEST: SKIPPED.but(expected="2^53"),
    },
)

CANCELLED = says("done", tick="cancelled", active="0", audit="cancel")

CANCEL = Operation(
    name="cancel",
    scene="Somebody cancels the run that Anna has claimed.",
    run=RunState.CLAIMED,
    ask=_cancel,
    takes=taking(Thing.KEY, Thing.JOB, Thing.RUN),
    cells={
        When.MATCH: CANCELLED,
        When.REPEATED: NOTHING,
        When.DIFFERENT: says("ended"),
        When.SAME_KEY: NOTHING,
        When.OLD_KEY: says("ended"),
        When.NO_JOB: Apart("a run has a job"),
        When.SCHEDULED: CANCELLED,
        When.PAUSED: CANCELLED.but(audit="cancel, pause"),
        When.FINISHED: CANCELLED.but(audit="cancel, skip_next"),
        When.REMOVED: CANCELLED.but(audit="cancel, remove"),
        When.AT_LIMIT: says(
            "done",
            tick="cancelled",
            manual_1="pending, from 12:00:01",
            audit="cancel, trigger",
        ),
        When.NO_RUN: says("unknown"),
        When.RUN_WAITING: says("done", manual_1="cancelled", audit="cancel, trigger"),
        When.RUN_PENDING: CANCELLED,
        When.RUN_STARTED: says("asked", tick="started by anna, asked to cancel", audit="cancel"),
        When.ASKED_TO_CANCEL: says("asked"),
        **runs_in("ended", says("ended")),
    },
)

MADE = says("1 made, 0 had run", manual_1="pending", active="1", filled="12:00", audit="backfill")
HAD_RUN = says("0 made, 1 had run", filled="12:00", audit="backfill")

BACKFILL = Operation(
    name="backfill",
    scene="Somebody back-fills the fire time 12:00, of which no run has been made.",
    ask=_backfill,
    takes=taking(Thing.KEY, Thing.JOB, Thing.RUN, Thing.INSTANT),
    cells={
        When.MATCH: MADE,
        When.REPEATED: says("1 made, 0 had run"),
        When.DIFFERENT: HAD_RUN.but(filled="12:00, 12:00", audit="backfill, backfill"),
        When.SAME_KEY: says("1 made, 0 had run"),
        When.OLD_KEY: HAD_RUN.but(filled="12:00, 12:00", audit="backfill, backfill"),
        When.NO_JOB: says("unknown"),
        When.SCHEDULED: MADE,
        When.PAUSED: says(
            "1 made, 0 had run, paused",
            manual_1="pending",
            active="1",
            filled="12:00",
            audit="backfill, pause",
        ),
        When.FINISHED: MADE.but(audit="backfill, skip_next"),
        When.REMOVED: says("unknown"),
        When.AT_LIMIT: says(
            "1 made, 0 had run", manual_2="waiting", filled="12:00", audit="backfill, trigger"
        ),
        When.NO_RUN: Apart("it names no run"),
        When.RUN_WAITING: HAD_RUN.but(audit="backfill, trigger"),
        **runs_in("pending claimed ended", HAD_RUN),
        When.RUN_STARTED: HAD_RUN,
        When.ASKED_TO_CANCEL: HAD_RUN.but(audit="backfill, cancel"),
        When.NOT_DUE: Apart("that none may yet be due is for the caller"),
        When.EARLIEST: MADE.but(filled="0"),
        When.LATEST: Apart("that none may yet be due is for the caller"),
    },
)

ORDERS = (TRIGGER, PAUSE, RESUME, SKIP_NEXT, BACKFILL, CANCEL)
