"""Claims: of a tick, of a row of missed ticks, of a pending run."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import Gap, Reason, RunState
from cronfleet.store import IfActive, PendingClaim, Store, TickClaim
from cronfleet.testing.conformance.matrix.cells import (
    Apart,
    Ask,
    Operation,
    moves,
    runs_in,
    says,
    taking,
)
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.conditions import Thing
from cronfleet.testing.conformance.matrix.request import Request
from cronfleet.testing.samples import fire

ONE_CALL = Apart("it carries nothing that could differ")
LOST = says("lost")


def _item(asked: Request, *, runs: bool) -> TickClaim:
    at = asked.fire_time if asked.expected is None else asked.expected
    return TickClaim(
        job=asked.job,
        generation=asked.generation,
        expected=at,
        fire_time=at if runs else None,
        following=None if asked.following is None else fire(asked.following),
        gap=None if runs else Gap(at, at, 1, Reason.MISFIRE),
    )


async def _claim_tick(store: Store, asked: Request) -> object:
    (answer,) = await store.claim(asked.session, [_item(asked, runs=True)])
    return answer


async def _claim_gap(store: Store, asked: Request) -> object:
    (answer,) = await store.claim(asked.session, [_item(asked, runs=False)])
    return answer


async def _claim_run(store: Store, asked: Request) -> object:
    (answer,) = await store.claim(asked.session, [PendingClaim(asked.claim.run)])
    return answer


GRANTED = says("granted", tick="claimed by anna", expected="13:00", watermark="12:00", active="1")

CLAIM_TICK = Operation(
    name="claim of a tick",
    scene="Anna claims the tick of 12:00, which is due; 13:00 is to follow.",
    ask=_claim_tick,
    takes=taking(Thing.SESSION, Thing.SEEN, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: GRANTED,
        When.REPEATED: LOST,
        When.DIFFERENT: ONE_CALL,
        When.FOREIGN: GRANTED.but(tick="claimed by ben"),
        When.EXPIRED: LOST,
        When.CLOSED: LOST,
        When.NEVER_JOINED: LOST,
        When.WRONG_GENERATION: LOST,
        When.WRONG_EXPECTED: LOST,
        When.OUT_OF_ORDER: says("ValueError"),
        When.NO_JOB: LOST,
        When.PAUSED: LOST,
        When.FINISHED: LOST,
        When.REMOVED: LOST,
        When.AT_LIMIT: says(
            "skipped (overlap)", expected="13:00", watermark="12:00", gaps="12:00 overlap"
        ),
        When.NOT_DUE: says("not_due"),
        When.EARLIEST: GRANTED.but(watermark="0"),
        When.LATEST: GRANTED.but(expected="2^53"),
    },
)

SETTLED = says("skipped (misfire)", expected="13:00", watermark="12:00", gaps="12:00 misfire")

CLAIM_GAP = Operation(
    name="claim of a gap",
    scene="Anna settles the tick of 12:00 as missed, without a run; 13:00 is to follow.",
    ask=_claim_gap,
    takes=taking(Thing.SESSION, Thing.SEEN, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: SETTLED,
        When.REPEATED: LOST,
        When.DIFFERENT: ONE_CALL,
        When.FOREIGN: SETTLED,
        When.EXPIRED: LOST,
        When.CLOSED: LOST,
        When.NEVER_JOINED: LOST,
        When.WRONG_GENERATION: LOST,
        When.WRONG_EXPECTED: LOST,
        When.OUT_OF_ORDER: says("ValueError"),
        When.NO_JOB: LOST,
        When.PAUSED: LOST,
        When.FINISHED: LOST,
        When.REMOVED: LOST,
        When.AT_LIMIT: SETTLED,
        When.NOT_DUE: says("not_due"),
        When.EARLIEST: SETTLED.but(watermark="0", gaps="0 misfire"),
        When.LATEST: SETTLED.but(expected="2^53"),
    },
)


def _may_wait(if_active: IfActive) -> Ask:
    async def ask(store: Store, asked: Request) -> object:
        until = asked.now + asked.span_ms
        item = replace(_item(asked, runs=True), if_active=if_active, wanted_until=until)
        (answer,) = await store.claim(asked.session, [item])
        return answer

    return ask


WAITS = says("waiting", tick="waiting, wanted until 12:00:11", expected="13:00", watermark="12:00")


def claim_if_active(if_active: IfActive, scene: str) -> Operation:
    """The table of a tick that need not be skipped at the limit."""
    return Operation(
        name=f"claim of a tick, if active {if_active}",
        scene=f"Anna claims the tick of 12:00 of a job at its limit: {scene}.",
        job=When.AT_LIMIT,
        ask=_may_wait(if_active),
        takes=taking(Thing.SESSION, Thing.SEEN, Thing.JOB, Thing.INSTANT),
        cells={
            When.MATCH: WAITS,
            When.REPEATED: LOST,
            When.DIFFERENT: ONE_CALL,
            When.FOREIGN: WAITS,
            When.EXPIRED: LOST,
            When.CLOSED: LOST,
            When.NEVER_JOINED: LOST,
            When.WRONG_GENERATION: LOST,
            When.WRONG_EXPECTED: LOST,
            When.OUT_OF_ORDER: says("ValueError"),
            When.NO_JOB: LOST,
            When.SCHEDULED: GRANTED,
            When.PAUSED: LOST,
            When.FINISHED: LOST,
            When.REMOVED: LOST,
            When.NOT_DUE: says("not_due"),
            When.EARLIEST: WAITS.but(watermark="0"),
            When.LATEST: WAITS.but(tick="waiting, wanted until 2^53", expected="2^53"),
        },
    )


CLAIM_RUN = Operation(
    name="claim of a pending run",
    scene="Anna, who had claimed the tick's run and released it, claims it again.",
    run=RunState.PENDING,
    ask=_claim_run,
    takes=taking(Thing.SESSION, Thing.JOB, Thing.RUN, Thing.INSTANT),
    cells={
        When.MATCH: says("granted", tick="claimed by anna"),
        When.REPEATED: LOST,
        When.DIFFERENT: ONE_CALL,
        When.FOREIGN: says("granted", tick="claimed by ben"),
        When.EXPIRED: LOST,
        When.CLOSED: LOST,
        When.NEVER_JOINED: LOST,
        When.NO_JOB: Apart("a run has a job"),
        **moves("granted", tick="claimed by anna"),
        When.REMOVED: LOST,
        When.AT_LIMIT: says("granted", tick="claimed by anna"),
        When.NO_RUN: LOST,
        **runs_in("waiting claimed started ended", LOST),
        When.NOT_DUE: says("not_due"),
        When.EARLIEST: says("granted", tick="claimed by anna"),
        When.LATEST: Apart("it names no instant"),
    },
)

CLAIMS = (
    CLAIM_TICK,
    claim_if_active(IfActive.WAIT, "it waits for 10 s, in the place of a tick that waits already"),
    claim_if_active(IfActive.WAIT_ALL, "it waits for 10 s, behind those that wait already"),
    claim_if_active(IfActive.REPLACE, "it waits for 10 s; what was triggered by hand goes on"),
    CLAIM_GAP,
    CLAIM_RUN,
)
