"""Runs in somebody's hands: started, completed, tried again, released."""

from __future__ import annotations

from cronfleet.model import Outcome, RunState
from cronfleet.store import Completion, Start, Store
from cronfleet.testing.conformance.matrix.cells import (
    Apart,
    Ask,
    Cell,
    Operation,
    moves,
    runs_in,
    says,
    taking,
)
from cronfleet.testing.conformance.matrix.conditions import RUN_IN, Thing
from cronfleet.testing.conformance.matrix.conditions import Condition as When
from cronfleet.testing.conformance.matrix.request import Request

TAKES = taking(Thing.SESSION, Thing.TOKEN, Thing.JOB, Thing.RUN, Thing.INSTANT)
BY_TOKEN = Apart("the token alone counts")
A_JOB = Apart("a run has a job")
DUE = Apart("its tick was due when it was claimed")
NO_INSTANT = Apart("it names no instant")


async def _start(store: Store, asked: Request) -> object:
    claim = asked.claim
    (answer,) = await store.start(asked.session, [Start(claim.run, claim.token, asked.start_id)])
    return answer


async def _release(store: Store, asked: Request) -> object:
    (answer,) = await store.release([asked.claim])
    return answer


def _completing(outcome: Outcome) -> Ask:
    async def ask(store: Store, asked: Request) -> object:
        said = _other(outcome) if asked.is_different else outcome
        claim = asked.claim
        (answer,) = await store.complete([Completion(claim.run, claim.token, said)])
        return answer

    return ask


async def _retry(store: Store, asked: Request) -> object:
    said = Outcome.TIMED_OUT if asked.is_different else Outcome.FAILED
    claim = asked.claim
    again = Completion(claim.run, claim.token, said, asked.span_ms, "why")
    (answer,) = await store.complete([again])
    return answer


def _other(outcome: Outcome) -> Outcome:
    return Outcome.FAILED if outcome is Outcome.SUCCEEDED else Outcome.SUCCEEDED


def _late(outcome: Outcome) -> Cell:
    return says("late", tick=f"lost, late {outcome}")


def _said_before(outcome: Outcome) -> dict[When, Cell]:
    """Under the same token: repeated, too late, or refused."""
    (same,) = (each for each, state in RUN_IN.items() if state.value == outcome)
    refused = dict.fromkeys(RUN_IN, says("refused"))
    del refused[When.RUN_STARTED]
    return refused | {When.RUN_LOST: _late(outcome), same: says("done")}


START = Operation(
    name="start",
    scene="Anna starts the run that she has claimed.",
    run=RunState.CLAIMED,
    ask=_start,
    takes=TAKES,
    cells={
        When.MATCH: says("yes", tick="started by anna"),
        When.REPEATED: says("yes"),
        When.DIFFERENT: says("no"),
        When.FOREIGN: says("no"),
        When.EXPIRED: says("no"),
        When.CLOSED: says("no"),
        When.NEVER_JOINED: says("no"),
        When.STALE_TOKEN: says("no"),
        When.NO_JOB: A_JOB,
        **moves("yes", tick="started by anna"),
        When.REMOVED: says("yes", tick="started by anna"),
        When.AT_LIMIT: says("yes", tick="started by anna"),
        When.NO_RUN: says("no"),
        **runs_in("waiting pending started ended", says("no")),
        When.NOT_DUE: DUE,
        When.EARLIEST: says("yes", tick="started by anna"),
        When.LATEST: NO_INSTANT,
    },
)


def complete(outcome: Outcome) -> Operation:
    """The table of one outcome."""
    ended = says("done", tick=outcome.value, active="0")
    return Operation(
        name=f"complete as {outcome}",
        scene="Anna tells how the run that she has started ended.",
        run=RunState.STARTED,
        ask=_completing(outcome),
        takes=TAKES,
        cells={
            When.MATCH: ended,
            When.REPEATED: says("done"),
            When.DIFFERENT: _late(_other(outcome)) if outcome is Outcome.LOST else says("refused"),
            When.FOREIGN: BY_TOKEN,
            When.EXPIRED: ended,
            When.CLOSED: ended,
            When.NEVER_JOINED: BY_TOKEN,
            When.STALE_TOKEN: says("refused"),
            When.NO_JOB: A_JOB,
            **moves(ended.answer, **ended.changes),
            When.REMOVED: ended,
            When.AT_LIMIT: says("done", tick=outcome.value, manual_1="pending, from 12:00:01"),
            When.NO_RUN: says("refused"),
            **_said_before(outcome),
            When.ASKED_TO_CANCEL: ended,
            When.NOT_DUE: DUE,
            When.EARLIEST: ended,
            When.LATEST: NO_INSTANT,
        },
    )


RETRY = Operation(
    name="complete with a retry",
    scene="Anna tells that the run that she has started failed, and is to be tried again in 10 s.",
    run=RunState.STARTED,
    ask=_retry,
    takes=TAKES,
    cells={
        When.MATCH: says("done", tick="pending, attempt 2, from 12:00:11"),
        When.REPEATED: says("done"),
        When.DIFFERENT: says("refused"),
        When.FOREIGN: BY_TOKEN,
        When.EXPIRED: says("done", tick="pending, attempt 2, from 12:00:21"),
        When.CLOSED: says("done", tick="pending, attempt 2, from 12:00:21"),
        When.NEVER_JOINED: BY_TOKEN,
        When.STALE_TOKEN: says("refused"),
        When.NO_JOB: A_JOB,
        **moves("done", tick="pending, attempt 2, from 12:00:11"),
        When.REMOVED: says("done", tick="failed", active="0"),
        When.AT_LIMIT: says("done", tick="pending, attempt 2, from 12:00:11"),
        When.NO_RUN: says("refused"),
        **_said_before(Outcome.FAILED),
        When.ASKED_TO_CANCEL: says("done", tick="failed", active="0"),
        When.NOT_DUE: DUE,
        When.EARLIEST: says("done", tick="pending, attempt 2, from 12:00:11"),
        When.LATEST: says("done", tick="pending, attempt 2, from 2^53"),
    },
)

RELEASE = Operation(
    name="release",
    scene="Anna gives back the run that she has claimed.",
    run=RunState.CLAIMED,
    ask=_release,
    takes=TAKES,
    cells={
        When.MATCH: says("yes", tick="pending"),
        When.REPEATED: says("no"),
        When.DIFFERENT: Apart("it carries nothing that could differ"),
        When.FOREIGN: BY_TOKEN,
        When.EXPIRED: says("yes", tick="pending"),
        When.CLOSED: says("yes", tick="pending"),
        When.NEVER_JOINED: BY_TOKEN,
        When.STALE_TOKEN: says("no"),
        When.NO_JOB: A_JOB,
        **moves("yes", tick="pending"),
        When.REMOVED: says("yes", tick="cancelled", active="0"),
        When.AT_LIMIT: says("yes", tick="pending"),
        When.NO_RUN: says("no"),
        **runs_in("waiting pending started ended", says("no")),
        When.NOT_DUE: DUE,
        When.EARLIEST: says("yes", tick="pending"),
        When.LATEST: NO_INSTANT,
    },
)

RUNS = (START, *map(complete, Outcome), RETRY, RELEASE)
