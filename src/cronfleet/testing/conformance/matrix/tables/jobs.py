"""Jobs and what is kept of them: declared, noted, pruned."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import History, RunState
from cronfleet.store import Store
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
from cronfleet.testing.samples import report


async def _sync_jobs(store: Store, asked: Request) -> object:
    edition = 3 if asked.is_different else 2
    first = asked.following
    declared = report(asked.job, edition=edition, schedule="daily", first=first)
    (answer,) = await store.sync_jobs(asked.session, asked.program, [declared])
    return answer


async def _note(store: Store, asked: Request) -> object:
    return await store.note("outbox", "second" if asked.is_different else "first")


async def _prune(store: Store, asked: Request) -> object:
    return await store.prune({asked.job: replace(History(), age_ms=asked.span_ms)})


SYNC_JOBS = Operation(
    name="sync_jobs",
    scene="Anna, who holds the tick of 12:00, declares a second edition with another schedule.",
    run=RunState.CLAIMED,
    ask=_sync_jobs,
    takes=taking(Thing.SESSION, Thing.SEEN, Thing.PROGRAM, Thing.JOB, Thing.INSTANT),
    cells={
        When.MATCH: says("changed", expected="14:00", generation="2", edition="2"),
        When.REPEATED: says("kept"),
        When.DIFFERENT: says("changed", generation="3", edition="3"),
        When.FOREIGN: says("changed", expected="14:00", generation="2", edition="2"),
        When.EXPIRED: says("changed", expected="14:00", generation="2", edition="2"),
        When.CLOSED: says("superseded"),
        When.NEVER_JOINED: says("superseded"),
        When.WRONG_GENERATION: Apart("it shows no generation"),
        When.WRONG_EXPECTED: Apart("it shows no expected fire time"),
        When.OUT_OF_ORDER: says("behind"),
        When.FOREIGN_PROGRAM: says("foreign"),
        When.NO_JOB: says("new", nobody="expects 14:00"),
        When.PAUSED: says("changed", expected="14:00", generation="3", edition="2"),
        When.FINISHED: says("changed", generation="3", edition="2"),
        When.REMOVED: says("new", state="finished", generation="3", edition="2"),
        When.AT_LIMIT: says("changed", expected="14:00", generation="2", edition="2"),
        When.NOT_DUE: says("changed", expected="14:00", generation="2", edition="2"),
        When.EARLIEST: says("changed", expected="14:00", generation="2", edition="2"),
        When.LATEST: says("changed", expected="2^53", generation="2", edition="2"),
    },
)

NOTE = Operation(
    name="note",
    scene="The value `first` is noted under a name that nobody has used.",
    ask=_note,
    takes=taking(),
    cells={
        When.MATCH: says("first"),
        When.REPEATED: says("first"),
        When.DIFFERENT: says("first"),
    },
)

PRUNE = Operation(
    name="prune",
    scene="A run succeeded; a millisecond more than its 10 s have passed.",
    run=RunState.SUCCEEDED,
    later_ms=10_001,
    ask=_prune,
    takes=taking(Thing.JOB, Thing.RUN, Thing.INSTANT),
    cells={
        When.MATCH: says("1", tick="gone"),
        When.REPEATED: says("0"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.NO_JOB: says("0"),
        **moves("1", tick="gone"),
        When.REMOVED: says("1", tick="gone"),
        When.AT_LIMIT: says("1", tick="gone"),
        When.NO_RUN: Apart("it names no run"),
        **runs_in("waiting pending claimed started", says("0")),
        **runs_in("ended", says("1", tick="gone")),
        When.NOT_DUE: says("0"),
        When.EARLIEST: says("1", tick="gone"),
        When.LATEST: says("0"),
    },
)

JOBS = (SYNC_JOBS, NOTE, PRUNE)
