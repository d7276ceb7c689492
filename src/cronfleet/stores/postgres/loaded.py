"""What a transaction has read so far, and under which locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields

from cronfleet.clock import Clock
from cronfleet.model import (
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
from cronfleet.stores.postgres.queries import CLOCK, Query, Rows, Value, ordered, query
from cronfleet.stores.steps.needs import NOTHING, Needs
from cronfleet.stores.steps.records import FleetRecord, SessionRecord, time_of
from cronfleet.stores.steps.rows import gap_from, job_from, run_from

MOST_WAITING_AT_ONCE = 8
"""How many waiting runs of a job are loaded at first; rarely more than one is promoted."""


def queries_of_lock(name: str) -> tuple[Query, ...]:
    """Take a user's lock in hand, and see how it and its queue are then."""
    return tuple(query(statement, name=name) for statement in ("hold_lock", "lock", "waiters"))


def holding_jobs(names: Iterable[JobName], *, passes_over: bool) -> Query:
    """Lock jobs, all of them or those that nobody else has in hand."""
    return query("hold_free_jobs" if passes_over else "hold_jobs", names=ordered(names))


def holding_runs(runs: Iterable[RunId], *, passes_over: bool) -> Query:
    """The same for runs."""
    return query("hold_free_runs" if passes_over else "hold_runs", ids=ordered(map(str, runs)))


class NotLoaded(Exception):  # noqa: N818 - no error: it says what to load, and the step is run again
    """A step asked for what was not loaded, or writes what is not locked."""

    def __init__(self, *queries: Query) -> None:
        super().__init__(*(each.statement for each in queries))
        self.queries = queries


class Loaded:
    """Filled by `take`. Whoever asks for what is not there is told so by `NotLoaded`."""

    def __init__(self, clock: Clock | None, *, writes: bool, needed: Needs = NOTHING) -> None:
        self._clock = clock
        self._writes = writes
        self._passes_over = needed.passes_over
        self._declared = needed.definitions
        self._fleet: FleetRecord | None = None
        self._answers: dict[Query, Rows] = {}
        self._sessions: dict[SessionId, SessionRecord | None] = {}
        self._jobs: dict[JobName, JobRecord | None] = {}
        self._runs: dict[RunId, RunRecord | None] = {}
        self._waiting: dict[JobName, tuple[int, list[RunRecord]]] = {}
        self._ticks_waiting: dict[JobName, list[RunRecord]] = {}
        self._waiting_counts: dict[JobName, int] = {}
        self._surveyed: dict[JobName, list[RunRecord]] = {}
        self._gaps: dict[JobName, GapRecord | None] = {}
        self._definitions: dict[Digest, str | None] = {}
        self._editions: dict[Digest, int | None] = {}
        self._held: dict[str, int] = {}
        self._locked: set[object] = set()
        self.tokens: list[int] = []
        self._now: Instant | None = None
        self.server_started_at: int | None = None
        """Set if it is not the server that the fleet's row speaks of."""

    # --- taking in

    def take(self, asked: Query, rows: Rows) -> None:
        """The rows that a query was answered with."""
        self._answers[asked] = rows
        if asked.statement in _TAKERS:
            _TAKERS[asked.statement](self, asked, rows)

    def take_clock(self, _asked: Query, rows: Rows) -> None:
        (row,) = rows
        self._fleet = FleetRecord(**{each.name: row[each.name] for each in fields(FleetRecord)})
        clock_ms = row["clock_ms"] if self._clock is None else self._clock.wall_ms()
        self._now = time_of(clock_ms, row["greatest_ms"])
        this, known = row["this_server_started_at"], row["server_started_at"]
        self.server_started_at = None if this == known else this

    def take_tokens(self, _asked: Query, rows: Rows) -> None:
        self.tokens = [row["token"] for row in rows]

    def take_fleet_lock(self, _asked: Query, _rows: Rows) -> None:
        self._locked.add("fleet")

    def take_session(self, asked: Query, rows: Rows) -> None:
        session = asked.value("id")
        self._sessions[session] = SessionRecord(**rows[0]) if rows else None
        if asked.statement in {"change_session", "end_session"}:
            self._locked.add(session)

    def take_jobs(self, asked: Query, rows: Rows) -> None:
        names = asked.value("names")
        self._jobs |= dict.fromkeys(names)
        self._jobs |= {row["name"]: job_from(row) for row in rows}
        if asked.holds:
            self._locked.update(("job", name) for name in names)

    def take_runs(self, asked: Query, rows: Rows) -> None:
        self._runs |= dict.fromkeys(map(RunId.parse, asked.value("ids")))
        self._keep_runs(map(run_from, rows), locked=asked.holds)

    def take_free_runs(self, asked: Query, rows: Rows) -> None:
        self.take_runs(asked, [row for row in rows if row["is_free"]])
        for row in rows:
            # A tick of the job may be that very run, or end it: so nothing is done about the job.
            if not row["is_free"] and row["job"] in self._jobs:
                self._jobs[row["job"]] = None

    def take_waiting(self, asked: Query, rows: Rows) -> None:
        runs = [run_from(row) for row in rows]
        self._keep_runs(runs, locked=True)  # By their job's lock.
        for job in asked.value("jobs"):
            self._waiting[job] = asked.value("most"), [run for run in runs if run.id.job == job]

    def take_ticks_waiting(self, asked: Query, rows: Rows) -> None:
        runs = [run_from(row) for row in rows]
        self._keep_runs(runs, locked=True)  # By their job's lock.
        for job in asked.value("jobs"):
            self._ticks_waiting[job] = [run for run in runs if run.id.job == job]

    def take_waiting_counts(self, asked: Query, rows: Rows) -> None:
        self._waiting_counts |= dict.fromkeys(asked.value("jobs"), 0)
        self._waiting_counts |= {row["job"]: row["count"] for row in rows}

    def take_survey(self, asked: Query, rows: Rows) -> None:
        runs = [run_from(row) for row in rows]
        self._keep_runs(runs, locked=asked.holds)
        runs.sort(key=lambda run: (run.created_at, run.id), reverse=True)
        self._surveyed[asked.value("job")] = runs

    def take_newest_gaps(self, asked: Query, rows: Rows) -> None:
        self._gaps |= dict.fromkeys(asked.value("jobs"))
        self._gaps |= {row["job"]: gap_from(row) for row in rows}

    def take_definitions(self, asked: Query, rows: Rows) -> None:
        self._definitions |= dict.fromkeys(asked.value("digests"))
        self._definitions |= {row["digest"]: row["json"] for row in rows}

    def take_editions(self, asked: Query, rows: Rows) -> None:
        self._editions |= dict.fromkeys(asked.value("digests"))
        self._editions |= {row["digest"]: row["edition"] for row in rows}

    def take_counts(self, asked: Query, rows: Rows) -> None:
        self._held |= dict.fromkeys(asked.value("sessions"), 0)
        self._held |= {row["session"]: row["count"] for row in rows}

    def take_lock(self, asked: Query, _rows: Rows) -> None:
        self._locked.add(("lock", asked.value("name")))

    def _keep_runs(self, runs: Iterable[RunRecord], *, locked: bool) -> None:
        for run in runs:
            self._runs[run.id] = run
            if locked:
                self._locked.add(run.id)

    # --- giving out

    @property
    def now(self) -> Instant:
        if self._now is None:
            raise NotLoaded(CLOCK)
        return self._now

    def fleet(self) -> FleetRecord:
        if self._fleet is None:
            raise NotLoaded(CLOCK)
        return self._fleet

    def rows(self, statement: str, **values: Value) -> Rows:
        """The answer to any query, as it was before this transaction wrote."""
        asked = query(statement, **values)
        if asked not in self._answers:
            raise NotLoaded(asked)
        return self._answers[asked]

    def see(self, asked: Iterable[Query]) -> None:
        """Have the answers to all of these, which `rows` will be asked for one by one."""
        if missing := [each for each in asked if each not in self._answers]:
            raise NotLoaded(*missing)

    def session(self, session: SessionId) -> SessionRecord | None:
        if session not in self._sessions:
            raise NotLoaded(query("end_session" if self._writes else "session", id=session))
        return self._sessions[session]

    def everyone(self) -> dict[SessionId, SessionRecord]:
        seen = {row["id"]: SessionRecord(**row) for row in self.rows("sessions")}
        locked = {each: now for each, now in self._sessions.items() if each in self._locked}
        return {each: now for each, now in (seen | locked).items() if now}

    def held(self, session: SessionId) -> int:
        if session not in self._held:
            known = [each["id"] for each in self._answers.get(query("sessions"), ())]
            raise NotLoaded(query("count_held", sessions=ordered({session, *known})))
        return self._held[session]

    def job(self, name: JobName) -> JobRecord | None:
        if name not in self._jobs:
            if self._writes:
                raise NotLoaded(self._holding_jobs(name))
            # A reader that wants one job wants those of all the runs that it has seen.
            raise NotLoaded(query("jobs_seen", names=ordered({name, *self._jobs_of_seen_runs()})))
        return self._jobs[name]

    def _jobs_of_seen_runs(self) -> set[JobName]:
        names = {
            row["job"]
            for asked, rows in self._answers.items()
            if asked.statement in {"runs_pending", "runs_held"}
            for row in rows
        }
        return names - self._jobs.keys()

    def run(self, run: RunId) -> RunRecord | None:
        if run not in self._runs:
            # Under its job's lock nobody makes it, and whoever changes it locks it first.
            held = self._writes and ("job", run.job) not in self._locked
            seen = query("runs_seen", ids=(str(run),))
            raise NotLoaded(self._holding_runs(run) if held else seen)
        return self._runs[run]

    def surveyed(self, job: JobName) -> Sequence[RunRecord] | None:
        """All runs of the job, the newest first, if they were to be surveyed."""
        return self._surveyed.get(job)

    def orphaned(self, limit: int) -> list[RunRecord]:
        """Runs of sessions that have ended, locked, as they are now.

        Whoever waits for others does so for one job alone, and keeps nobody else waiting.
        """
        seen = [run_from(row) for row in self.rows("runs_orphaned", limit=limit)]
        if not self._passes_over:
            seen = [run for run in seen if run.id.job == seen[0].id.job]
        jobs = {run.id.job for run in seen}
        if self._writes and any(run.id not in self._runs for run in seen):
            raise NotLoaded(
                self._holding_jobs(*jobs),
                self._holding_runs(*{each for run in seen for each in (run.id, run.id.whole)}),
                query("waiting", jobs=ordered(jobs), most=MOST_WAITING_AT_ONCE),
            )
        passed = self.passed_over
        now = {run.id: self._runs.get(run.id) for run in seen if run.id.job not in passed}
        return [run for was in seen if (run := now.get(was.id)) and run.session == was.session]

    @property
    def passed_over(self) -> set[JobName]:
        """Jobs that another transaction has in hand, or that are not there."""
        return {name for name, job in self._jobs.items() if job is None and self._passes_over}

    def waiting(self, job: JobName, is_left: Callable[[RunRecord], bool]) -> RunRecord | None:
        """The waiting run that was made first, of those that are left."""
        self.hold_job(job)  # Under which alone they stay as they are.
        if job not in self._waiting:
            known = {name for name in self._jobs if ("job", name) in self._locked}
            jobs = ordered({job, *known} - self._waiting.keys())
            raise NotLoaded(query("waiting", jobs=jobs, most=MOST_WAITING_AT_ONCE))
        most, runs = self._waiting[job]
        left = next((run for run in runs if is_left(run)), None)
        if left is None and len(runs) == most:
            raise NotLoaded(query("waiting", jobs=(job,), most=8 * most))
        return left

    def ticks_waiting(self, job: JobName) -> list[RunRecord]:
        """The job's waiting ticks, locked by their job's lock."""
        self.hold_job(job)
        if job not in self._ticks_waiting:
            raise NotLoaded(query("ticks_waiting", jobs=self._full_with(job)))
        return self._ticks_waiting[job]

    def count_waiting(self, job: JobName) -> int:
        """How many runs of the job waited before this transaction wrote."""
        if job not in self._waiting_counts:
            raise NotLoaded(query("count_waiting", jobs=self._full_with(job)))
        return self._waiting_counts[job]

    def _full_with(self, job: JobName) -> tuple[JobName, ...]:
        """The job, and all in hand that are at their limit: the same will be asked of them."""
        full = {
            name
            for name, each in self._jobs.items()
            if each and 0 < each.limit <= each.active and ("job", name) in self._locked
        }
        return ordered({job, *full})

    def was_waiting(self, run: RunId) -> bool:
        """Whether it waited before this transaction wrote."""
        was = self._runs.get(run)
        return was is not None and was.state is RunState.WAITING

    def newest_gap(self, job: JobName) -> GapRecord | None:
        if job not in self._gaps:
            raise NotLoaded(query("newest_gaps", jobs=self._full_with(job)))
        return self._gaps[job]

    def definition(self, digest: Digest) -> str | None:
        if digest not in self._definitions:
            raise NotLoaded(query("definitions", digests=(digest,)))
        return self._definitions[digest]

    def edition_of(self, job: JobName, digest: Digest) -> int | None:
        """That of a superseded definition; a digest is of one job alone."""
        if digest not in self._editions:
            raise NotLoaded(query("editions", jobs=(job,), digests=(digest,)))
        return self._editions[digest]

    def of_lock(self, statement: str, name: str) -> Rows:
        """What is known of a user's lock, which nobody else has in hand."""
        if ("lock", name) not in self._locked:
            raise NotLoaded(*queries_of_lock(name))
        return self.rows(statement, name=name)

    # --- locks

    def hold_fleet(self) -> None:
        """Whoever writes it must have it locked."""
        if "fleet" not in self._locked:
            raise NotLoaded(query("hold_fleet"))

    def hold_session(self, session: SessionId) -> None:
        seen = [each["id"] for each in self._answers.get(query("sessions"), ())]
        is_there = self._sessions.get(session) or session in seen
        if is_there and session not in self._locked:
            raise NotLoaded(query("change_session", id=session))

    def hold_job(self, name: JobName) -> None:
        if self._jobs.get(name) and ("job", name) not in self._locked:
            raise NotLoaded(self._holding_jobs(name, *self._to_be_changed()))

    def _to_be_changed(self) -> Iterator[JobName]:
        """Of the jobs that were only looked at, those that are not as they are declared now."""
        for name, job in self._jobs.items():
            if job and ("job", name) not in self._locked:
                is_kept = job.digest in self._declared and job.undeclared_since is None
                if job.removed or not is_kept:
                    yield name

    def hold_runs(self, runs: Sequence[RunId]) -> None:
        if not self._locked.issuperset(run for run in runs if self._runs.get(run, True)):
            raise NotLoaded(self._holding_runs(*runs))

    def hold_run(self, run: RunId) -> None:
        if self._runs.get(run) and run not in self._locked:
            raise NotLoaded(self._holding_runs(run))

    def _holding_jobs(self, *names: JobName) -> Query:
        return holding_jobs(names, passes_over=self._passes_over)

    def _holding_runs(self, *runs: RunId) -> Query:
        return holding_runs(runs, passes_over=self._passes_over)


# What is found by the query itself needs none.
_TAKERS = {
    "clock": Loaded.take_clock,
    "tokens": Loaded.take_tokens,
    "hold_fleet": Loaded.take_fleet_lock,
    "rename_fleet": Loaded.take_fleet_lock,
    "session": Loaded.take_session,
    "keep_session": Loaded.take_session,
    "change_session": Loaded.take_session,
    "end_session": Loaded.take_session,
    "jobs_seen": Loaded.take_jobs,
    "hold_jobs": Loaded.take_jobs,
    "hold_free_jobs": Loaded.take_jobs,
    "runs_seen": Loaded.take_runs,
    "hold_runs": Loaded.take_runs,
    "hold_free_runs": Loaded.take_free_runs,
    "survey": Loaded.take_survey,
    "hold_survey": Loaded.take_survey,
    "hold_lock": Loaded.take_lock,
    "waiting": Loaded.take_waiting,
    "ticks_waiting": Loaded.take_ticks_waiting,
    "count_waiting": Loaded.take_waiting_counts,
    "newest_gaps": Loaded.take_newest_gaps,
    "definitions": Loaded.take_definitions,
    "editions": Loaded.take_editions,
    "count_held": Loaded.take_counts,
}
