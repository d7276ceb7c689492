"""What the store holds, as its rows were written: kept apart from it, so that it can be judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cronfleet.model import (
    Digest,
    GapRecord,
    Instant,
    JobName,
    JobRecord,
    Kind,
    OnLost,
    RunId,
    RunRecord,
    SessionId,
)
from cronfleet.stores.steps.records import FleetRecord, Records, SessionRecord
from tests.simulation.case import Job
from tests.simulation.definitions import job_of


@dataclass(frozen=True, slots=True)
class Request:
    """What a step was asked for, and by whom."""

    op: str
    who: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Step:
    """One step: each row that it wrote, as it was and as it is."""

    now: Instant
    request: Request
    runs: dict[RunId, tuple[RunRecord | None, RunRecord]] = field(default_factory=dict[Any, Any])
    jobs: dict[JobName, tuple[JobRecord | None, JobRecord]] = field(default_factory=dict[Any, Any])
    gaps: list[GapRecord] = field(default_factory=list[GapRecord])
    sessions: dict[SessionId, tuple[SessionRecord | None, SessionRecord | None]] = field(
        default_factory=dict[Any, Any]
    )
    pruned: list[RunId] = field(default_factory=list[RunId])

    @property
    def is_empty(self) -> bool:
        return not (self.runs or self.jobs or self.gaps or self.sessions or self.pruned)


class Mirror:
    """The rows of one store. `judge` is shown each step before it is taken in."""

    def __init__(
        self, judge: Callable[[Step, Mirror], None], true_ms: Callable[[], Instant]
    ) -> None:
        self._judge = judge
        self.true_ms: Callable[[], Instant] = true_ms
        self.emptied = 0
        """How often the store was emptied."""
        self.on_lost: dict[int, OnLost] = {}
        """By token: each claim says anew what is done if that attempt is lost."""
        self._begin_anew()

    def lose_all(self) -> None:
        """The store was emptied."""
        self.emptied += 1
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._step = Step(0, Request("", ""))
        self.request: Request = Request("", "")
        self.runs: dict[RunId, RunRecord] = {}
        self.active: defaultdict[JobName, set[RunId]] = defaultdict(set)
        self.jobs: dict[JobName, JobRecord] = {}
        self.gaps: defaultdict[JobName, dict[Instant, GapRecord]] = defaultdict(dict)
        self.sessions: dict[SessionId, SessionRecord] = {}
        self.pruned: set[RunId] = set()
        self.definitions: dict[Digest, Job] = {}
        self.made: defaultdict[JobName, set[RunId]] = defaultdict(set)
        """All ticks that ever had a run."""
        self.closed: set[SessionId] = set()
        self.heard: dict[SessionId, Instant] = {}
        """When each session was last prolonged, in true time."""
        self.greatest_token: int = 0
        self.fleet: FleetRecord | None = None

    # --- told by the store

    def begin(self, now: Instant) -> None:
        self._step = Step(now, self.request)

    def wrote(self, row: RunRecord | JobRecord | GapRecord | SessionRecord | FleetRecord) -> None:
        step = self._step
        match row:
            case RunRecord():
                step.runs[row.id] = (self.runs.get(row.id), row)
            case JobRecord():
                step.jobs[row.name] = (self.jobs.get(row.name), row)
            case SessionRecord():
                step.sessions[row.id] = (self.sessions.get(row.id), row)
            case GapRecord():
                step.gaps.append(row)
            case FleetRecord():
                self.fleet = row

    def dropped(self, what: SessionId | RunId) -> None:
        if isinstance(what, RunId):
            self._step.pruned.append(what)
        else:
            self._step.sessions[what] = (self.sessions.get(what), None)

    def defined(self, digest: Digest, text: str) -> None:
        if digest not in self.definitions:
            self.definitions[digest] = job_of(text)

    def end(self, records: Records) -> None:
        if not self._step.is_empty:
            self._judge(self._step, self)
            self._take_in(self._step)

    # --- kept

    def _take_in(self, step: Step) -> None:
        for old, new in step.runs.values():
            self._take_run(old, new)
        for run in step.pruned:
            self.runs.pop(run, None)
            self.pruned.add(run)
        for _, job in step.jobs.values():
            self.jobs[job.name] = job
        for gap in step.gaps:
            self.gaps[gap.job][gap.gap.first] = gap
        for session, (old, new) in step.sessions.items():
            self._take_session(session, old, new)

    def _take_run(self, old: RunRecord | None, new: RunRecord) -> None:
        self.runs[new.id] = new
        self.pruned.discard(new.id)
        self.greatest_token = max(self.greatest_token, new.token)
        self.on_lost[new.token] = new.on_lost
        if old is None and new.kind is Kind.TICK and not new.id.is_shard:
            self.made[new.id.job].add(new.id)
        if new.is_active:
            self.active[new.id.job].add(new.id)
        else:
            self.active[new.id.job].discard(new.id)

    def _take_session(
        self, session: SessionId, old: SessionRecord | None, new: SessionRecord | None
    ) -> None:
        if new is None:
            self.sessions.pop(session, None)
            self.closed.add(session)
            return
        self.sessions[session] = new
        if old is None or new.counter != old.counter:
            self.heard[session] = self.true_ms()

    def differences(self, records: Records) -> Iterator[str]:
        """Where the store holds other than what was written to it."""
        for name, job in self.jobs.items():
            if records.job(name) != job:
                yield f"job {name}: written {job}, kept {records.job(name)}"
            kept = {run.id: run for run in records.runs(name, 1_000_000, 0)}
            written = {run.id: run for run in self.runs.values() if run.id.job == name}
            for run in kept.keys() | written.keys():
                if kept.get(run) != written.get(run):
                    yield f"run {run}: written {written.get(run)}, kept {kept.get(run)}"
        if {each.id: each for each in records.sessions()} != self.sessions:
            yield f"sessions: written {self.sessions}, kept {records.sessions()}"
