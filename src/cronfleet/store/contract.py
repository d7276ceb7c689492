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

from collections.abc import Mapping, Sequence
from typing import Protocol

from cronfleet.model import (
    AuditRecord,
    Backfill,
    Claim,
    Digest,
    GapRecord,
    History,
    InstanceRecord,
    Instant,
    JobName,
    JobRecord,
    LockOwner,
    ProgramName,
    RunId,
    RunRecord,
    SessionId,
)
from cronfleet.promise import Promise
from cronfleet.store.defining import Defining, Mark
from cronfleet.store.faults import Fault
from cronfleet.store.locks import LockAnswer, Locker
from cronfleet.store.logs import Logging
from cronfleet.store.orders import Backfilled, Moved, Order, Ordered, Triggered
from cronfleet.store.values import (
    ClaimAnswer,
    ClaimItem,
    Completion,
    Declaration,
    DeclareAnswer,
    HeldRun,
    NewSession,
    Recorded,
    Renewal,
    Seen,
    Start,
    StoreInfo,
    Swept,
)


class Renewer(Protocol):
    """A blocking connection of its own, for the thread that renews."""

    def renew(self, session: SessionId) -> Renewal | None:
        """Prolong the session by its TTL and raise its counter.

        The answer names the runs that the session is asked to cancel.
        Revives an expired session that is not closed. None: it is closed, for ever.
        """
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Hints(Protocol):
    """Hints about one topic: that something may have changed. Never needed for safety.

    They may be lost, late, doubled, or about nothing: whoever waits also looks now and then.
    """

    async def next(self) -> None:
        """Return when a hint has come since the last return; at once if that is so already."""
        ...

    def close(self) -> None:
        """Listen no longer. Repeatable."""
        ...


class Store(Defining, Logging, Protocol):
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

    async def promise(self) -> Promise:
        """What it can promise as it is configured now: the store is asked."""
        ...

    async def aclose(self) -> None:
        """Give all connections back. Repeatable."""
        ...

    def renewer(self) -> Renewer:
        """A new connection for the renewal thread; the store must be open."""
        ...

    def hints(self, topic: str) -> Hints:
        """Listen to a topic from now on; the store must be open.

        `DUE`: a run became pending, or a job's ticks were moved by other than a claim.
        `CANCEL`: the holder of a started run was asked to cancel it.
        `lock_topic(owner)`: a lock was given back for which this waiter is the next. A store
        tells at least its own users in this process, and others as far as it can.
        """
        ...

    @property
    def tells_all(self) -> bool:
        """Whether hints also reach those who listen in other processes, if nothing fails."""
        ...

    def another(self) -> Store:
        """The same shared state, for another event loop: not open yet, closed by itself."""
        ...

    def locker(self) -> Locker:
        """A way to the locks for threads; the store must be open, in the running event loop."""
        ...

    # --- sessions

    async def join(self, session: NewSession) -> None:
        """Open a session that ends `ttl_ms` from now unless renewed.

        An id joins once: one that is open stays as it is. After no answer, join with a fresh id.
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
        if the run says `rerun` and was not asked to cancel, up to `LOSSES_ALLOWED` dead
        sessions in a row. Nothing, when there is nothing more to take back.
        """
        ...

    # --- jobs

    async def sync_jobs(
        self,
        session: SessionId,
        program: ProgramName,
        declarations: Sequence[Declaration],
        marks: Sequence[Mark] = (),
    ) -> list[DeclareAnswer]:
        """Declare all jobs of an instance; its manifest is in force when all are declared.

        Of the definitions that open sessions declare the one that was seen first last is in
        force: so one never seen before wins, and an older one comes back only when no other open
        session declares the one in force, and none, this one included, marks its handler. The last
        `MOST_SUPERSEDED` are remembered; one before those counts as never seen. The same definition
        changes nothing; one with the same `schedule_digest` keeps the expected fire time; another
        schedule leaves one that is due already and moves a future one to `first`. Every change
        raises the generation.
        """
        ...

    async def note(self, name: str, value: str) -> str:
        """Set a named value once; answers the value that stands."""
        ...

    # --- ticks

    async def peek(self, program: ProgramName, limit: int, skip: int = 0) -> Seen:
        """What is due, soonest first, at most `limit` of each kind. Reserves nothing.

        Of what is due within `SOON_MS` it is the first `MOST_SOON` at most.
        `skip` passes over as many of what is due and of the pending runs, to look further.
        """
        ...

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        """Claim ticks and pending runs.

        An item is granted if the session is open and unexpired, the job's expected fire time and
        generation are those of the item, it is due, and the job is neither paused nor at its limit.
        There a tick is skipped, or its run waits, as the item says. The same step advances the
        expected fire time and the watermark. A run that is granted is lost as the definition says
        that is in force then. Once one item of a job is refused, so are its later ones. What
        another call is changing then may be `LOST`, as if it were first. Never repeat an unanswered
        claim: ask `held`. Raises ValueError, with nothing claimed, when a tick is out of order.
        """
        ...

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        """CLAIMED to STARTED, while the session is open and unexpired.

        The same start id may be repeated; any other is refused.
        """
        ...

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        """Record outcomes, under the token alone: an expired session may still complete.

        The same outcome again is `DONE`. A run that was asked to cancel ends with its attempt. One
        that ends makes room, here or in any other step: its job's oldest waiting run becomes
        pending, or is skipped if it is not wanted any more. What is not got to is `UNANSWERED`.
        """
        ...

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        """CLAIMED to PENDING: nobody ran it."""
        ...

    # --- the operator's verbs

    async def trigger(self, job: JobName, order: Order) -> Triggered | Ordered:
        """Make a run now: pending, or waiting while the job is at its limit."""
        ...

    async def pause(self, job: JobName, order: Order, until: Instant | None = None) -> Ordered:
        """Make no more ticks of the job, until it is resumed. Runs there already go on.

        From `until` on, a peek names it as `resuming`. Of a job that a person has paused another
        end replaces the pause; the same changes nothing, nor does any pause of a poisoned job.
        `ENDED`: `until` has passed already. A job that is poisoned meanwhile has no end any more.
        """
        ...

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        """Make ticks again, from `moved.following` on. Resuming a job at work changes nothing."""
        ...

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        """Settle the expected tick by hand, without a run."""
        ...

    async def backfill(
        self, job: JobName, fire_times: Sequence[Instant], order: Order, *, again: bool
    ) -> Backfilled | Ordered:
        """Make a run of each fire time, 1 to `MOST_BACKFILLED`: all of them or none.

        They are pending, or waiting while the job is at its limit. Unless `again`, one that has a
        run that was started or may yet be is passed over: its tick's, or an earlier back-fill's.
        The caller names none that may yet become a tick.
        """
        ...

    async def cancel(self, run: RunId, order: Order) -> Ordered:
        """Cancel a run.

        `DONE`: nobody had started it, and nobody will. `ASKED`: its session hears of it with each
        answer to `renew`; it makes no further attempt, however this one ends.
        """
        ...

    # --- after a reset

    async def settle(self, id_seen: str, job: JobName, moved: Moved) -> Ordered:
        """Settle a job's ticks without runs, and without a word in the audit.

        Only while the store's id is the one that was seen; else `CHANGED`.
        """
        ...

    async def clear(self, id_seen: str, job: JobName, limit: int = 200) -> int:
        """Cancel runs of a job that nobody has started, and promote none; answers how many.

        Only while the store's id is the one that was seen; else none.
        """
        ...

    async def adopt(self, id_seen: str, order: Order) -> StoreInfo:
        """Give the store a fresh id and a higher epoch, and say that it is adopted.

        Only while its id is the one that was seen; else it changes nothing. Answers what the
        store says of itself then: adopted under another id, by this order or by another's.
        """
        ...

    # --- care

    async def check(
        self, job: JobName, moved: Moved | None = None, repair: Order | None = None
    ) -> list[Fault]:
        """What is wrong with a job, its runs and all that points to them: one step.

        With an order, mends what can be mended, and puts that on record. Ticks are moved only by
        `moved`: its `following` is the first fire time after now and after a watermark not ahead.
        """
        ...

    async def check_fleet(self, repair: Order | None = None) -> list[Fault]:
        """The same for sessions and for what points to nothing."""
        ...

    # --- locks

    async def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        """Take a named lock for `ttl_ms`; else, with `waits`, a place in its queue.

        It is granted when nobody holds it and no other waiter came before. Each acquisition has
        an owner of its own, and one that holds the lock already is granted the same token, for
        `ttl_ms` from now: an unanswered call may be repeated. A waiter asks again within
        `WAITER_KEPT_MS`, or loses its place. An expiry more than the TTL and
        `CLOCK_STEP_BACK_MS` ahead (the clock was set back) counts as expired.
        """
        ...

    async def renew_lock(self, name: str, owner: LockOwner, ttl_ms: int) -> bool:
        """Prolong the lock to `ttl_ms` from now, if the owner still holds it."""
        ...

    async def unlock(self, name: str, owner: LockOwner) -> bool:
        """Give the lock back, or the place in its queue.

        Answers whether nobody else had been granted it since, though it may have expired. The
        next in the queue is told. Nothing is left of a lock that nobody holds or waits for.
        """
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

    async def backfills(self, job: JobName) -> list[Backfill]:
        """What was back-filled of a job, the newest first: also where the runs are kept no more."""
        ...

    async def instances(self) -> list[InstanceRecord]:
        """The open sessions."""
        ...

    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditRecord]:
        """What operators did, the newest first."""
        ...

    async def prune(self, kept: Mapping[JobName, History], limit: int = 200) -> int:
        """Delete ended runs beyond each job's history, up to `limit` in all; answers how many.

        Succeeded and skipped runs are counted apart from the others, so that successes never
        push a failure out.
        """
        ...
