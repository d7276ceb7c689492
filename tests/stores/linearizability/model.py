"""One job as a register: what a store that takes one step after the other would answer.

All ticks are due, all sessions are open, and the clock stands still. Of what is not told by the
answer itself only a token is free: it is above all tokens before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from cronfleet.model import (
    ACTIVE,
    HELD,
    TERMINAL,
    Instant,
    Outcome,
    RunId,
    RunState,
    SessionId,
    StartId,
)
from cronfleet.store import IfActive

STEP_MS = 3_600_000
"""From one tick to the next."""


@dataclass(frozen=True, slots=True)
class Run:
    id: RunId
    state: RunState
    token: int | None = 0
    """None: it was granted in an answer that nobody has seen."""
    session: SessionId | None = None
    start_id: StartId | None = None
    is_asked: bool = False
    """Its holder is asked to cancel it."""


@dataclass(frozen=True, slots=True)
class Register:
    """A job at one moment."""

    expected: Instant
    limit: int
    now: Instant
    last_token: int = 0
    runs: tuple[Run, ...] = ()
    """In the order in which they were made."""
    answered: tuple[tuple[str, Triggered], ...] = ()
    cancelled: tuple[tuple[tuple[str, RunId], str], ...] = ()
    """What cancels were answered, by key and run."""
    shards: int = 1
    """Of each tick and each run by hand."""

    @property
    def active(self) -> int:
        return sum(run.state in ACTIVE and not run.id.is_shard for run in self.runs)

    @property
    def is_full(self) -> bool:
        return self.active >= self.limit

    def find(self, run: RunId) -> Run | None:
        return next((each for each in self.runs if each.id == run), None)

    def put(self, run: Run) -> Register:
        runs = tuple(run if each.id == run.id else each for each in self.runs)
        return replace(self, runs=runs if run in runs else (*runs, run))

    def without_waiting_ticks(self) -> Register:
        """A newer one is to wait in their place."""
        waiting = [r for r in self.runs if r.state is RunState.WAITING and not r.id.number]
        job = self
        for run in waiting:
            job = job.put(replace(run, state=RunState.SKIPPED))
        return job

    def made_way(self) -> Register:
        """Room for one more tick: the oldest active one ends, at once or by its holder."""
        job = self.without_waiting_ticks()
        whole = [r for r in job.runs if r.state in ACTIVE and not r.id.is_shard]
        ticks = [run for run in whole if not run.id.number]
        wanted = job.active - job.limit + 1 - sum(run.is_asked for run in ticks)
        unasked = sorted((run for run in ticks if not run.is_asked), key=lambda run: run.id)
        for run in unasked[: max(0, wanted)]:
            job = job.cancelled_or_asked(run)
        return job

    def cancelled_or_asked(self, run: Run) -> Register:
        """It ends, unless somebody has started it; of a tick with shards each of these does."""
        if run.state is RunState.STARTED:
            return self.put(replace(run, is_asked=True))
        if run.state is not RunState.SHARDED:
            return self.ended(Run(run.id, RunState.CANCELLED, run.token))
        job = self.put(replace(run, is_asked=True))
        for shard in self.shards_of(run.id):
            if shard.state not in TERMINAL and not shard.is_asked:
                job = job.cancelled_or_asked(shard)
        return job

    def shards_of(self, tick: RunId) -> list[Run]:
        return [run for run in self.runs if run.id.is_shard and run.id.whole == tick]

    def pending(self, run: Run) -> Register:
        """It is for anybody, or its shards are."""
        if self.shards == 1:
            return self.put(replace(run, state=RunState.PENDING))
        job = self.put(replace(run, state=RunState.SHARDED))
        for shard in run.id.of_shards(self.shards):
            job = job.put(Run(shard, RunState.PENDING))
        return job

    def ended(self, run: Run) -> Register:
        """With the last shard its tick has ended, and there is room for who waits."""
        job = self.put(run)
        states = [each.state for each in job.shards_of(run.id.whole)]
        tick = job.find(run.id.whole)
        if run.id.is_shard and tick and all(state in TERMINAL for state in states):
            worst = max(states, key=_BADNESS.index)
            job = job.put(Run(tick.id, worst))
        return job.promoted()

    def promoted(self) -> Register:
        """The oldest waiting run becomes pending, while there is room.

        All are made at one instant: of those the one with the lowest id is the oldest.
        """
        waiting = [run for run in self.runs if run.state is RunState.WAITING]
        if not waiting or self.is_full:
            return self
        oldest = min(waiting, key=lambda run: run.id)
        return self.pending(oldest).promoted()


_BADNESS = [RunState.SUCCEEDED, RunState.CANCELLED, RunState.FAILED]
"""Of the states in which a shard of these histories ends, the worst last."""


# --- answers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Granted:
    run: RunId
    token: int


@dataclass(frozen=True, slots=True)
class Triggered:
    run: RunId
    state: RunState


@dataclass(frozen=True, slots=True)
class Looked:
    expected: Instant
    active: int


HeldRuns: TypeAlias = frozenset[tuple[RunId, int, RunState]]
Answer: TypeAlias = Granted | Triggered | Looked | HeldRuns | str | bool
Step: TypeAlias = tuple[Answer | None, Register]
"""The answer, None for one that cannot be right, and what is then."""


# --- calls ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimTick:
    session: SessionId
    expected: Instant
    if_active: IfActive = IfActive.SKIP

    def step(self, job: Register, answer: Answer | None) -> Step:
        if self.expected != job.expected:
            return "lost", job
        moved = replace(job, expected=self.expected + STEP_MS)
        if job.is_full and self.if_active is IfActive.REPLACE:
            moved = moved.made_way()
        if moved.is_full:
            return self._held_back(moved)
        tick = Run(RunId("raced", self.expected), RunState.PENDING)
        moved = moved.pending(tick)
        (run, *_) = moved.shards_of(tick.id) or [tick]
        return granted(moved, run, self.session, answer)

    def _held_back(self, moved: Register) -> Step:
        if self.if_active is IfActive.SKIP:
            return "skipped", moved
        if self.if_active in {IfActive.WAIT, IfActive.REPLACE}:
            moved = moved.without_waiting_ticks()
        return "waiting", moved.put(Run(RunId("raced", self.expected), RunState.WAITING))


@dataclass(frozen=True, slots=True)
class ClaimRun:
    session: SessionId
    run: RunId

    def step(self, job: Register, answer: Answer | None) -> Step:
        run = job.find(self.run)
        if run is None or run.state is not RunState.PENDING:
            return "lost", job
        return granted(job, run, self.session, answer)


def granted(job: Register, run: Run, session: SessionId, answer: Answer | None) -> Step:
    """Under the token that the answer tells, if it may be that one."""
    token = answer.token if isinstance(answer, Granted) else None
    if token is not None and token <= job.last_token:
        return None, job
    held = replace(run, state=RunState.CLAIMED, token=token, session=session)
    after = replace(job.put(held), last_token=token or job.last_token)
    return (None if token is None else Granted(run.id, token)), after


@dataclass(frozen=True, slots=True)
class StartRun:
    session: SessionId
    run: RunId
    token: int
    start_id: StartId

    def step(self, job: Register, answer: Answer | None) -> Step:
        run = job.find(self.run)
        if run is None or (run.token, run.session) != (self.token, self.session):
            return False, job
        if run.state is RunState.CLAIMED:
            started = replace(run, state=RunState.STARTED, start_id=self.start_id)
            return True, job.put(started)
        return run.state is RunState.STARTED and run.start_id == self.start_id, job


@dataclass(frozen=True, slots=True)
class Complete:
    run: RunId
    token: int
    outcome: Outcome

    def step(self, job: Register, answer: Answer | None) -> Step:
        run = job.find(self.run)
        if run is None or run.token != self.token:
            return "refused", job
        if run.state is RunState.STARTED:
            ended = Run(run.id, RunState(self.outcome), run.token)
            return "done", job.ended(ended)
        return ("done" if run.state.value == self.outcome else "refused"), job


@dataclass(frozen=True, slots=True)
class Release:
    run: RunId
    token: int

    def step(self, job: Register, answer: Answer | None) -> Step:
        run = job.find(self.run)
        if run is None or run.token != self.token or run.state is not RunState.CLAIMED:
            return False, job
        return True, job.put(replace(run, state=RunState.PENDING, session=None))


@dataclass(frozen=True, slots=True)
class Trigger:
    key: str

    def step(self, job: Register, answer: Answer | None) -> Step:
        earlier = dict(job.answered).get(self.key)
        if earlier:
            return earlier, job
        number = 1 + sum(run.id.number > 0 and not run.id.is_shard for run in job.runs)
        run = Run(RunId("raced", job.now, number), RunState.WAITING)
        after = job.put(run) if job.is_full else job.pending(run)
        made = after.find(run.id)
        told = Triggered(run.id, made.state if made else run.state)
        return told, replace(after, answered=(*job.answered, (self.key, told)))


@dataclass(frozen=True, slots=True)
class Cancel:
    key: str
    run: RunId

    def step(self, job: Register, answer: Answer | None) -> Step:
        earlier = dict(job.cancelled).get((self.key, self.run))
        run = job.find(self.run)
        if earlier or run is None:
            return earlier or "unknown", job
        if run.state in TERMINAL:
            return "ended", job
        if run.is_asked:
            return "asked", job
        after = job.cancelled_or_asked(run)
        now = after.find(self.run)
        told = "done" if now and now.state in TERMINAL else "asked"
        return told, replace(after, cancelled=(*job.cancelled, ((self.key, self.run), told)))


@dataclass(frozen=True, slots=True)
class Look:
    def step(self, job: Register, answer: Answer | None) -> Step:
        return Looked(job.expected, job.active), job


@dataclass(frozen=True, slots=True)
class Held:
    session: SessionId

    def step(self, job: Register, answer: Answer | None) -> Step:
        """Tells the tokens of what was granted in answers that nobody has seen."""
        told = {run: token for run, token, _ in answer} if isinstance(answer, frozenset) else {}
        mine = [run for run in job.runs if run.session == self.session and run.state in HELD]
        for run in mine:
            token = told.get(run.id)
            if run.token is None and token is not None:
                job = replace(job, last_token=max(job.last_token, token))
                job = job.put(replace(run, token=token))
        held = (job.find(run.id) for run in mine)
        return frozenset((run.id, run.token or 0, run.state) for run in held if run), job


Call: TypeAlias = (
    ClaimTick | ClaimRun | StartRun | Complete | Release | Trigger | Cancel | Look | Held
)
