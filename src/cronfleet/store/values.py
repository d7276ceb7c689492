"""What a store is asked and what it answers, as frozen values; and the bounds it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from cronfleet.model import (
    Claim,
    Digest,
    Fire,
    Gap,
    HandlerName,
    Instant,
    JobName,
    OnLost,
    Outcome,
    ProgramName,
    Reason,
    RunId,
    RunState,
    SessionId,
    StartId,
)

CLOCK_STEP_BACK_MS = 60_000
"""A clock that stepped back by no more than this is waited for; after more it is believed."""

SOON_MS = 2_000
"""How far `peek` looks ahead."""

MOST_SOON = 200
"""How many ticks one peek names that are due soon: what comes first."""

MOST_RESUMING = 200
"""How many paused jobs one peek names whose pause has come to its end."""

LOSSES_ALLOWED = 2
"""The dead session after this many in a row ends a `rerun` run and pauses its job as poisoned."""

MOST_WAITING = 1_000
"""How many runs of one job may wait; a due tick that finds so many is skipped."""

MOST_SEARCHED = 200
"""A tick that replaces others finds them among so many of the job's newest runs, shards not counted."""

MOST_SHARDS = 200
"""How many runs one tick may make: they are made in one atomic step."""

MOST_MADE = 1_000
"""An atomic step that has made so many runs, shards counted, makes no more."""

MOST_SUPERSEDED = 20
"""How many superseded definitions of a job are remembered; an older one counts as never seen.

Those that were put in force by order (they name a handler) are counted by themselves.
"""

MOST_AUDIT = 1_000
"""How many audit records are kept."""

MOST_ERROR_CHARACTERS = 2_000
"""An error text is cut to this length before it is stored."""

MOST_GAPS = 500
"""How many gap records of a job are kept."""

DUE = "due"
"""The topic of hints that there may be something to claim."""

CANCEL = "cancel"
"""The topic of hints that a session may be asked to cancel a run."""


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself.

    An instance that sees another id, or that the store went back, stops; see `Store.adopt`.
    """

    id: str
    epoch: int
    """Rises when the store may have lost its last writes."""
    now: Instant
    schema: int
    adopted: bool = False
    """A person has said that it is to be gone on with, whatever was in its place before."""
    lived_ms: int = 0
    """For how long sessions have been renewed in it, outages left out: what it lost of that is
    how far it went back."""


# --- sessions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewSession:
    """What an instance says of itself when it joins. `label` is for people only."""

    id: SessionId
    program: ProgramName
    label: str
    ttl_ms: int
    tzdata: str


@dataclass(frozen=True, slots=True)
class Peer:
    """An open session, the asking one included."""

    session: SessionId
    counter: int
    ttl_ms: int
    program: ProgramName
    manifest: Digest
    """Stands for the set of definitions it declares; empty until its `sync_jobs` is complete."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """A started run that its holder is to cancel."""

    run: RunId
    token: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a renewal that prolonged the session."""

    info: StoreInfo
    held: int
    tzdata: str
    """The newest version that any open session joined with."""
    peers: Sequence[Peer]
    cancels: Sequence[CancelAsked] = ()
    """Runs of the session that it is asked to cancel, until they have ended; by run id."""


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run that a session holds."""

    claim: Claim
    state: RunState


@dataclass(frozen=True, slots=True)
class Swept:
    """A run that was taken back from a dead session, and where it went."""

    run: RunId
    state: RunState


# --- jobs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Declaration:
    """A job as an instance knows it, and where its ticks begin if the store has to move it.

    `first` is its first fire after the store's now (and after the watermark, once `Behind`
    was answered), or None if there is none.
    """

    name: JobName
    digest: Digest
    schedule_digest: Digest
    json: str
    limit: int
    on_lost: OnLost
    first: Fire | None
    shards: int = 1
    handler: HandlerName = ""
    """That of its definition."""
    revives: bool = True
    """It brings a job back that was removed: so says who declares it for the first time."""


class Declared(StrEnum):
    """What a declaration came to."""

    NEW = "new"
    KEPT = "kept"
    CHANGED = "changed"
    SUPERSEDED = "superseded"
    """A newer definition is in force and somebody declares it; nothing was changed."""
    REMOVED = "removed"
    """The job was removed, and this does not bring it back; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """The name belongs to another program."""

    owner: ProgramName


@dataclass(frozen=True, slots=True)
class Behind:
    """`first` is not above the job's watermark: compute it again, from there."""

    watermark: Instant


DeclareAnswer: TypeAlias = Declared | Foreign | Behind


# --- what is due ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueTick:
    """A job's expected tick, due now or soon."""

    job: JobName
    generation: int
    digest: Digest
    expected: Fire
    active: int


@dataclass(frozen=True, slots=True)
class PendingRun:
    """A run that waits for an instance. `digest` is its job's definition in force."""

    run: RunId
    digest: Digest
    not_before: Instant = 0
    """Since when it may be claimed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a peek saw."""

    now: Instant
    due: Sequence[DueTick]
    soon: Sequence[DueTick]
    pending: Sequence[PendingRun]
    next_due: Instant | None
    """The earliest instant after `now` at which anything of the program is due, or a pause ends."""
    resuming: Sequence[JobName] = ()
    """Paused jobs whose pause has come to its end: the earliest first. Whoever sees it resumes them."""


# --- claims -----------------------------------------------------------------------------------


class IfActive(StrEnum):
    """What a claimed tick becomes if its job is at its limit."""

    SKIP = "skip"
    WAIT = "wait"
    """A waiting run, in the place of its job's waiting ticks: those are skipped."""
    WAIT_ALL = "wait_all"
    """A waiting run behind the others."""
    REPLACE = "replace"
    """As `WAIT`, and active ticks are cancelled, so that there is room: those that were started by
    their holders, and it waits for their end; others at once, and it may be granted."""


@dataclass(frozen=True, slots=True)
class TickClaim:
    """Claim a tick, or with no `fire_time` only record the gap and move on.

    `expected <= fire_time < following.fire_time`; no `following` means that the schedule has
    ended. Several of one job stand oldest first, each `expected` the `following` before it.
    """

    job: JobName
    generation: int
    expected: Instant
    fire_time: Instant | None
    following: Fire | None
    gap: Gap | None = None
    if_active: IfActive = IfActive.SKIP
    wanted_until: Instant | None = None
    """If it has to wait: promoted later than this, it is skipped."""

    @property
    def settles(self) -> Instant:
        """The last fire time that it settles. Raises ValueError when it is out of order."""
        last = self.fire_time if self.fire_time is not None else self.gap and self.gap.last
        if last is None:
            raise ValueError(f"job {self.job!r}: a claim needs a fire time or a gap")
        if last < self.expected or (self.following and self.following.fire_time <= last):
            raise ValueError(
                f"job {self.job!r}: expected {self.expected}, settled {last} and following "
                f"{self.following} are out of order"
            )
        return last


@dataclass(frozen=True, slots=True)
class PendingClaim:
    """Claim a run that `peek` listed as pending."""

    run: RunId


ClaimItem: TypeAlias = TickClaim | PendingClaim


def asks_to_cancel(items: Sequence[ClaimItem]) -> bool:
    """Whether a claim of these may ask the holder of a run to cancel it."""
    ticks = (each for each in items if isinstance(each, TickClaim))
    return any(each.if_active is IfActive.REPLACE for each in ticks)


@dataclass(frozen=True, slots=True)
class Granted:
    """The run is this session's."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Skipped:
    """The tick is settled without a run, and recorded."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Waiting:
    """The tick is settled; its run waits until its job is below its limit."""


class NotGranted(StrEnum):
    """The item changed nothing."""

    NOT_DUE = "not_due"
    LOST = "lost"
    """Others were first, or the job or the session is no longer as it was seen."""


ClaimAnswer: TypeAlias = Granted | Skipped | Waiting | NotGranted


def makes_more(answers: Sequence[ClaimAnswer]) -> bool:
    """Whether a claim that was answered so left shards for anybody."""
    return any(isinstance(each, Granted) and each.claim.shards > 1 for each in answers)


@dataclass(frozen=True, slots=True)
class Start:
    """The point of no return, asked for one claim."""

    run: RunId
    token: int
    start_id: StartId


def kept_text(error: str) -> str:
    """An error as it is stored: cut, and with `?` for what UTF-8 cannot say."""
    return error[:MOST_ERROR_CHARACTERS].encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Completion:
    """How an attempt ended. With `retry_in_ms` the run is made pending again."""

    run: RunId
    token: int
    outcome: Outcome
    retry_in_ms: int | None = None
    error: str = ""

    @property
    def kept_error(self) -> str:
        """The error as it is stored."""
        return kept_text(self.error)


class Recorded(StrEnum):
    """What a completion came to."""

    DONE = "done"
    LATE = "late"
    """The run was lost before; the outcome is kept beside it."""
    REFUSED = "refused"
    """The token is stale, or the run is not started."""
    UNANSWERED = "unanswered"
    """Others of the call were answered, this one was not: as after an error, say it again."""
