"""The tables of one fleet, lent to the steps inside one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from cronfleet.clock import Clock
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
from cronfleet.stores.sqlite.logs import SqliteLogs
from cronfleet.stores.sqlite.statements import named_statements
from cronfleet.stores.steps.records import (
    FleetRecord,
    LockRecord,
    LogTable,
    SessionRecord,
    WaiterRecord,
    time_of,
    token_after,
)
from cronfleet.stores.steps.rows import (
    gap_from,
    gap_values,
    job_from,
    job_values,
    run_from,
    run_id_from,
    run_values,
)

_SQL = named_statements()


class SqliteRecords:
    """`Records` over a connection, whose transaction somebody else begins and commits."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._now: Instant = 0
        self.logs: LogTable = SqliteLogs(connection)

    @property
    def now(self) -> Instant:
        return self._now

    def read_clock(self) -> None:
        greatest_ms = self.fleet().greatest_ms  # First: a reader has its lock only now.
        self._now = time_of(self._clock.wall_ms(), greatest_ms)

    # --- the fleet

    def fleet(self) -> FleetRecord:
        fleet = FleetRecord(**self._rows("fleet")[0])
        return replace(fleet, adopted=bool(fleet.adopted))

    def put_fleet(self, fleet: FleetRecord) -> None:
        self._do("put_fleet", **asdict(fleet))

    def next_token(self) -> int:
        fleet = self.fleet()
        token = token_after(fleet.last_token, self._now)
        self.put_fleet(replace(fleet, last_token=token))
        return token

    def note(self, name: str) -> str | None:
        return self._value("note", name=name)

    def put_note(self, name: str, value: str) -> None:
        self._do("put_note", name=name, value=value)

    # --- sessions

    def session(self, session: SessionId) -> SessionRecord | None:
        row = self._row("session", id=session)
        return SessionRecord(**row) if row else None

    def put_session(self, session: SessionRecord) -> None:
        self._do("put_session", **asdict(session))

    def drop_session(self, session: SessionId) -> None:
        self._do("drop_session", id=session)

    def sessions(self) -> Sequence[SessionRecord]:
        return [SessionRecord(**row) for row in self._rows("sessions")]

    def put_manifest(self, manifest: Digest, digests: Iterable[Digest]) -> None:
        self._connection.executemany(
            _SQL["put_in_manifest"],
            [{"manifest": manifest, "digest": digest} for digest in digests],
        )

    def manifest_names(self, manifest: Digest, digest: Digest) -> bool:
        return self._row("in_manifest", manifest=manifest, digest=digest) is not None

    def drop_manifests_but(self, manifests: Iterable[Digest]) -> None:
        kept = set(manifests)
        manifest: Digest | None = ""
        while (manifest := self._value("next_manifest", manifest=manifest)) is not None:
            if manifest not in kept:
                self._do("drop_manifest", manifest=manifest)

    # --- jobs

    def definition(self, digest: Digest) -> str | None:
        return self._value("definition", digest=digest)

    def put_definition(self, digest: Digest, json: str) -> None:
        self._do("put_definition", digest=digest, json=json)

    def supersede(self, job: JobRecord, new: Digest, keep: int) -> None:
        for digest in (job.digest, new):
            self._do("drop_superseded", job=job.name, digest=digest)
        self._do("put_superseded", job=job.name, digest=job.digest, edition=job.edition)
        for row in self._rows("superseded_beyond", job=job.name, keep=keep):
            self._do("drop_superseded", job=job.name, digest=row["digest"])
            self._do("drop_definition", digest=row["digest"])

    def edition_of(self, job: JobName, digest: Digest) -> int | None:
        return self._value("edition", job=job, digest=digest)

    def job(self, name: JobName) -> JobRecord | None:
        row = self._row("job", name=name)
        return job_from(row) if row else None

    def put_job(self, job: JobRecord) -> None:
        self._do("put_job", **job_values(job))

    def jobs(self, limit: int, after: JobName) -> Sequence[JobRecord]:
        return [job_from(row) for row in self._rows("jobs", after=after, limit=limit)]

    def jobs_due(
        self, program: ProgramName, low: Instant, high: Instant, limit: int, skip: int
    ) -> Sequence[JobRecord]:
        rows = self._rows("jobs_due", program=program, low=low, high=high, limit=limit, skip=skip)
        return [job_from(row) for row in rows]

    def next_due(self, program: ProgramName, after: Instant) -> Instant | None:
        return self._value("next_due", program=program, after=after)

    def jobs_resuming(self, program: ProgramName, until: Instant, limit: int) -> Sequence[JobName]:
        rows = self._rows("jobs_resuming", program=program, until=until, limit=limit)
        return [row["name"] for row in rows]

    # --- runs

    def run(self, run: RunId) -> RunRecord | None:
        row = self._row("run", id=str(run))
        return run_from(row) if row else None

    def put_run(self, run: RunRecord) -> None:
        self._do("put_run", **run_values(run))

    def drop_run(self, run: RunId) -> None:
        self._do("drop_run", id=str(run))

    def misplaced_runs(self, job: JobName) -> Sequence[RunId]:
        """Runs that stand under another program than their job's."""
        return [run_id_from(row) for row in self._rows("misplaced_runs", job=job)]

    def put_in_place(self, job: JobName) -> None:
        """Put each run under its job's program."""
        self._do("put_in_place", job=job)

    def runs(self, job: JobName, limit: int, skip: int) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._rows("runs", job=job, limit=limit, skip=skip)]

    def runs_pending(
        self, program: ProgramName, until: Instant, limit: int, skip: int
    ) -> Sequence[RunRecord]:
        rows = self._rows("runs_pending", program=program, until=until, limit=limit, skip=skip)
        return [run_from(row) for row in rows]

    def shards_of(self, tick: RunRecord) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._rows("shards_of", id=str(tick.id))]

    def oldest_waiting(self, job: JobName) -> RunRecord | None:
        row = self._row("oldest_waiting", job=job)
        return run_from(row) if row else None

    def ticks_waiting(self, job: JobName) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._rows("ticks_waiting", job=job)]

    def count_waiting(self, job: JobName) -> int:
        return self._value("count_waiting", job=job)

    def runs_held(self, session: SessionId) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._rows("runs_held", session=session)]

    def count_held(self, session: SessionId) -> int:
        return self._value("count_held", session=session)

    def runs_to_cancel(self, session: SessionId) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._rows("runs_to_cancel", session=session)]

    def runs_orphaned(self, limit: int) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._rows("runs_orphaned", limit=limit)]

    def runs_beyond(
        self, job: JobName, *, succeeded: bool, keep: int, before: Instant, limit: int
    ) -> Sequence[tuple[RunId, int]]:
        rows = self._rows(
            "runs_beyond",
            job=job,
            succeeded=int(succeeded),
            keep=keep,
            before=before,
            limit=limit,
        )
        return [(run_id_from(row), row["shards"]) for row in rows]

    # --- gaps, answers, audit

    def gaps(self, job: JobName, limit: int, skip: int) -> Sequence[GapRecord]:
        return [gap_from(row) for row in self._rows("gaps", job=job, limit=limit, skip=skip)]

    def put_gap(self, gap: GapRecord) -> None:
        self._do("put_gap", **gap_values(gap))

    def drop_gaps_beyond(self, job: JobName, keep: int) -> None:
        self._do("drop_gaps_beyond", job=job, keep=keep)

    def backfills(self, job: JobName) -> Sequence[Backfill]:
        return [Backfill(**row) for row in self._rows("backfills", job=job)]

    def put_backfill(self, job: JobName, backfill: Backfill) -> None:
        self._do("put_backfill", job=job, **asdict(backfill))

    def drop_backfills_beyond(self, job: JobName, keep: int) -> None:
        self._do("drop_backfills_beyond", job=job, keep=keep)

    def answer_to(self, key: str) -> str | None:
        return self._value("answer", key=key)

    def put_answer(self, key: str, answer: str) -> None:
        self._do("put_answer", key=key, answer=answer, answered_at=self._now)

    def drop_answers_before(self, instant: Instant) -> None:
        self._do("drop_answers_before", before=instant)

    def audit(self, limit: int, skip: int) -> Sequence[AuditRecord]:
        return [AuditRecord(**row) for row in self._rows("audit", limit=limit, skip=skip)]

    def put_audit(self, audit: AuditRecord) -> None:
        self._do("put_audit", **asdict(audit))

    def drop_audit_beyond(self, keep: int) -> None:
        self._do("drop_audit_beyond", keep=keep)

    # --- locks

    def lock(self, name: str) -> LockRecord | None:
        row = self._row("lock", name=name)
        return LockRecord(**row) if row else None

    def put_lock(self, lock: LockRecord) -> None:
        self._do("put_lock", **asdict(lock))

    def drop_lock(self, name: str) -> None:
        self._do("drop_lock", name=name)

    def drop_locks_until(self, instant: Instant) -> None:
        self._do("drop_locks_until", instant=instant)
        self._do("drop_waiters_until", instant=instant)

    def waiter(self, name: str, owner: LockOwner) -> WaiterRecord | None:
        row = self._row("waiter", name=name, owner=owner)
        return WaiterRecord(**row) if row else None

    def put_waiter(self, waiter: WaiterRecord) -> None:
        self._do("put_waiter", **asdict(waiter))

    def drop_waiter(self, name: str, owner: LockOwner) -> None:
        self._do("drop_waiter", name=name, owner=owner)

    def drop_waiters_but(self, name: str, low: Instant, high: Instant) -> None:
        self._do("drop_waiters_but", name=name, low=low, high=high)

    def next_waiter(self, name: str) -> WaiterRecord | None:
        row = self._row("next_waiter", name=name)
        return WaiterRecord(**row) if row else None

    def count_waiters(self, name: str, below: int) -> int:
        return self._value("count_waiters", name=name, below=below)

    # --- statements

    def _do(self, statement: str, **values: str | int | None) -> None:
        self._connection.execute(_SQL[statement], values)

    def _rows(self, statement: str, **values: str | int | None) -> list[sqlite3.Row]:
        return self._connection.execute(_SQL[statement], values).fetchall()

    def _row(self, statement: str, **values: str | int | None) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(_SQL[statement], values).fetchone()
        return row

    def _value(self, statement: str, **values: str | int | None) -> Any:
        row = self._row(statement, **values)
        return None if row is None else row[0]
