"""Sessions: joined, renewed, left, closed, swept."""

from __future__ import annotations

from contextlib import closing

from cronfleet.model import RunState, SessionId
from cronfleet.store import NewSession, Store
from cronfleet.testing.conformance.matrix.cells import (
    Apart,
    Operation,
    moves,
    runs_in,
    says,
    taking,
)
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.conditions import Thing
from cronfleet.testing.conformance.matrix.request import Request
from cronfleet.testing.samples import PROGRAM, TZDATA

CORA = SessionId("c" * 32)
OWN = Apart("whoever asks shows its own id")


async def _join(store: Store, asked: Request) -> object:
    return await store.join(NewSession(CORA, PROGRAM, "cora", asked.span_ms, TZDATA))


async def _renew(store: Store, asked: Request) -> object:
    with closing(store.renewer()) as renewer:
        renewal = renewer.renew(asked.session)
    if renewal is None:
        return None
    counters = {peer.session: peer.counter for peer in renewal.peers}
    return f"counter {counters[asked.session]}"


async def _leave(store: Store, asked: Request) -> object:
    return await store.leave(asked.session)


async def _close(store: Store, asked: Request) -> object:
    return await store.close(asked.session, asked.counter, asked.epoch)


async def _sweep(store: Store, asked: Request) -> object:
    return f"{len(await store.sweep())} swept"


JOIN = Operation(
    name="join",
    scene="Cora joins with a fresh id, for 10 s.",
    ask=_join,
    takes=taking(Thing.INSTANT),
    cells={
        When.MATCH: says("nothing", cora="until 12:00:11"),
        When.REPEATED: Apart("each id joins once"),
        When.DIFFERENT: Apart("each id joins once"),
        When.NOT_DUE: Apart("nothing need be due"),
        When.EARLIEST: Apart("a session ends after it has begun"),
        When.LATEST: says("nothing", cora="until 2^53"),
    },
)

RENEW = Operation(
    name="renew",
    scene="Anna renews for the first time.",
    ask=_renew,
    takes=taking(Thing.SESSION),
    cells={
        When.MATCH: says("counter 1", anna="until 12:00:11"),
        When.REPEATED: says("counter 2"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.FOREIGN: OWN,
        When.EXPIRED: says("counter 1", anna="until 12:00:21"),
        When.CLOSED: says("nothing"),
        When.NEVER_JOINED: says("nothing"),
    },
)

LEAVE = Operation(
    name="leave",
    scene="Anna leaves with a claimed run in her hands: it is left to be swept.",
    run=RunState.CLAIMED,
    ask=_leave,
    takes=taking(Thing.SESSION),
    cells={
        When.MATCH: says("nothing", anna="gone"),
        When.REPEATED: says("nothing"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.FOREIGN: OWN,
        When.EXPIRED: says("nothing", anna="gone"),
        When.CLOSED: says("nothing"),
        When.NEVER_JOINED: says("nothing"),
    },
)

CLOSE = Operation(
    name="close",
    scene="Ben closes the session of Anna, which has expired.",
    session=When.EXPIRED,
    ask=_close,
    takes=taking(Thing.SESSION, Thing.WATCH),
    cells={
        When.MATCH: says("yes", anna="gone"),
        When.REPEATED: says("no"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.OPEN: says("no"),
        When.FOREIGN: Apart("whoever closes shows no session of its own"),
        When.CLOSED: says("no"),
        When.NEVER_JOINED: says("no"),
        When.WRONG_COUNTER: says("no"),
        When.WRONG_EPOCH: says("no"),
    },
)

SWEEP = Operation(
    name="sweep",
    scene="Ben sweeps; Anna's session was closed while she held a claimed run.",
    run=RunState.CLAIMED,
    session=When.CLOSED,
    ask=_sweep,
    takes=taking(Thing.SESSION, Thing.JOB, Thing.RUN, Thing.INSTANT),
    cells={
        When.MATCH: says("1 swept", tick="pending"),
        When.REPEATED: says("0 swept"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.OPEN: says("0 swept"),
        When.FOREIGN: Apart("whoever sweeps shows no session"),
        When.EXPIRED: says("0 swept"),
        When.NEVER_JOINED: Apart("whoever sweeps shows no session"),
        When.NO_JOB: Apart("a run has a job"),
        **moves("1 swept", tick="pending"),
        When.REMOVED: says("1 swept", tick="cancelled", active="0"),
        When.AT_LIMIT: says("1 swept", tick="pending"),
        When.NO_RUN: Apart("it names no run"),
        When.RUN_WAITING: says("1 swept", tick="pending"),
        When.RUN_STARTED: says("1 swept", tick="lost", active="0"),
        When.ASKED_TO_CANCEL: says("1 swept", tick="lost", active="0"),
        **runs_in("pending ended", says("0 swept")),
        When.NOT_DUE: Apart("nothing need be due"),
        When.EARLIEST: says("1 swept", tick="pending"),
        When.LATEST: Apart("it names no instant"),
    },
)

SESSIONS = (JOIN, RENEW, LEAVE, CLOSE, SWEEP)
