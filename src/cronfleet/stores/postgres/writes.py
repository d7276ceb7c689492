"""What a step wrote, kept until its end: then one query for each kind of record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from cronfleet.model import (
    AuditRecord,
    Digest,
    GapRecord,
    Instant,
    JobName,
    JobRecord,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.stores.postgres.queries import Query, ordered, query, rows_of
from cronfleet.stores.steps.records import FleetRecord, SessionRecord
from cronfleet.stores.steps.rows import gap_values, job_values, run_values


@dataclass(slots=True)
class Writes:
    """The records as they are to be; None where one is to go."""

    fleet: FleetRecord | None = None
    notes: dict[str, str] = field(default_factory=dict[str, str])
    sessions: dict[SessionId, SessionRecord | None] = field(
        default_factory=dict[SessionId, SessionRecord | None]
    )
    manifests: dict[Digest, frozenset[Digest]] = field(
        default_factory=dict[Digest, frozenset[Digest]]
    )
    kept_manifests: frozenset[Digest] | None = None
    definitions: dict[Digest, str] = field(default_factory=dict[Digest, str])
    jobs: dict[JobName, JobRecord] = field(default_factory=dict[JobName, JobRecord])
    runs: dict[RunId, RunRecord | None] = field(default_factory=dict[RunId, RunRecord | None])
    gaps: dict[tuple[JobName, Instant], GapRecord] = field(
        default_factory=dict[tuple[JobName, Instant], GapRecord]
    )
    kept_gaps: dict[JobName, int] = field(default_factory=dict[JobName, int])
    answers: dict[str, tuple[str, Instant]] = field(default_factory=dict[str, tuple[str, Instant]])
    old_answers: Instant | None = None
    audit: list[AuditRecord] = field(default_factory=list[AuditRecord])
    kept_audit: int | None = None

    @property
    def has_pending_runs(self) -> bool:
        """Whether a run became pending."""
        return any(run and run.state is RunState.PENDING for run in self.runs.values())

    def queries(self) -> list[Query]:
        """In the order in which locks are taken; runs after their jobs, whose program they take."""
        return [
            *self._of_fleet(),
            *self._of_sessions(),
            *self._of_jobs(),
            *self._of_runs(),
            *self._of_gaps(),
            *self._of_orders(),
        ]

    def _of_fleet(self) -> Iterator[Query]:
        if self.fleet:
            yield query("put_fleet", epoch=self.fleet.epoch, greatest_ms=self.fleet.greatest_ms)
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
        if self.jobs:
            yield query("put_jobs", rows=rows_of(map(job_values, self.jobs.values())))

    def _of_runs(self) -> Iterator[Query]:
        put = [run_values(run) for run in self.runs.values() if run]
        gone = [str(run) for run, record in self.runs.items() if record is None]
        if put:
            yield query("put_runs", rows=rows_of(put))
        if gone:
            yield query("drop_runs", ids=ordered(gone))

    def _of_gaps(self) -> Iterator[Query]:
        if self.gaps:
            yield query("put_gaps", rows=rows_of(map(gap_values, self.gaps.values())))
        for keep in set(self.kept_gaps.values()):
            jobs = ordered(job for job, kept in self.kept_gaps.items() if kept == keep)
            yield query("drop_gaps_beyond", jobs=jobs, keep=keep)

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
