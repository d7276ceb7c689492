"""The store in memory: the reference for the contract, and enough for one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from cronfleet.chance import fresh_id
from cronfleet.clock import Clock, SystemClock
from cronfleet.forks import begins_anew_when_forked
from cronfleet.model import (
    HELD,
    SUCCEEDED,
    TERMINAL,
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
from cronfleet.promise import Promise, memory_promise
from cronfleet.store import Renewal, Renewer, Store, StoreInfo
from cronfleet.stores.memory_logs import MemoryLogs
from cronfleet.stores.steps import sessions
from cronfleet.stores.steps.needs import NOTHING, Needs
from cronfleet.stores.steps.records import (
    FleetRecord,
    LockRecord,
    Records,
    SessionRecord,
    WaiterRecord,
    time_of,
    token_after,
)
from cronfleet.stores.steps.stepped import SteppedStore

Answer = TypeVar("Answer")


class MemoryStore(SteppedStore):
    """Shared by the schedulers that are given the same object; gone with the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._records = _MemoryRecords(clock or SystemClock())
        self.begin_anew()
        begins_anew_when_forked(self)

    def begin_anew(self) -> None:
        """In a process that was forked: no thread of the parent's is in the middle of a step."""
        # The renewal thread and the event loop both step.
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return "memory:"

    async def open(self) -> StoreInfo:
        return await self._step(sessions.info)

    async def promise(self) -> Promise:
        return memory_promise()

    async def aclose(self) -> None:
        """Nothing to give back."""

    def renewer(self) -> Renewer:
        return _MemoryRenewer(self)

    def another(self) -> Store:
        return self  # It lives in no event loop.

    async def _step(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return self.step(step)

    def step(self, step: Callable[[Records], Answer]) -> Answer:
        """Run one step with the clock read once."""
        with self._lock:
            self._records.read_clock()
            return step(self._records)


class _MemoryRenewer:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def renew(self, session: SessionId) -> Renewal | None:
        return self._store.step(lambda records: sessions.renew(records, session))

    def close(self) -> None:
        """Nothing to give back."""


class _MemoryRecords:
    def __init__(self, clock: Clock) -> None:
        self._clock, self._now = clock, 0
        self._fleet = FleetRecord(fresh_id(), 1, 0, 0)
        self._notes: dict[str, str] = {}
        self._sessions: dict[SessionId, SessionRecord] = {}
        self._manifests: dict[Digest, frozenset[Digest]] = {}
        self._definitions: dict[Digest, str] = {}
        self._superseded: dict[JobName, dict[Digest, int]] = {}
        self._jobs: dict[JobName, JobRecord] = {}
        self._runs: dict[RunId, RunRecord] = {}
        self._open: dict[RunId, RunRecord] = {}
        self._gaps: dict[JobName, dict[Instant, GapRecord]] = {}
        self._backfills: dict[JobName, list[Backfill]] = {}
        self._answers: dict[str, tuple[Instant, str]] = {}
        self._audit: list[AuditRecord] = []
        self._locks: dict[str, LockRecord] = {}
        self._waiters: dict[tuple[str, LockOwner], WaiterRecord] = {}
        self.logs = MemoryLogs()

    @property
    def now(self) -> Instant:
        return self._now

    def read_clock(self) -> None:
        self._now = time_of(self._clock.wall_ms(), self._fleet.greatest_ms)

    # --- the fleet

    def fleet(self) -> FleetRecord:
        return self._fleet

    def put_fleet(self, fleet: FleetRecord) -> None:
        self._fleet = fleet

    def next_token(self) -> int:
        token = token_after(self._fleet.last_token, self._now)
        self._fleet = replace(self._fleet, last_token=token)
        return token

    def note(self, name: str) -> str | None:
        return self._notes.get(name)

    def put_note(self, name: str, value: str) -> None:
        self._notes[name] = value

    # --- sessions

    def session(self, session: SessionId) -> SessionRecord | None:
        return self._sessions.get(session)

    def put_session(self, session: SessionRecord) -> None:
        self._sessions[session.id] = session

    def drop_session(self, session: SessionId) -> None:
        self._sessions.pop(session, None)

    def sessions(self) -> Sequence[SessionRecord]:
        return sorted(self._sessions.values(), key=lambda each: each.id)

    def put_manifest(self, manifest: Digest, digests: Iterable[Digest]) -> None:
        self._manifests[manifest] = frozenset(digests)

    def manifest_names(self, manifest: Digest, digest: Digest) -> bool:
        return digest in self._manifests.get(manifest, frozenset())

    def drop_manifests_but(self, manifests: Iterable[Digest]) -> None:
        kept = set(manifests)
        self._manifests = {name: set_ for name, set_ in self._manifests.items() if name in kept}

    # --- jobs

    def definition(self, digest: Digest) -> str | None:
        return self._definitions.get(digest)

    def put_definition(self, digest: Digest, json: str) -> None:
        self._definitions[digest] = json

    def supersede(self, job: JobRecord, new: Digest, keep: int) -> None:
        superseded = self._superseded.setdefault(job.name, {})
        for digest in (job.digest, new):
            superseded.pop(digest, None)
        superseded[job.digest] = job.edition  # The last of them last.
        for is_ordered in (True, False):
            alike = [each for each, edition in superseded.items() if (edition == 0) == is_ordered]
            for digest in alike[:-keep]:
                del superseded[digest]
                del self._definitions[digest]

    def edition_of(self, job: JobName, digest: Digest) -> int | None:
        return self._superseded.get(job, {}).get(digest)

    def job(self, name: JobName) -> JobRecord | None:
        return self._jobs.get(name)

    def put_job(self, job: JobRecord) -> None:
        self._jobs[job.name] = job

    def jobs(self, limit: int, after: JobName) -> Sequence[JobRecord]:
        return [self._jobs[name] for name in sorted(self._jobs) if name > after][:limit]

    def jobs_due(
        self, program: ProgramName, low: Instant, high: Instant, limit: int, skip: int
    ) -> Sequence[JobRecord]:
        due = [
            (job.expected.due, job.name, job)
            for job in self._jobs_of(program)
            if not job.paused and job.expected and low < job.expected.due <= high
        ]
        return [job for _, _, job in sorted(due)[skip : skip + limit]]

    def _jobs_of(self, program: ProgramName) -> list[JobRecord]:
        return [job for job in self._jobs.values() if job.program == program]

    def next_due(self, program: ProgramName, after: Instant) -> Instant | None:
        jobs = self._jobs_of(program)
        dues = [job.expected.due for job in jobs if not job.paused and job.expected]
        dues += [job.resumes_at for job in jobs if job.resumes_at is not None]
        ready = [run.not_before for run in self._pending(program)]
        return min((instant for instant in dues + ready if instant > after), default=None)

    def jobs_resuming(self, program: ProgramName, until: Instant, limit: int) -> Sequence[JobName]:
        ends = sorted((job.resumes_at or 0, job.name) for job in self._jobs_of(program))
        return [name for at, name in ends if 0 < at <= until][:limit]

    # --- runs

    def run(self, run: RunId) -> RunRecord | None:
        return self._runs.get(run)

    def put_run(self, run: RunRecord) -> None:
        self._runs[run.id] = run
        self._open.pop(run.id, None)
        if run.state not in TERMINAL:
            self._open[run.id] = run

    def drop_run(self, run: RunId) -> None:
        self._runs.pop(run, None)  # A tick that was skipped while it waited has no shards.
        self._open.pop(run, None)
        self.logs.forget(run)

    def runs(self, job: JobName, limit: int, skip: int) -> Sequence[RunRecord]:
        made = (run for run in self._runs.values() if run.id.job == job)
        newest = sorted(made, key=lambda run: (run.created_at, run.id), reverse=True)
        return newest[skip : skip + limit]

    def runs_pending(
        self, program: ProgramName, until: Instant, limit: int, skip: int
    ) -> Sequence[RunRecord]:
        ready = [run for run in self._pending(program) if run.not_before <= until]
        ready.sort(key=lambda run: (run.not_before, str(run.id)))
        return ready[skip : skip + limit]

    def _pending(self, program: ProgramName) -> list[RunRecord]:
        return [
            run
            for run in self._open.values()
            if run.state is RunState.PENDING and self._jobs[run.id.job].program == program
        ]

    def shards_of(self, tick: RunRecord) -> Sequence[RunRecord]:
        return [self._runs[shard] for shard in tick.id.of_shards(tick.shards)]

    def oldest_waiting(self, job: JobName) -> RunRecord | None:
        waiting = self._waiting(job)
        return min(waiting, key=lambda run: (run.created_at, run.id), default=None)

    def ticks_waiting(self, job: JobName) -> Sequence[RunRecord]:
        ticks = [run for run in self._waiting(job) if not run.id.number]
        return sorted(ticks, key=lambda run: (run.created_at, run.id))

    def count_waiting(self, job: JobName) -> int:
        return len(self._waiting(job))

    def _waiting(self, job: JobName) -> list[RunRecord]:
        return [
            run
            for run in self._open.values()
            if run.id.job == job and run.state is RunState.WAITING
        ]

    def runs_held(self, session: SessionId) -> Sequence[RunRecord]:
        return [run for run in self._held() if run.session == session]

    def _held(self) -> list[RunRecord]:
        held = (run for run in self._open.values() if run.state in HELD)
        return sorted(held, key=lambda run: run.id)

    def count_held(self, session: SessionId) -> int:
        return len(self.runs_held(session))

    def runs_to_cancel(self, session: SessionId) -> Sequence[RunRecord]:
        return [run for run in self.runs_held(session) if run.cancel_asked_at is not None]

    def runs_orphaned(self, limit: int) -> Sequence[RunRecord]:
        return [run for run in self._held() if run.session not in self._sessions][:limit]

    def runs_beyond(
        self, job: JobName, *, succeeded: bool, keep: int, before: Instant, limit: int
    ) -> Sequence[tuple[RunId, int]]:
        ended = [
            (run.ended_at, run.id, run.shards)
            for run in self._runs.values()
            if run.id.job == job
            and not run.id.is_shard
            and run.ended_at is not None
            and (run.state in SUCCEEDED) == succeeded
        ]
        ended.sort(reverse=True)
        beyond = [
            (run, shards)
            for place, (ended_at, run, shards) in enumerate(ended)
            if place >= keep or ended_at < before
        ]
        return beyond[:limit]

    # --- gaps, answers, audit

    def gaps(self, job: JobName, limit: int, skip: int) -> Sequence[GapRecord]:
        newest_first = sorted(
            self._gaps.get(job, {}).values(),
            key=lambda gap: (gap.gap.last, gap.gap.first),
            reverse=True,
        )
        return newest_first[skip : skip + limit]

    def put_gap(self, gap: GapRecord) -> None:
        self._gaps.setdefault(gap.job, {})[gap.gap.first] = gap

    def drop_gaps_beyond(self, job: JobName, keep: int) -> None:
        for gap in self.gaps(job, limit=len(self._gaps[job]), skip=keep):
            del self._gaps[job][gap.gap.first]

    def backfills(self, job: JobName) -> Sequence[Backfill]:
        return self._backfills.get(job, [])[::-1]

    def put_backfill(self, job: JobName, backfill: Backfill) -> None:
        self._backfills.setdefault(job, []).append(backfill)

    def drop_backfills_beyond(self, job: JobName, keep: int) -> None:
        del self._backfills[job][:-keep]

    def answer_to(self, key: str) -> str | None:
        return self._answers.get(key, (0, None))[1]

    def put_answer(self, key: str, answer: str) -> None:
        self._answers[key] = (self._now, answer)

    def drop_answers_before(self, instant: Instant) -> None:
        self._answers = {key: said for key, said in self._answers.items() if said[0] >= instant}

    def audit(self, limit: int, skip: int) -> Sequence[AuditRecord]:
        return self._audit[::-1][skip : skip + limit]

    def put_audit(self, audit: AuditRecord) -> None:
        self._audit.append(audit)

    def drop_audit_beyond(self, keep: int) -> None:
        del self._audit[:-keep]

    # --- locks

    def lock(self, name: str) -> LockRecord | None:
        return self._locks.get(name)

    def put_lock(self, lock: LockRecord) -> None:
        self._locks[lock.name] = lock

    def drop_lock(self, name: str) -> None:
        self._locks.pop(name, None)

    def drop_locks_until(self, instant: Instant) -> None:
        self._locks = {name: it for name, it in self._locks.items() if it.expires_at > instant}
        self._waiters = {key: it for key, it in self._waiters.items() if it.kept_until > instant}

    def waiter(self, name: str, owner: LockOwner) -> WaiterRecord | None:
        return self._waiters.get((name, owner))

    def put_waiter(self, waiter: WaiterRecord) -> None:
        self._waiters[waiter.name, waiter.owner] = waiter

    def drop_waiter(self, name: str, owner: LockOwner) -> None:
        self._waiters.pop((name, owner), None)

    def drop_waiters_but(self, name: str, low: Instant, high: Instant) -> None:
        for waiter in self._waiting_for(name):
            if not low < waiter.kept_until <= high:
                self.drop_waiter(name, waiter.owner)

    def next_waiter(self, name: str) -> WaiterRecord | None:
        return min(self._waiting_for(name), key=lambda waiter: waiter.place, default=None)

    def count_waiters(self, name: str, below: int) -> int:
        return sum(waiter.place < below for waiter in self._waiting_for(name))

    def _waiting_for(self, name: str) -> list[WaiterRecord]:
        return [waiter for waiter in self._waiters.values() if waiter.name == name]
