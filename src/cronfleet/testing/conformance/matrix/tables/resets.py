"""A store that was emptied or restored: what it holds is set aside, and it is adopted."""

from __future__ import annotations

from cronfleet.model import Gap, Reason, RunState
from cronfleet.store import Moved, Store
from cronfleet.testing.conformance.matrix.cells import Operation, moves, runs_in, says, taking
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.conditions import Thing
from cronfleet.testing.conformance.matrix.request import Request
from cronfleet.testing.samples import fire


async def _settle(store: Store, asked: Request) -> object:
    at, following = asked.expected, asked.following
    moved = Moved(
        generation=asked.generation,
        expected=at,
        following=None if following is None else fire(following),
        gap=None if at is None else Gap(at, at, 1, Reason.BY_HAND),
    )
    return await store.settle(asked.store_id, asked.job, moved)


async def _clear(store: Store, asked: Request) -> object:
    return await store.clear(asked.store_id, asked.job)


async def _adopt(store: Store, asked: Request) -> object:
    info = await store.adopt(asked.store_id, asked.order)
    return "adopted" if info.adopted else "as it was"


SETTLED = says("done", generation="2", expected="13:00", watermark="12:00", gaps="12:00 by_hand")

SETTLE = Operation(
    name="settle",
    scene="The tick of 12:00 may have run before the reset; 13:00 is to follow.",
    ask=_settle,
    takes=taking(Thing.STORE, Thing.SEEN, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: SETTLED,
        When.REPEATED: says("changed"),
        When.DIFFERENT: says("changed"),
        When.WRONG_STORE: says("changed"),
        When.WRONG_GENERATION: says("changed"),
        When.WRONG_EXPECTED: says("changed"),
        When.OUT_OF_ORDER: says("changed"),
        When.NO_JOB: says("unknown"),
        When.PAUSED: SETTLED.but(generation="3"),
        When.FINISHED: says("done", generation="3"),
        When.REMOVED: says("done", generation="3"),
        When.AT_LIMIT: SETTLED,
        When.NOT_DUE: SETTLED,
        When.EARLIEST: SETTLED.but(watermark="0", gaps="0 by_hand"),
        When.LATEST: SETTLED.but(expected="2^53"),
    },
)

CLEARED = says("1", active="0", tick="cancelled")

CLEAR = Operation(
    name="clear",
    scene="A run pends that may have run before the reset.",
    run=RunState.PENDING,
    ask=_clear,
    takes=taking(Thing.STORE, Thing.JOB, Thing.RUN),
    cells={
        When.MATCH: CLEARED,
        When.REPEATED: says("0"),
        When.DIFFERENT: says("0"),
        When.WRONG_STORE: says("0"),
        When.NO_JOB: says("0"),
        **moves("1", active="0", tick="cancelled"),
        When.REMOVED: says("0"),
        When.AT_LIMIT: says("2", active="0", manual_1="cancelled", tick="cancelled"),
        When.NO_RUN: CLEARED,
        When.RUN_WAITING: says("2", active="0", manual_1="cancelled", tick="cancelled"),
        When.RUN_CLAIMED: CLEARED,
        **runs_in("started ended", says("0")),
    },
)

ADOPT = Operation(
    name="adopt",
    scene="Somebody adopts the store.",
    ask=_adopt,
    takes=taking(Thing.STORE),
    cells={
        When.MATCH: says("adopted", audit="adopt"),
        When.REPEATED: says("adopted"),
        When.DIFFERENT: says("adopted"),
        When.WRONG_STORE: says("as it was"),
    },
)

RESETS = (SETTLE, CLEAR, ADOPT)
