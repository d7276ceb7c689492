"""What a step wrote, kept until its end: then one query for each kind of record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from cronfleet.model import (
    AuditRecord,
    Backfill,
    Digest,
    GapRecord,
    Instant,
    JobName,
    JobRecord,
    LockOwner,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.stores.postgres.queries import Query, ordered, query, rows_of, setting_tokens
from cronfleet.stores.steps.records import (
    FleetRecord,
    LockRecord,
    SessionRecord,
    WaiterRecord,
)
from cronfleet.stores.steps.rows import Values, gap_values, job_values, run_values


@dataclass(slots=True)
class Writes:
    """The records as they are to be; None where one is to go."""

    fleet: FleetRecord | None = None
    last_token: int | None = None
    """Above which tokens are to go on, if that is not so."""
    notes: dict[str, str] = field(default_factory=dict[str, str])
    sessions: dict[SessionId, SessionRecord | None] = field(
        default_factory=dict[SessionId, SessionRecord | None]
    )
    manifests: dict[Digest, frozenset[Digest]] = field(
        default_factory=dict[Digest, frozenset[Digest]]
    )
    kept_manifests: frozenset[Digest] | None = None
    definitions: dict[Digest, str] = field(default_factory=dict[Digest, str])
    superseded: dict[JobName, dict[Digest, int | None]] = field(
        default_factory=dict[JobName, dict[Digest, int | None]]
    )
    """The editions of a job's definitions that are superseded now, the last of them last; None
    for those that are so no more."""
    kept_superseded: int = 0
    jobs: dict[JobName, JobRecord] = field(default_factory=dict[JobName, JobRecord])
    runs: dict[RunId, RunRecord | None] = field(default_factory=dict[RunId, RunRecord | None])
    put_in_place: JobName | None = None
    log_lines: list[Values] = field(default_factory=list[Values])
    dropped_log_lines: list[Values] = field(default_factory=list[Values])
    gaps: dict[tuple[JobName, Instant], GapRecord] = field(
        default_factory=dict[tuple[JobName, Instant], GapRecord]
    )
    kept_gaps: dict[JobName, int] = field(default_factory=dict[JobName, int])
    backfill: tuple[JobName, Backfill] | None = None
    kept_backfills: int = 0
    answers: dict[str, tuple[str, Instant]] = field(default_factory=dict[str, tuple[str, Instant]])
    old_answers: Instant | None = None
    audit: list[AuditRecord] = field(default_factory=list[AuditRecord])
    kept_audit: int | None = None
    locks: dict[str, LockRecord | None] = field(default_factory=dict[str, LockRecord | None])
    waiters: dict[tuple[str, LockOwner], WaiterRecord | None] = field(
        default_factory=dict[tuple[str, LockOwner], WaiterRecord | None]
    )
    old_locks: Instant | None = None

    @property
    def has_pending_runs(self) -> bool:
        """Whether a run became pending."""
        return any(run and run.state is RunState.PENDING for run in self.runs.values())

    @property
    def asks_to_cancel(self) -> bool:
        """Whether the holder of a run is asked to cancel it."""
        return any(run and run.session and run.cancel_asked_at for run in self.runs.values())

    def queries(self) -> list[Query]:
        """In the order in which locks are taken; runs after their jobs, whose program they take."""
        return [
            *self._of_fleet(),
            *self._of_sessions(),
            *self._of_jobs(),
            *self._of_runs(),
            *self._of_logs(),
            *self._of_gaps(),
            *self._of_backfills(),
            *self._of_orders(),
            *self._of_locks(),
        ]

    def _of_fleet(self) -> Iterator[Query]:
        if self.fleet:
            values = asdict(self.fleet)
            del values["last_token"]
            yield query("put_fleet", **values)
        if self.last_token is not None:
            raised = query("raise_token", token=self.last_token)
            yield from setting_tokens(Query("hold_token"), raised)
        if self.notes:
            notes = [{"name": name, "value": value} for name, value in self.notes.items()]
            yield query("put_notes", rows=rows_of(notes))

    def _of_sessions(self) -> Iterator[Query]:
        put = [asdict(session) for session in self.sessions.values() if session]
        gone = [session for session, record in self.sessions.items() if record is None]
        if put:
            yield query("put_sessions", rows=rows_of(put))
        if gone:
            yield query("drop_sessions", ids=ordered(gone))
        for manifest, digests in self.manifests.items():
            yield query("put_manifest", manifest=manifest, digests=ordered(digests))
        if self.kept_manifests is not None:
            yield query("drop_manifests_but", manifests=ordered(self.kept_manifests))

    def _of_jobs(self) -> Iterator[Query]:
        if self.definitions:
            put = [{"digest": digest, "json": json} for digest, json in self.definitions.items()]
            yield query("put_definitions", rows=rows_of(put))
        yield from self._of_superseded()
        if self.jobs:
            yield query("put_jobs", rows=rows_of(map(job_values, self.jobs.values())))

    def _of_superseded(self) -> Iterator[Query]:
        told = [
            {"job": job, "digest": digest, "edition": edition}
            for job, digests in self.superseded.items()
            for digest, edition in digests.items()
        ]
        if told:
            yield query("drop_superseded", rows=rows_of(told))
            now = [row for row in told if row["edition"] is not None]
            yield query("put_superseded", rows=rows_of(now))
            jobs = ordered(self.superseded)
            yield query("drop_superseded_beyond", jobs=jobs, keep=self.kept_superseded)

    def _of_runs(self) -> Iterator[Query]:
        put = [run_values(run) for run in self.runs.values() if run]
        gone = [str(run) for run, record in self.runs.items() if record is None]
        if put:
            yield query("put_runs", rows=rows_of(put))
        if gone:
            yield query("drop_runs", ids=ordered(gone))
        if self.put_in_place is not None:
            yield query("put_in_place", job=self.put_in_place)

    def _of_logs(self) -> Iterator[Query]:
        if self.dropped_log_lines:
            yield query("drop_log_lines", rows=rows_of(self.dropped_log_lines))
        if self.log_lines:
            yield query("put_log_lines", rows=rows_of(self.log_lines))

    def _of_gaps(self) -> Iterator[Query]:
        if self.gaps:
            yield query("put_gaps", rows=rows_of(map(gap_values, self.gaps.values())))
        for keep in set(self.kept_gaps.values()):
            jobs = ordered(job for job, kept in self.kept_gaps.items() if kept == keep)
            yield query("drop_gaps_beyond", jobs=jobs, keep=keep)

    def _of_backfills(self) -> Iterator[Query]:
        if self.backfill:
            job, backfill = self.backfill
            yield query("put_backfill", job=job, **asdict(backfill))
            yield query("drop_backfills_beyond", job=job, keep=self.kept_backfills)

    def _of_orders(self) -> Iterator[Query]:
        if self.old_answers is not None:
            yield query("drop_answers_before", before=self.old_answers)
        if self.answers:
            said = [
                {"key": key, "answer": answer, "answered_at": at}
                for key, (answer, at) in self.answers.items()
            ]
            yield query("put_answers", rows=rows_of(said))
        if self.audit:
            yield query("put_audit", rows=rows_of(map(asdict, self.audit)))
        if self.kept_audit is not None:
            yield query("drop_audit_beyond", keep=self.kept_audit)

    def _of_locks(self) -> Iterator[Query]:
        if self.old_locks is not None and (self.locks or self.waiters):
            # Only tidying up: whoever writes nothing else is not kept waiting by it.
            yield query("drop_locks_until", instant=self.old_locks)
            yield query("drop_waiters_until", instant=self.old_locks)
        put = [asdict(lock) for lock in self.locks.values() if lock]
        gone = [name for name, lock in self.locks.items() if lock is None]
        if put:
            yield query("put_locks", rows=rows_of(put))
        if gone:
            yield query("drop_locks", names=ordered(gone))
        yield from self._of_waiters()

    def _of_waiters(self) -> Iterator[Query]:
        put = [asdict(waiter) for waiter in self.waiters.values() if waiter]
        gone = [
            {"name": name, "owner": owner}
            for (name, owner), waiter in self.waiters.items()
            if waiter is None
        ]
        if put:
            yield query("put_waiters", rows=rows_of(put))
        if gone:
            yield query("drop_waiters", rows=rows_of(gone))
