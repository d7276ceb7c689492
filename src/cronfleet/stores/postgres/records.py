"""The tables of one fleet, lent to a step that does no I/O: what it writes is kept for the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cronfleet.model import (
    AuditRecord,
    Digest,
    GapRecord,
    Instant,
    JobName,
    JobRecord,
    ProgramName,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.stores.postgres.loaded import Loaded, NotLoaded
from cronfleet.stores.postgres.queries import query
from cronfleet.stores.postgres.writes import Writes
from cronfleet.stores.steps.records import FleetRecord, SessionRecord
from cronfleet.stores.steps.rows import gap_from, job_from, run_from, run_id_from


class PostgresRecords:
    """`Records` over what is loaded, for one run of a step. It sees its own writes.

    Raises NotLoaded for what is not there: load it, and run the step again from its beginning
    with new records.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._tokens_given = 0
        self._newest_gaps: dict[JobName, GapRecord] = {}
        self.writes: Writes = Writes()

    @property
    def now(self) -> Instant:
        return self._loaded.now

    # --- the fleet

    def fleet(self) -> FleetRecord:
        return self.writes.fleet or self._loaded.fleet()

    def put_fleet(self, fleet: FleetRecord) -> None:
        self._loaded.hold_fleet()
        self.writes.fleet = fleet

    def next_token(self) -> int:
        if self._tokens_given == len(self._loaded.tokens):
            raise NotLoaded(query("tokens", count=self._tokens_given + 1))
        self._tokens_given += 1
        return self._loaded.tokens[self._tokens_given - 1]

    def note(self, name: str) -> str | None:
        rows = self._loaded.rows("note", name=name)
        return self.writes.notes.get(name, rows[0]["value"] if rows else None)

    def put_note(self, name: str, value: str) -> None:
        self.writes.notes[name] = value

    # --- sessions

    def session(self, session: SessionId) -> SessionRecord | None:
        if session in self.writes.sessions:
            return self.writes.sessions[session]
        return self._loaded.session(session)

    def put_session(self, session: SessionRecord) -> None:
        self._loaded.hold_session(session.id)
        self.writes.sessions[session.id] = session

    def drop_session(self, session: SessionId) -> None:
        self.writes.sessions[session] = None

    def sessions(self) -> Sequence[SessionRecord]:
        everyone = {**self._loaded.everyone(), **self.writes.sessions}
        return [each for _, each in sorted(everyone.items()) if each]

    def put_manifest(self, manifest: Digest, digests: Iterable[Digest]) -> None:
        self.writes.manifests[manifest] = frozenset(digests)

    def manifest_names(self, manifest: Digest, digest: Digest) -> bool:
        if manifest in self.writes.manifests:
            return digest in self.writes.manifests[manifest]
        rows = self._loaded.rows("manifest", manifest=manifest)
        return any(row["digest"] == digest for row in rows)

    def drop_manifests_but(self, manifests: Iterable[Digest]) -> None:
        self.writes.kept_manifests = frozenset(manifests)

    # --- jobs

    def definition(self, digest: Digest) -> str | None:
        return self.writes.definitions.get(digest) or self._loaded.definition(digest)

    def put_definition(self, digest: Digest, json: str) -> None:
        self.writes.definitions[digest] = json

    def job(self, name: JobName) -> JobRecord | None:
        return self.writes.jobs.get(name) or self._loaded.job(name)

    def put_job(self, job: JobRecord) -> None:
        self._loaded.hold_job(job.name)
        self.writes.jobs[job.name] = job

    def jobs(self, limit: int, after: JobName) -> Sequence[JobRecord]:
        return [job_from(row) for row in self._loaded.rows("jobs", after=after, limit=limit)]

    def jobs_due(
        self, program: ProgramName, low: Instant, high: Instant, limit: int, skip: int
    ) -> Sequence[JobRecord]:
        rows = self._loaded.rows(
            "jobs_due", program=program, low=low, high=high, limit=limit, skip=skip
        )
        return [job_from(row) for row in rows]

    def next_due(self, program: ProgramName, after: Instant) -> Instant | None:
        return self._loaded.rows("next_due", program=program, after=after)[0]["instant"]

    # --- runs

    def run(self, run: RunId) -> RunRecord | None:
        return self.writes.runs[run] if run in self.writes.runs else self._loaded.run(run)

    def put_run(self, run: RunRecord) -> None:
        self._loaded.hold_run(run.id)
        self.writes.runs[run.id] = run

    def drop_run(self, run: RunId) -> None:
        self.writes.runs[run] = None

    def runs(self, job: JobName, limit: int, skip: int) -> Sequence[RunRecord]:
        rows = self._loaded.rows("runs", job=job, limit=limit, skip=skip)
        return [run_from(row) for row in rows]

    def runs_pending(
        self, program: ProgramName, until: Instant, limit: int, skip: int
    ) -> Sequence[RunRecord]:
        rows = self._loaded.rows(
            "runs_pending", program=program, until=until, limit=limit, skip=skip
        )
        return [run_from(row) for row in rows]

    def oldest_waiting(self, job: JobName) -> RunRecord | None:
        gone = {
            run
            for run, now in self.writes.runs.items()
            if not now or now.state is not RunState.WAITING
        }
        return self._loaded.waiting(job, gone)

    def count_waiting(self, job: JobName) -> int:
        return self._loaded.rows("count_waiting", job=job)[0]["count"]

    def runs_held(self, session: SessionId) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._loaded.rows("runs_held", session=session)]

    def count_held(self, session: SessionId) -> int:
        return self._loaded.held(session)

    def runs_orphaned(self, limit: int) -> Sequence[RunRecord]:
        return self._loaded.orphaned(limit)

    def runs_beyond(
        self, job: JobName, *, succeeded: bool, keep: int, before: Instant, limit: int
    ) -> Sequence[RunId]:
        rows = self._loaded.rows(
            "runs_beyond", job=job, succeeded=succeeded, keep=keep, before=before, limit=limit
        )
        return [run_id_from(row) for row in rows]

    # --- gaps, answers, audit

    def gaps(self, job: JobName, limit: int, skip: int) -> Sequence[GapRecord]:
        if (limit, skip) == (1, 0):
            newest = self._newest_gaps.get(job) or self._loaded.newest_gap(job)
            return [newest] if newest else []
        rows = self._loaded.rows("gaps", job=job, limit=limit, skip=skip)
        return [gap_from(row) for row in rows]

    def put_gap(self, gap: GapRecord) -> None:
        self.writes.gaps[gap.job, gap.gap.first] = gap
        newest = next(iter(self.gaps(gap.job, limit=1, skip=0)), None)
        if newest is None or newest.gap.last <= gap.gap.last:
            self._newest_gaps[gap.job] = gap

    def drop_gaps_beyond(self, job: JobName, keep: int) -> None:
        self.writes.kept_gaps[job] = keep

    def answer_to(self, key: str) -> str | None:
        rows = self._loaded.rows("answer", key=key)
        oldest = self.writes.old_answers or 0
        return next((row["answer"] for row in rows if row["answered_at"] >= oldest), None)

    def put_answer(self, key: str, answer: str) -> None:
        self.writes.answers[key] = (answer, self.now)

    def drop_answers_before(self, instant: Instant) -> None:
        self.writes.old_answers = instant

    def audit(self, limit: int, skip: int) -> Sequence[AuditRecord]:
        return [AuditRecord(**row) for row in self._loaded.rows("audit", limit=limit, skip=skip)]

    def put_audit(self, audit: AuditRecord) -> None:
        self.writes.audit.append(audit)

    def drop_audit_beyond(self, keep: int) -> None:
        self.writes.kept_audit = keep
