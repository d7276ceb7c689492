"""The conditions under which every operation is asked, each about one thing that it may take."""

from __future__ import annotations

from enum import StrEnum

from cronfleet.model import RunState


class Thing(StrEnum):
    """What a condition is about. Where an operation has no such thing, the cell says so."""

    CALL = "call"
    KEY = "key"
    SESSION = "session"
    WATCH = "counter or epoch"
    STORE = "id of the store"
    TOKEN = "token"  # noqa: S105 - a word for people
    SEEN = "generation or expected fire time"
    PROGRAM = "program"
    JOB = "job"
    RUN = "run"
    INSTANT = "instant"


class Condition(StrEnum):
    """The value is what people read."""

    MATCH = "all is as it should be"
    REPEATED = "the same call once more"
    DIFFERENT = "once more, with another key, start id, outcome or value"

    SAME_KEY = "under a key that was used a day ago"
    OLD_KEY = "under a key that was used a day and a millisecond ago"

    OPEN = "its session is open"
    FOREIGN = "another open session asks"
    EXPIRED = "its session has expired"
    CLOSED = "its session is closed"
    NEVER_JOINED = "its session has never joined"

    WRONG_COUNTER = "it saw another counter"
    WRONG_EPOCH = "it saw another epoch"

    WRONG_STORE = "it saw another store in this place"

    STALE_TOKEN = "its token is stale"  # noqa: S105 - a word for people

    WRONG_GENERATION = "it saw another generation"
    WRONG_EXPECTED = "it saw another expected fire time"
    OUT_OF_ORDER = "what is to follow lies before what is settled"

    FOREIGN_PROGRAM = "the job is another program's"

    NO_JOB = "there is no such job"
    SCHEDULED = "the job is scheduled"
    PAUSED = "the job is paused"
    FINISHED = "the job is finished"
    REMOVED = "the job was removed"
    AT_LIMIT = "another run of the job was triggered before; its limit is 1"

    NO_RUN = "there is no such run"
    RUN_WAITING = "the run is waiting"
    RUN_PENDING = "the run is pending"
    RUN_CLAIMED = "the run is claimed"
    RUN_STARTED = "the run is started"
    ASKED_TO_CANCEL = "the run is started, and somebody asked to cancel it"
    RUN_SUCCEEDED = "the run has succeeded"
    RUN_FAILED = "the run has failed"
    RUN_TIMED_OUT = "the run has timed out"
    RUN_CANCELLED = "the run was cancelled"
    RUN_LOST = "the run is lost"

    NOT_DUE = "a millisecond before it is due"
    EARLIEST = "at the instant 0"
    LATEST = "up to the instant 2^53"


_C = Condition

ABOUT: dict[Thing, tuple[Condition, ...]] = {
    Thing.CALL: (_C.MATCH, _C.REPEATED, _C.DIFFERENT),
    Thing.KEY: (_C.SAME_KEY, _C.OLD_KEY),
    Thing.SESSION: (_C.OPEN, _C.FOREIGN, _C.EXPIRED, _C.CLOSED, _C.NEVER_JOINED),
    Thing.WATCH: (_C.WRONG_COUNTER, _C.WRONG_EPOCH),
    Thing.STORE: (_C.WRONG_STORE,),
    Thing.TOKEN: (_C.STALE_TOKEN,),
    Thing.SEEN: (_C.WRONG_GENERATION, _C.WRONG_EXPECTED, _C.OUT_OF_ORDER),
    Thing.PROGRAM: (_C.FOREIGN_PROGRAM,),
    Thing.JOB: (_C.NO_JOB, _C.SCHEDULED, _C.PAUSED, _C.FINISHED, _C.REMOVED, _C.AT_LIMIT),
    Thing.RUN: (
        _C.NO_RUN,
        _C.RUN_WAITING,
        _C.RUN_PENDING,
        _C.RUN_CLAIMED,
        _C.RUN_STARTED,
        _C.ASKED_TO_CANCEL,
        _C.RUN_SUCCEEDED,
        _C.RUN_FAILED,
        _C.RUN_TIMED_OUT,
        _C.RUN_CANCELLED,
        _C.RUN_LOST,
    ),
    Thing.INSTANT: (_C.NOT_DUE, _C.EARLIEST, _C.LATEST),
}
"""Every condition stands here once."""

THING: dict[Condition, Thing] = {each: thing for thing, about in ABOUT.items() for each in about}

RUN_IN: dict[Condition, RunState] = {
    _C.RUN_WAITING: RunState.WAITING,
    _C.RUN_PENDING: RunState.PENDING,
    _C.RUN_CLAIMED: RunState.CLAIMED,
    _C.RUN_STARTED: RunState.STARTED,
    _C.ASKED_TO_CANCEL: RunState.STARTED,
    _C.RUN_SUCCEEDED: RunState.SUCCEEDED,
    _C.RUN_FAILED: RunState.FAILED,
    _C.RUN_TIMED_OUT: RunState.TIMED_OUT,
    _C.RUN_CANCELLED: RunState.CANCELLED,
    _C.RUN_LOST: RunState.LOST,
}
