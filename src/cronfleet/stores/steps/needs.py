"""What a step is going to read and to change, for a store that must load and lock it first.

None of it is needed for a right answer: what was not said here is loaded when the step asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from cronfleet.model import Claim, Digest, Instant, JobName, ProgramName, RunId, SessionId
from cronfleet.store import (
    ClaimItem,
    Completion,
    Declaration,
    LogPart,
    PendingClaim,
    Start,
    TickClaim,
)


class SessionUse(Enum):
    """How a step's session must be held."""

    STANDS = auto()
    """It must not end meanwhile; that it is renewed does not matter."""
    CHANGES = auto()
    ENDS = auto()
    """Whoever needs it to stand is waited for."""


@dataclass(frozen=True, slots=True)
class Look:
    """A page of what is due."""

    program: ProgramName
    limit: int
    skip: int


@dataclass(frozen=True, slots=True)
class Needs:
    """Jobs and runs are those that the step may change, unless they are only seen."""

    session: SessionId | None = None
    session_use: SessionUse = SessionUse.ENDS
    jobs: frozenset[JobName] = frozenset()
    jobs_seen: frozenset[JobName] = frozenset()
    runs: frozenset[RunId] = frozenset()
    runs_seen: frozenset[RunId] = frozenset()
    definitions: frozenset[Digest] = frozenset()
    gaps: frozenset[JobName] = frozenset()
    """Jobs whose newest gap may go on."""
    tokens: int = 0
    looks: Look | None = None
    changes_fleet: bool = False
    keeps_id: bool = False
    """The fleet must keep its id meanwhile."""
    changes_id: bool = False
    surveys: JobName | None = None
    """A job of which all runs are looked at, as they are at one moment."""
    lock: str | None = None
    """A lock and the queue for it."""
    makes_room: bool = False
    """Waiting runs of the jobs may become pending."""
    moves_ticks: bool = False
    """Whoever knows the jobs had better look, if one was changed."""
    takes_turns: bool = False
    """It makes what is not there yet, or drops what others share: one such step at a time."""
    passes_over: bool = False
    """Nobody is waited for: a job or run that another transaction has in hand is as if it were not
    there, and so is a job of which it has a run in hand."""
    may_undo: bool = False
    """When nothing was written, its answer promises nothing, and need not be made to last."""


NOTHING = Needs()


def to_open() -> Needs:
    return Needs(changes_fleet=True)


def to_renew(session: SessionId) -> Needs:
    return Needs(session=session, session_use=SessionUse.CHANGES, changes_fleet=True)


def to_end(session: SessionId) -> Needs:
    return Needs(session=session, takes_turns=True)


def to_sync(session: SessionId, declarations: Sequence[Declaration]) -> Needs:
    """Most jobs are as they are declared, and stay so."""
    return Needs(
        session=session,
        session_use=SessionUse.CHANGES,
        jobs_seen=frozenset(each.name for each in declarations),
        definitions=frozenset(each.digest for each in declarations),
        moves_ticks=True,
        takes_turns=True,
    )


def to_claim(session: SessionId, items: Sequence[ClaimItem]) -> Needs:
    ticks = [each for each in items if isinstance(each, TickClaim)]
    pending = [each.run for each in items if isinstance(each, PendingClaim)]
    made = [RunId(each.job, each.fire_time) for each in ticks if each.fire_time is not None]
    return Needs(
        session=session,
        session_use=SessionUse.STANDS,
        jobs=frozenset(each.job for each in ticks),
        jobs_seen=frozenset(run.job for run in pending),
        runs=frozenset(pending),
        runs_seen=frozenset(made),
        gaps=frozenset(each.job for each in ticks if each.gap),
        tokens=len(items),
        passes_over=True,
        may_undo=True,
    )


def to_start(session: SessionId, starts: Sequence[Start]) -> Needs:
    runs = frozenset(each.run for each in starts)
    return Needs(session=session, session_use=SessionUse.STANDS, runs=runs)


def to_complete(completions: Sequence[Completion]) -> Needs:
    runs = _with_ticks(each.run for each in completions)
    return Needs(jobs=frozenset(run.job for run in runs), runs=runs, makes_room=True)


def _with_ticks(runs: Iterable[RunId]) -> frozenset[RunId]:
    """The ticks of shards change with them."""
    return frozenset(each for run in runs for each in (run, run.whole))


def to_release(claims: Sequence[Claim]) -> Needs:
    runs = frozenset(each.run for each in claims)
    return Needs(jobs=frozenset(run.job for run in runs), runs=runs)


def to_order(job: JobName) -> Needs:
    """For an order that leaves the ticks where they are."""
    return Needs(jobs=frozenset([job]))


def to_move(job: JobName) -> Needs:
    return Needs(jobs=frozenset([job]), gaps=frozenset([job]), moves_ticks=True)


def to_backfill(job: JobName, fire_times: Sequence[Instant]) -> Needs:
    """Mostly each has the run of its tick, and of one back-fill, at the most."""
    runs = frozenset(RunId(job, each, number) for each in fire_times for number in (0, 1))
    return Needs(jobs=frozenset([job]), runs=runs)


def to_define(declared: Declaration) -> Needs:
    return Needs(
        jobs=frozenset([declared.name]),
        definitions=frozenset([declared.digest]),
        makes_room=True,
        moves_ticks=True,
        takes_turns=True,
    )


def to_remove(job: JobName) -> Needs:
    """Its runs are looked at as well."""
    return replace(to_move(job), surveys=job)


def to_note(jobs: Sequence[JobName]) -> Needs:
    """Not beside a declaration, which does not lock what it leaves as it is."""
    return Needs(jobs=frozenset(jobs), takes_turns=True)


def to_look_up(definitions: Sequence[Digest]) -> Needs:
    return Needs(definitions=frozenset(definitions))


def to_cancel(run: RunId) -> Needs:
    return Needs(jobs=frozenset([run.job]), runs=_with_ticks([run]), makes_room=True)


def to_settle(job: JobName) -> Needs:
    return replace(to_move(job), keeps_id=True)


def to_clear(job: JobName) -> Needs:
    return Needs(jobs=frozenset([job]), surveys=job, keeps_id=True)


def to_adopt() -> Needs:
    return Needs(changes_id=True)


def to_check(job: JobName) -> Needs:
    return Needs(jobs_seen=frozenset([job]), surveys=job)


def to_repair(job: JobName) -> Needs:
    return Needs(jobs=frozenset([job]), surveys=job, makes_room=True, moves_ticks=True)


def to_lock(name: str) -> Needs:
    """A token for the grant, or else for the place in the queue."""
    return Needs(lock=name, tokens=1, may_undo=True)


def to_keep_or_unlock(name: str) -> Needs:
    return Needs(lock=name, may_undo=True)


def to_append(parts: Sequence[LogPart]) -> Needs:
    return Needs(runs=frozenset(each.run for each in parts), may_undo=True)


def to_look(program: ProgramName, limit: int, skip: int) -> Needs:
    return Needs(looks=Look(program, limit, skip))
