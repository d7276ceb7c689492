"""The words of the system as frozen values: jobs, ticks, runs, claims, and the life of a run.

Instants are integer milliseconds since 1970 UTC, spans integer milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, NewType, TypeAlias

from cronfleet.run_id import Instant, JobName, RunId

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

MAX_COUNTED = 10_000
"""A gap's count is exact up to here; above, it says only "more"."""


class RunState(StrEnum):
    """Where a run stands in its life."""

    WAITING = "waiting"
    PENDING = "pending"
    CLAIMED = "claimed"
    STARTED = "started"
    SHARDED = "sharded"
    """Of a tick whose shards are under way: it is done when all of them are."""
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
        (None, _S.SHARDED),  # the same two, of a job with shards: each of these is pending
        (None, _S.WAITING),  # a trigger at the limit, or a due tick there that is to wait
        (_S.WAITING, _S.PENDING),  # promoted when the active count falls
        (_S.WAITING, _S.SHARDED),
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
        (_S.SHARDED, _S.SUCCEEDED),  # its last shard ended, and this was the worst outcome
        (_S.SHARDED, _S.FAILED),
        (_S.SHARDED, _S.TIMED_OUT),
        (_S.SHARDED, _S.CANCELLED),
        (_S.SHARDED, _S.LOST),
    }
)
"""Every step a run may take; `None` is "does not exist yet". There is no other list."""

ACTIVE = frozenset({_S.PENDING, _S.CLAIMED, _S.STARTED, _S.SHARDED})
"""The states that count towards a job's `max_active`; see `RunRecord.is_active` for shards."""

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


class Tally(NamedTuple):
    """How many shards of a tick have ended, by outcome; the worse an outcome, the later."""

    succeeded: int = 0
    cancelled: int = 0
    timed_out: int = 0
    failed: int = 0
    lost: int = 0

    @property
    def ended(self) -> int:
        return sum(self)

    @property
    def worst(self) -> Outcome:
        """The outcome of the tick, once all of its shards have ended."""
        counted = self._asdict().items()
        return Outcome([outcome for outcome, count in counted if count][-1])

    def and_one(self, outcome: Outcome) -> Tally:
        """With one more that ended so."""
        return self._replace(**{outcome.value: getattr(self, outcome.value) + 1})


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
    shards: int = 1
    """More than 1: each tick makes so many runs, and is done when all of them are."""
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
    shards: int = 1
    """Of how many it is one; 1 for a run that is no shard."""


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
    paused_until: Instant | None = None
    """When the pause is to end by itself; None: not before somebody resumes the job."""
    shards: int = 1
    handler: HandlerName = ""
    """That of its definition."""
    edition: int = 1
    """The generation in which its definition first came into force: the greater, the newer."""
    removed: bool = False
    """A tombstone: it makes no ticks and no runs, and keeps its watermark and generation."""
    undeclared_since: Instant | None = None
    """When it was noted that no open session declares it; None once one does."""

    @property
    def resumes_at(self) -> Instant | None:
        """When its pause is to end by itself, if it is."""
        return self.paused_until if self.paused and not self.removed else None

    def is_paused_for(self, due: Instant) -> bool:
        return self.paused and (self.paused_until is None or due < self.paused_until)

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
    shards: int = 1
    """How many it has, or of how many it is one."""
    tally: Tally | None = None
    """Of one that has shards, once they were made."""

    @property
    def is_active(self) -> bool:
        """Whether it counts towards its job's limit: a shard does not, its tick does as one."""
        return self.state in ACTIVE and not self.id.is_shard


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
