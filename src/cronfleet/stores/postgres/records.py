"""The tables of one fleet, lent to a step that does no I/O: what it writes is kept for the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    RunState,
    SessionId,
)
from cronfleet.stores.postgres.loaded import Loaded, NotLoaded
from cronfleet.stores.postgres.logs import PostgresLogs
from cronfleet.stores.postgres.queries import query
from cronfleet.stores.postgres.writes import Writes
from cronfleet.stores.steps.looking import Beyond
from cronfleet.stores.steps.records import (
    FleetRecord,
    LockRecord,
    LogTable,
    SessionRecord,
    WaiterRecord,
)
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
        self.logs: LogTable = PostgresLogs(loaded, self.writes)

    @property
    def now(self) -> Instant:
        return self._loaded.now

    # --- the fleet

    def fleet(self) -> FleetRecord:
        return self.writes.fleet or self._loaded.fleet()

    def put_fleet(self, fleet: FleetRecord) -> None:
        self._loaded.hold_fleet()
        if fleet.last_token > self.fleet().last_token:
            self.writes.last_token = fleet.last_token
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

    def supersede(self, job: JobRecord, new: Digest, keep: int) -> None:
        told = self.writes.superseded.setdefault(job.name, {})
        for digest, edition in ((job.digest, job.edition), (new, None)):
            told.pop(digest, None)
            told[digest] = edition
        self.writes.kept_superseded = keep

    def edition_of(self, job: JobName, digest: Digest) -> int | None:
        told = self.writes.superseded.get(job, {})
        return told[digest] if digest in told else self._loaded.edition_of(job, digest)

    def job(self, name: JobName) -> JobRecord | None:
        return self.writes.jobs.get(name) or self._loaded.job(name)

    @property
    def passed_over(self) -> set[JobName]:
        """Jobs of which nothing is known here, since another transaction has them in hand."""
        return self._loaded.passed_over

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

    def jobs_resuming(self, program: ProgramName, until: Instant, limit: int) -> Sequence[JobName]:
        rows = self._loaded.rows("jobs_resuming", program=program, until=until, limit=limit)
        return [row["name"] for row in rows]

    # --- runs

    def run(self, run: RunId) -> RunRecord | None:
        return self.writes.runs[run] if run in self.writes.runs else self._loaded.run(run)

    def put_run(self, run: RunRecord) -> None:
        self._loaded.hold_run(run.id)
        self.writes.runs[run.id] = run

    def drop_run(self, run: RunId) -> None:
        self.writes.runs[run] = None

    def misplaced_runs(self, job: JobName) -> Sequence[RunId]:
        """Runs that stand under another program than their job's."""
        return [run_id_from(row) for row in self._loaded.rows("misplaced_runs", job=job)]

    def put_in_place(self, job: JobName) -> None:
        """Put each run under its job's program."""
        self.writes.put_in_place = job

    def runs(self, job: JobName, limit: int, skip: int) -> Sequence[RunRecord]:
        surveyed = self._loaded.surveyed(job)
        if surveyed is not None:
            return surveyed[skip : skip + limit]
        rows = self._loaded.rows("runs", job=job, limit=limit, skip=skip)
        if skip:
            return [run_from(row) for row in rows]
        now = {run.id: run for run in map(run_from, rows)} | self._written(job)
        return sorted(now.values(), key=lambda run: (run.created_at, run.id), reverse=True)[:limit]

    def runs_pending(
        self, program: ProgramName, until: Instant, limit: int, skip: int
    ) -> Sequence[RunRecord]:
        rows = self._loaded.rows(
            "runs_pending", program=program, until=until, limit=limit, skip=skip
        )
        return [run_from(row) for row in rows]

    def shards_of(self, tick: RunRecord) -> Sequence[RunRecord]:
        ids = tick.id.of_shards(tick.shards)
        self._loaded.hold_runs(ids)
        return [run for each in ids if (run := self.run(each))]

    def oldest_waiting(self, job: JobName) -> RunRecord | None:
        def is_left(run: RunRecord) -> bool:
            now = self.writes.runs.get(run.id, run)
            return now is not None and now.state is RunState.WAITING

        run = self._loaded.waiting(job, is_left)
        return run and (self.writes.runs.get(run.id) or run)

    def ticks_waiting(self, job: JobName) -> Sequence[RunRecord]:
        now = {run.id: run for run in self._loaded.ticks_waiting(job)} | self._written(job)
        ticks = [run for run in now.values() if run.state is RunState.WAITING]
        return sorted(
            (run for run in ticks if not run.id.number), key=lambda run: (run.created_at, run.id)
        )

    def count_waiting(self, job: JobName) -> int:
        return self._loaded.count_waiting(job) + sum(
            (run.state is RunState.WAITING) - self._loaded.was_waiting(run.id)
            for run in self._written(job).values()
        )

    def _written(self, job: JobName) -> dict[RunId, RunRecord]:
        """The job's runs that this step has made or changed."""
        return {run.id: run for run in self.writes.runs.values() if run and run.id.job == job}

    def runs_held(self, session: SessionId) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._loaded.rows("runs_held", session=session)]

    def count_held(self, session: SessionId) -> int:
        return self._loaded.held(session)

    def runs_to_cancel(self, session: SessionId) -> Sequence[RunRecord]:
        return [run_from(row) for row in self._loaded.rows("runs_to_cancel", session=session)]

    def runs_orphaned(self, limit: int) -> Sequence[RunRecord]:
        return self._loaded.orphaned(limit)

    def runs_beyond(
        self, job: JobName, *, succeeded: bool, keep: int, before: Instant, limit: int
    ) -> Sequence[tuple[RunId, int]]:
        rows = self._loaded.rows(
            "runs_beyond", job=job, succeeded=succeeded, keep=keep, before=before, limit=limit
        )
        return [(run_id_from(row), row["shards"]) for row in rows]

    def see_beyond(self, asked: Iterable[Beyond]) -> None:
        """Know the answers of `runs_beyond` to all of these."""
        self._loaded.see(
            query(
                "runs_beyond",
                job=each["job"],
                succeeded=each["succeeded"],
                keep=each["keep"],
                before=each["before"],
                limit=each["limit"],
            )
            for each in asked
        )

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

    def backfills(self, job: JobName) -> Sequence[Backfill]:
        return [Backfill(**row) for row in self._loaded.rows("backfills", job=job)]

    def put_backfill(self, job: JobName, backfill: Backfill) -> None:
        self.writes.backfill = job, backfill

    def drop_backfills_beyond(self, job: JobName, keep: int) -> None:
        self.writes.kept_backfills = keep

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

    # --- locks

    def lock(self, name: str) -> LockRecord | None:
        if name in self.writes.locks:
            return self.writes.locks[name]
        rows = self._loaded.of_lock("lock", name)
        return LockRecord(**rows[0]) if rows else None

    def put_lock(self, lock: LockRecord) -> None:
        self.writes.locks[lock.name] = lock

    def drop_lock(self, name: str) -> None:
        self.writes.locks[name] = None

    def drop_locks_until(self, instant: Instant) -> None:
        self.writes.old_locks = instant

    def waiter(self, name: str, owner: LockOwner) -> WaiterRecord | None:
        return next((each for each in self._waiters(name) if each.owner == owner), None)

    def put_waiter(self, waiter: WaiterRecord) -> None:
        self.writes.waiters[waiter.name, waiter.owner] = waiter

    def drop_waiter(self, name: str, owner: LockOwner) -> None:
        if self.waiter(name, owner):  # Without a write there is nothing to wait for.
            self.writes.waiters[name, owner] = None

    def drop_waiters_but(self, name: str, low: Instant, high: Instant) -> None:
        for waiter in self._waiters(name):
            if not low < waiter.kept_until <= high:
                self.writes.waiters[name, waiter.owner] = None

    def next_waiter(self, name: str) -> WaiterRecord | None:
        return next(iter(self._waiters(name)), None)

    def count_waiters(self, name: str, below: int) -> int:
        return sum(waiter.place < below for waiter in self._waiters(name))

    def _waiters(self, name: str) -> list[WaiterRecord]:
        """The lock's queue, the next one first."""
        loaded = [WaiterRecord(**row) for row in self._loaded.of_lock("waiters", name)]
        now = {waiter.owner: waiter for waiter in loaded}
        written = {owner: each for (of, owner), each in self.writes.waiters.items() if of == name}
        return sorted((each for each in (now | written).values() if each), key=_place)


def _place(waiter: WaiterRecord) -> int:
    return waiter.place
