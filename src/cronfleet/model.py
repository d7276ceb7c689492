"""The words of the system as frozen values: jobs, ticks, runs, claims, and the life of a run.

Instants are integer milliseconds since 1970 UTC, spans integer milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, NewType, TypeAlias

Instant: TypeAlias = int
"""Milliseconds since 1970 UTC."""

JobName: TypeAlias = str
ProgramName: TypeAlias = str
HandlerName: TypeAlias = str
Digest: TypeAlias = str
"""32 hexadecimal digits that stand for a definition's JSON."""

SessionId = NewType("SessionId", str)
"""32 hexadecimal digits, random; one `join` ever uses it."""

StartId = NewType("StartId", str)
"""32 hexadecimal digits, fresh for each `start`; only the same one may be repeated."""

LockOwner = NewType("LockOwner", str)
"""32 hexadecimal digits, fresh for each acquisition of a lock; only the same one may be repeated."""

JOB_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
_RUN_ID = re.compile(rf"({JOB_NAME.pattern})@(0|[1-9][0-9]*)(?:\+([1-9][0-9]*))?", re.ASCII)

MAX_COUNTED = 10_000
"""A gap's count is exact up to here; above, it says only "more"."""


class RunState(StrEnum):
    """Where a run stands in its life."""

    WAITING = "waiting"
    PENDING = "pending"
    CLAIMED = "claimed"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"


_S = RunState

TRANSITIONS: frozenset[tuple[RunState | None, RunState]] = frozenset(
    {
        (None, _S.CLAIMED),  # a due tick is claimed
        (None, _S.PENDING),  # a trigger below the job's limit
        (None, _S.WAITING),  # a trigger at the limit, or a due tick there that is to wait
        (_S.WAITING, _S.PENDING),  # promoted when the active count falls
        (_S.WAITING, _S.SKIPPED),  # replaced by a newer tick, or promoted too late
        (_S.WAITING, _S.CANCELLED),
        (_S.PENDING, _S.CLAIMED),
        (_S.PENDING, _S.CANCELLED),
        (_S.CLAIMED, _S.STARTED),
        (_S.CLAIMED, _S.PENDING),  # released, or swept: nobody ran it
        (_S.CLAIMED, _S.CANCELLED),
        (_S.STARTED, _S.SUCCEEDED),
        (_S.STARTED, _S.FAILED),
        (_S.STARTED, _S.TIMED_OUT),
        (_S.STARTED, _S.CANCELLED),
        (_S.STARTED, _S.LOST),
        (_S.STARTED, _S.PENDING),  # a retry, or a lost run of a job that may run again
    }
)
"""Every step a run may take; `None` is "does not exist yet". There is no other list."""

ACTIVE = frozenset({_S.PENDING, _S.CLAIMED, _S.STARTED})
"""The states that count towards a job's `max_active`."""

HELD = frozenset({_S.CLAIMED, _S.STARTED})
"""The states in which a run belongs to a session."""

TERMINAL = frozenset({_S.SUCCEEDED, _S.FAILED, _S.TIMED_OUT, _S.CANCELLED, _S.LOST, _S.SKIPPED})
"""The states that never change."""

SUCCEEDED = frozenset({_S.SUCCEEDED, _S.SKIPPED})
"""The terminal states whose runs a history keeps as successes; all others are failures."""


class Outcome(StrEnum):
    """How an attempt ended; each value is also the state that it leads to."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"


class Reason(StrEnum):
    """Why ticks were skipped, or why a job is paused."""

    MISFIRE = "misfire"
    OVERLAP = "overlap"
    PAUSED = "paused"
    BY_HAND = "by_hand"
    NO_INSTANCE = "no_instance"
    POISONED = "poisoned"
    REMOVED = "removed"


class Kind(StrEnum):
    """What made a run."""

    TICK = "tick"
    MANUAL = "manual"
    BACKFILL = "backfill"


class JobState(StrEnum):
    """Whether a job makes ticks."""

    SCHEDULED = "scheduled"
    PAUSED = "paused"
    FINISHED = "finished"
    REMOVED = "removed"


class OnLost(StrEnum):
    """What becomes of a started run whose instance is gone."""

    ABANDON = "abandon"
    RERUN = "rerun"


class Overlap(StrEnum):
    """What becomes of a tick that is due while its job is active."""

    SKIP = "skip"
    WAIT = "wait"
    """It waits for room; of several the newest does."""
    WAIT_ALL = "wait_all"
    """All of them wait, and run in order."""
    REPLACE = "replace"
    """It waits as under `wait`, and the tick that is under way is cancelled."""
    ALLOW = "allow"


class Misfire(StrEnum):
    """What becomes of ticks that come too late."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class RunId(NamedTuple):
    """The identity of a run: for a tick its job and fire time, and number 0.

    Manual runs and back-fills are numbered from 1, so that two of one fire time differ.
    """

    job: JobName
    fire_time: Instant
    number: int = 0

    def __str__(self) -> str:
        suffix = f"+{self.number}" if self.number else ""
        return f"{self.job}@{self.fire_time}{suffix}"

    @classmethod
    def parse(cls, text: str) -> RunId:
        """The id that `str` wrote. Raises ValueError for any other text."""
        match = _RUN_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a run id; write it as job@fire_time_ms")
        job, fire_time, number = match.groups()
        return cls(job, int(fire_time), int(number or 0))


class Fire(NamedTuple):
    """A fire time and the instant at which its tick is due: the same, or later by the jitter."""

    fire_time: Instant
    due: Instant


@dataclass(frozen=True, slots=True)
class Gap:
    """A row of skipped ticks with one reason."""

    first: Instant
    last: Instant
    count: int
    """Exact up to MAX_COUNTED; MAX_COUNTED + 1 means "more"."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Retry:
    """When to try again after a failure or a time-out."""

    attempts: int
    first_ms: int
    factor: float
    most_ms: int
    jitter: float


@dataclass(frozen=True, slots=True)
class History:
    """How many ended runs of a job are kept, and for how long; whichever is passed first."""

    successes: int = 100
    failures: int = 500
    age_ms: int = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """All that instances must agree on about a job. Everything in it is plain JSON."""

    name: JobName
    schedule: Mapping[str, str | int]
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    on_lost: OnLost = OnLost.ABANDON
    overlap: Overlap = Overlap.SKIP
    max_active: int = 1
    misfire: Misfire = Misfire.LATEST
    misfire_grace_ms: int = 3_600_000
    max_catch_up: int = 100
    retry: Retry | None = None
    timeout_ms: int | None = None
    jitter_ms: int = 0
    history: History = History()
    handler: HandlerName = ""
    """What its handler goes by in the program, if it was added at run time: any instance that has
    the handler can run it. Empty: an instance runs it that declares this very definition."""

    @property
    def limit(self) -> int:
        """How many of its runs may be active at once; 0 means any number."""
        return 0 if self.overlap is Overlap.ALLOW else self.max_active


@dataclass(frozen=True, slots=True)
class Claim:
    """A granted run: who holds it must show `token` with every further write about it."""

    run: RunId
    kind: Kind
    token: int
    attempt: int
    digest: Digest
    """The job's definition when it was granted."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the store has it."""

    name: JobName
    program: ProgramName
    digest: Digest
    schedule_digest: Digest
    limit: int
    on_lost: OnLost
    generation: int
    expected: Fire | None
    watermark: Instant
    """The last settled fire time; -1 before the first."""
    active: int
    since: Instant = -1
    """The first fire time that was ever settled; -1 before that, or if it is not known any more."""
    paused: bool = False
    paused_reason: Reason | None = None
    paused_by: str = ""
    paused_why: str = ""
    handler: HandlerName = ""
    """That of its definition."""
    edition: int = 1
    """The generation in which its definition first came into force: the greater, the newer."""
    removed: bool = False
    """A tombstone: it makes no ticks and no runs, and keeps its watermark and generation."""
    undeclared_since: Instant | None = None
    """When it was noted that no open session declares it; None once one does."""

    @property
    def state(self) -> JobState:
        """Paused wins over finished: a paused job says so until it is resumed."""
        if self.removed:
            return JobState.REMOVED
        if self.paused:
            return JobState.PAUSED
        return JobState.FINISHED if self.expected is None else JobState.SCHEDULED


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the store has it."""

    id: RunId
    kind: Kind
    state: RunState
    attempt: int
    token: int
    on_lost: OnLost
    losses: int
    created_at: Instant
    not_before: Instant
    session: SessionId | None = None
    instance: str = ""
    """The label of the instance that held it last."""
    start_id: StartId | None = None
    claimed_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    outcome: Outcome | None = None
    """Of the last attempt that ended."""
    late_outcome: Outcome | None = None
    error: str = ""
    """What the last failed attempt said, cut to 2,000 characters."""
    wanted_until: Instant | None = None
    """Of a waiting tick: promoted later than this, it is skipped."""
    reason: Reason | None = None
    """Why it was skipped."""
    cancel_asked_at: Instant | None = None
    """When its holder was asked to cancel it, who may not have done so."""


@dataclass(frozen=True, slots=True)
class GapRecord:
    """A gap as the store has it."""

    job: JobName
    gap: Gap
    generation: int
    recorded_at: Instant


@dataclass(frozen=True, slots=True)
class Backfill:
    """Fire times of which runs were made by hand, as far as they had none."""

    first: Instant
    last: Instant
    ordered_at: Instant


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """An open session, for people to read."""

    session: SessionId
    label: str
    program: ProgramName
    joined_at: Instant
    expires_at: Instant
    held: int
    tzdata: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What an operator did."""

    at: Instant
    verb: str
    job: JobName
    who: str
    why: str
