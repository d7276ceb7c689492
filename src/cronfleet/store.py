"""The store contract: what every store does, atomically, for the whole fleet.

Stores store; they do not decide. Lists go in and lists come out, one answer an item and in
order; no callback runs inside an atomic step. Every operation is one atomic step *per item*:
a store may cut a long list into several steps.

All instants are the store's own time, `now`, in milliseconds UTC: the greater of its clock and
of the greatest time that a `renew` has seen, while the two differ by at most
`CLOCK_STEP_BACK_MS`; after a longer step back it is the clock. No instance's clock is asked.

Every operation raises `StoreUnavailableError` when no answer came; whether the step was taken
is then unknown. Losing a race is an answer, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from cronfleet.model import (
    AuditRecord,
    Claim,
    Digest,
    Fire,
    Gap,
    GapRecord,
    History,
    InstanceRecord,
    Instant,
    JobName,
    JobRecord,
    OnLost,
    Outcome,
    ProgramName,
    Reason,
    RunId,
    RunRecord,
    RunState,
    SessionId,
    StartId,
)

CLOCK_STEP_BACK_MS = 60_000
"""A clock that stepped back by no more than this is waited for; after more it is believed."""

SOON_MS = 2_000
"""How far `peek` looks ahead."""

LOSSES_ALLOWED = 2
"""The loss after this many in a row ends a `rerun` run and pauses its job as poisoned."""

KEY_KEPT_MS = 24 * 3_600_000
"""How long an idempotency key is remembered."""

MOST_WAITING = 1_000
"""How many runs of one job may wait."""

MOST_AUDIT = 1_000
"""How many audit records are kept."""

MOST_ERROR_CHARACTERS = 2_000
"""An error text is cut to this length before it is stored."""

MOST_GAPS = 500
"""How many gap records of a job are kept."""


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself. An instance that sees another id or a lower epoch stops."""

    id: str
    epoch: int
    now: Instant
    schema: int


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
class Renewal:
    """The answer to a renewal that prolonged the session."""

    info: StoreInfo
    held: int
    tzdata: str
    """The newest version that any open session joined with."""
    peers: Sequence[Peer]


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


class Declared(StrEnum):
    """What a declaration came to."""

    NEW = "new"
    KEPT = "kept"
    CHANGED = "changed"
    SUPERSEDED = "superseded"
    """A newer definition is in force and somebody declares it; nothing was changed."""


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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a peek saw."""

    now: Instant
    due: Sequence[DueTick]
    soon: Sequence[DueTick]
    pending: Sequence[PendingRun]
    next_due: Instant | None
    """The earliest instant after `now` at which anything of the program is due."""


# --- claims -----------------------------------------------------------------------------------


class IfActive(StrEnum):
    """What a claimed tick becomes if its job is at its limit."""

    SKIP = "skip"


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


@dataclass(frozen=True, slots=True)
class Granted:
    """The run is this session's."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Skipped:
    """The tick is settled without a run, and recorded."""

    reason: Reason


class NotGranted(StrEnum):
    """The item changed nothing."""

    NOT_DUE = "not_due"
    LOST = "lost"
    """Others were first, or the job or the session is no longer as it was seen."""


ClaimAnswer: TypeAlias = Granted | Skipped | NotGranted


@dataclass(frozen=True, slots=True)
class Start:
    """The point of no return, asked for one claim."""

    run: RunId
    token: int
    start_id: StartId


@dataclass(frozen=True, slots=True)
class Completion:
    """How an attempt ended. With `retry_in_ms` the run is made pending again."""

    run: RunId
    token: int
    outcome: Outcome
    retry_in_ms: int | None = None
    error: str = ""


class Recorded(StrEnum):
    """What a completion came to."""

    DONE = "done"
    LATE = "late"
    """The run was lost before; the outcome is kept beside it."""
    REFUSED = "refused"
    """The token is stale, or the run is not started."""


# --- the operator's verbs ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it, why, and the key under which it is done once (kept `KEY_KEPT_MS`)."""

    key: str
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Triggered:
    """A run was made, by this order or by an earlier one with its key."""

    run: RunId
    state: RunState
    paused: bool
    """Its job is paused: the run goes on all the same."""


class Ordered(StrEnum):
    """What an order came to."""

    DONE = "done"
    CHANGED = "changed"
    """The job is not as it was seen: look again."""
    UNKNOWN = "unknown"
    """There is no such job."""
    FULL = "full"
    """`MOST_WAITING` runs wait already."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where an order moves a job's ticks: what it had seen, the gap it leaves, what follows."""

    generation: int
    expected: Instant | None
    following: Fire | None
    gap: Gap | None


class Renewer(Protocol):
    """A blocking connection of its own, for the thread that renews."""

    def renew(self, session: SessionId) -> Renewal | None:
        """Prolong the session by its TTL and raise its counter.

        Revives an expired session that is not closed. None: it is closed, for ever.
        """
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Store(Protocol):
    """Shared durable state. See the module's first lines for what holds of all of it."""

    @property
    def name(self) -> str:
        """The store's URL for people, its password masked."""
        ...

    async def open(self) -> StoreInfo:
        """Connect, create or migrate. Safe when all instances start at once; repeatable.

        Raises StoreRefusedError when the server cannot be used as it is.
        """
        ...

    async def aclose(self) -> None:
        """Give all connections back. Repeatable."""
        ...

    def renewer(self) -> Renewer:
        """A new connection for the renewal thread; the store must be open."""
        ...

    # --- sessions

    async def join(self, session: NewSession) -> None:
        """Open a session that ends `ttl_ms` from now unless renewed.

        Each id joins once. After an unanswered `join`, join with a fresh id.
        """
        ...

    async def leave(self, session: SessionId) -> None:
        """End one's own session. What it still holds is swept like a dead one's."""
        ...

    async def held(self, session: SessionId) -> list[HeldRun]:
        """The runs that the session holds."""
        ...

    async def close(self, session: SessionId, counter: int, epoch: int) -> bool:
        """End another's session, once and finally.

        Only if counter and epoch are still those and the session has expired; an expiry more
        than its TTL ahead (the clock was set back) counts as expired.
        """
        ...

    async def sweep(self, limit: int = 200) -> list[Swept]:
        """Take back runs of closed or missing sessions: by anyone, repeatable.

        Claimed runs become pending. Started runs become lost; or pending with the next attempt
        if the run says `rerun`, up to `LOSSES_ALLOWED` times in a row.
        """
        ...

    # --- jobs

    async def sync_jobs(
        self, session: SessionId, program: ProgramName, declarations: Sequence[Declaration]
    ) -> list[DeclareAnswer]:
        """Declare all jobs of an instance; its manifest is in force when all are declared.

        A definition never seen before wins. A superseded one comes back only when no other open
        session declares the one in force. The same definition changes nothing; one with the
        same `schedule_digest` keeps the expected fire time; another schedule leaves an expected
        fire time that is due already and moves a future one to `first`. Every change raises
        the generation.
        """
        ...

    async def note(self, name: str, value: str) -> str:
        """Set a named value once; answers the value that stands."""
        ...

    # --- ticks

    async def peek(self, program: ProgramName, limit: int, skip: int = 0) -> Seen:
        """What is due, soonest first, at most `limit` of each kind. Reserves nothing.

        `skip` passes over as many of each kind, to look further.
        """
        ...

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        """Claim ticks and pending runs.

        An item is granted if the session is open and unexpired, the job's expected fire time
        and generation are those of the item, it is due, and the job is neither paused nor at
        its limit. The same step advances the expected fire time and the watermark. Once one
        item of a job is refused, so are its later ones. Never repeat an unanswered claim: ask
        `held`.
        """
        ...

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        """CLAIMED to STARTED, while the session is open and unexpired.

        The same start id may be repeated; any other is refused.
        """
        ...

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        """Record outcomes, under the token alone: an expired session may still complete.

        The same outcome again is `DONE`. A run that ends makes room: its job's oldest waiting
        run becomes pending.
        """
        ...

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        """CLAIMED to PENDING: nobody ran it."""
        ...

    # --- the operator's verbs

    async def trigger(self, job: JobName, order: Order) -> Triggered | Ordered:
        """Make a run now: pending, or waiting while the job is at its limit."""
        ...

    async def pause(self, job: JobName, order: Order) -> Ordered:
        """Make no more ticks of the job. Runs there already go on."""
        ...

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        """Make ticks again, from `moved.following` on. Resuming a job at work changes nothing."""
        ...

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        """Settle the expected tick by hand, without a run."""
        ...

    # --- reading

    async def job(self, name: JobName) -> JobRecord | None:
        """One job."""
        ...

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        """Jobs by name, those above `after`."""
        ...

    async def definition(self, digest: Digest) -> str | None:
        """A definition's JSON."""
        ...

    async def run(self, run: RunId) -> RunRecord | None:
        """One run."""
        ...

    async def runs(self, job: JobName, limit: int = 50, skip: int = 0) -> list[RunRecord]:
        """A job's runs, the newest made first."""
        ...

    async def gaps(self, job: JobName, limit: int = 50, skip: int = 0) -> list[GapRecord]:
        """A job's gaps, the newest first. Adjoining gaps with one reason are one."""
        ...

    async def instances(self) -> list[InstanceRecord]:
        """The open sessions."""
        ...

    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditRecord]:
        """What operators did, the newest first."""
        ...

    async def prune(self, job: JobName, history: History, limit: int = 200) -> int:
        """Delete ended runs beyond the job's history; answers how many.

        Succeeded and skipped runs are counted apart from the others, so that successes never
        push a failure out.
        """
        ...
