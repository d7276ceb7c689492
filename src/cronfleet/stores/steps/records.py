"""What a step may read and write while its transaction lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cronfleet.model import (
    AuditRecord,
    Backfill,
    Digest,
    GapRecord,
    Instant,
    JobName,
    JobRecord,
    LockOwner,
    ProgramName,
    RunId,
    RunRecord,
    SessionId,
)
from cronfleet.store import CLOCK_STEP_BACK_MS, LogLine, LogPlace, SizedPlace


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """An open session. A closed one has no record, and its id never comes back."""

    id: SessionId
    program: ProgramName
    label: str
    ttl_ms: int
    tzdata: str
    joined_at: Instant
    expires_at: Instant
    counter: int = 0
    manifest: Digest = ""

    def is_expired(self, now: Instant) -> bool:
        """Whether its lease has run out; it may still be revived until it is closed."""
        return self.expires_at <= now

    def has_stale_expiry(self, now: Instant) -> bool:
        """Whether it ends further ahead than a renewal reaches: the clock was set back."""
        return self.expires_at > now + self.ttl_ms


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """The one record of the fleet as a whole."""

    store_id: str
    epoch: int
    greatest_ms: Instant
    """The greatest time that a renewal has seen."""
    last_token: int
    """The last that was given, in a store that keeps it here."""
    lived_ms: int = 0
    adopted: bool = False


# Tokens follow the clock, so that a store that lost its last writes issues none of them again.
TOKENS_PER_MS = 1_024


def token_after(last: int, now: Instant) -> int:
    """The token that follows the last one given."""
    return max(last + 1, now * TOKENS_PER_MS)


@dataclass(frozen=True, slots=True)
class LockRecord:
    """A lock that was granted and not given back; it may have expired since."""

    name: str
    owner: LockOwner
    token: int
    ttl_ms: int
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class WaiterRecord:
    """A place in a lock's queue: the lowest is the next."""

    name: str
    owner: LockOwner
    place: int
    kept_until: Instant


def time_of(clock_ms: Instant, greatest_ms: Instant) -> Instant:
    """The store's now: a clock that stepped back a little is waited for, see `Store`."""
    if clock_ms < greatest_ms <= clock_ms + CLOCK_STEP_BACK_MS:
        return greatest_ms
    return clock_ms


class LogTable(Protocol):
    """The lines that handlers log. Those of a run go with its record."""

    def sizes(self, runs: Iterable[RunId]) -> Mapping[RunId, Sequence[SizedPlace]]:
        """What is kept of each of these runs, in the order of its places."""
        ...

    def put(self, run: RunId, lines: Sequence[LogLine]) -> None:
        """Add lines whose places are free."""
        ...

    def drop(self, run: RunId, places: Sequence[LogPlace]) -> None: ...
    def lines(self, run: RunId, after: LogPlace) -> Sequence[LogLine]:
        """The lines past a place, in the order of their places."""
        ...


class Records(Protocol):
    """The tables of one fleet, inside one transaction."""

    @property
    def logs(self) -> LogTable: ...

    @property
    def now(self) -> Instant:
        """The store's time, read once when the transaction had its locks."""
        ...

    def fleet(self) -> FleetRecord: ...
    def put_fleet(self, fleet: FleetRecord) -> None: ...
    def next_token(self) -> int:
        """A token above every one that was given before."""
        ...

    def note(self, name: str) -> str | None: ...
    def put_note(self, name: str, value: str) -> None: ...

    def session(self, session: SessionId) -> SessionRecord | None: ...
    def put_session(self, session: SessionRecord) -> None: ...
    def drop_session(self, session: SessionId) -> None: ...
    def sessions(self) -> Sequence[SessionRecord]: ...

    def put_manifest(self, manifest: Digest, digests: Iterable[Digest]) -> None: ...
    def manifest_names(self, manifest: Digest, digest: Digest) -> bool: ...
    def drop_manifests_but(self, manifests: Iterable[Digest]) -> None: ...

    def definition(self, digest: Digest) -> str | None: ...
    def put_definition(self, digest: Digest, json: str) -> None: ...

    def supersede(self, job: JobRecord, new: Digest, keep: int) -> None:
        """Forget a job's definitions but `new` and the `keep` that were superseded last.

        Those of edition 0 are counted by themselves. That of `job` is superseded now, and `new` is so no more.
        """
        ...

    def edition_of(self, job: JobName, digest: Digest) -> int | None:
        """The edition of a superseded definition; None if it is not remembered."""
        ...

    def job(self, name: JobName) -> JobRecord | None: ...
    def put_job(self, job: JobRecord) -> None: ...
    def jobs(self, limit: int, after: JobName) -> Sequence[JobRecord]:
        """By name."""
        ...

    def jobs_due(
        self, program: ProgramName, low: Instant, high: Instant, limit: int, skip: int
    ) -> Sequence[JobRecord]:
        """Jobs not paused whose tick is due in low < due <= high, soonest first, then by name."""
        ...

    def next_due(self, program: ProgramName, after: Instant) -> Instant | None:
        """The earliest due instant, not-before or end of a pause above `after`."""
        ...

    def jobs_resuming(self, program: ProgramName, until: Instant, limit: int) -> Sequence[JobName]:
        """Jobs whose pause ends up to the instant, the earliest first, then by name."""
        ...

    def run(self, run: RunId) -> RunRecord | None: ...
    def put_run(self, run: RunRecord) -> None: ...
    def drop_run(self, run: RunId) -> None:
        """Forget it, and what it logged."""
        ...

    def runs(self, job: JobName, limit: int, skip: int) -> Sequence[RunRecord]:
        """The newest made first; of one instant, the greatest id first."""
        ...

    def runs_pending(
        self, program: ProgramName, until: Instant, limit: int, skip: int
    ) -> Sequence[RunRecord]:
        """Pending runs with not-before <= until, the longest ready first, then by id."""
        ...

    def shards_of(self, tick: RunRecord) -> Sequence[RunRecord]:
        """All shards of a tick, in their order."""
        ...

    def oldest_waiting(self, job: JobName) -> RunRecord | None: ...
    def ticks_waiting(self, job: JobName) -> Sequence[RunRecord]:
        """The waiting runs that are ticks, the oldest first."""
        ...

    def count_waiting(self, job: JobName) -> int: ...
    def runs_held(self, session: SessionId) -> Sequence[RunRecord]: ...
    def count_held(self, session: SessionId) -> int: ...
    def runs_to_cancel(self, session: SessionId) -> Sequence[RunRecord]:
        """The runs that it holds and was asked to cancel, by id."""
        ...

    def runs_orphaned(self, limit: int) -> Sequence[RunRecord]:
        """Claimed and started runs whose session has no record."""
        ...

    def runs_beyond(
        self, job: JobName, *, succeeded: bool, keep: int, before: Instant, limit: int
    ) -> Sequence[tuple[RunId, int]]:
        """Ended runs past the newest `keep`, or that ended before `before`; no shards.

        With each the number of its shards, which are to go with it. `succeeded` picks SUCCEEDED and SKIPPED, else all other terminal states.
        """
        ...

    def gaps(self, job: JobName, limit: int, skip: int) -> Sequence[GapRecord]:
        """The last fire time first; of one, the one that began last."""
        ...

    def put_gap(self, gap: GapRecord) -> None:
        """Insert, or replace the job's gap that has the same first fire time."""
        ...

    def drop_gaps_beyond(self, job: JobName, keep: int) -> None: ...

    def backfills(self, job: JobName) -> Sequence[Backfill]:
        """The newest first."""
        ...

    def put_backfill(self, job: JobName, backfill: Backfill) -> None: ...
    def drop_backfills_beyond(self, job: JobName, keep: int) -> None: ...

    def answer_to(self, key: str) -> str | None: ...
    def put_answer(self, key: str, answer: str) -> None: ...
    def drop_answers_before(self, instant: Instant) -> None: ...
    def audit(self, limit: int, skip: int) -> Sequence[AuditRecord]:
        """The newest first."""
        ...

    def put_audit(self, audit: AuditRecord) -> None: ...
    def drop_audit_beyond(self, keep: int) -> None: ...

    def lock(self, name: str) -> LockRecord | None: ...
    def put_lock(self, lock: LockRecord) -> None: ...
    def drop_lock(self, name: str) -> None: ...
    def drop_locks_until(self, instant: Instant) -> None:
        """Those of any name that expire at the instant or before, and who waits until then."""
        ...

    def waiter(self, name: str, owner: LockOwner) -> WaiterRecord | None: ...
    def put_waiter(self, waiter: WaiterRecord) -> None: ...
    def drop_waiter(self, name: str, owner: LockOwner) -> None: ...
    def drop_waiters_but(self, name: str, low: Instant, high: Instant) -> None:
        """Keep those that are kept until low < instant <= high."""
        ...

    def next_waiter(self, name: str) -> WaiterRecord | None: ...
    def count_waiters(self, name: str, below: int) -> int:
        """Those with a place below this one."""
        ...
