"""The states of the session model: one store, two instances, the messages between them.

Time is relative and saturating: a session has `left` units to its expiry by the store's clock, an
instance `left` units to its own deadline by its boot clock, a watch an age. So there is no horizon
and the space is finite. Tokens, generations, counters and epochs are kept as "is still the current
one" with whoever holds a copy, which is all that the equality test in the store can see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from session.design import BUDGETS, Config

M = TypeVar("M", "Request", "Answer")

SLOTS = 2  # Session slots an instance; a slot is used again once nothing names its session.
SESSIONS = range(2 * SLOTS)
FAR_AHEAD = 9  # An expiry so far ahead that no time of this model reaches it.
NOBODY = -1
UNWATCHED = -1

# a run
NONE, PENDING, WAITING, CLAIMED, STARTED = "none", "PENDING", "WAITING", "CLAIMED", "STARTED"
SUCCEEDED, LOST, SKIPPED, CANCELLED = "SUCCEEDED", "LOST", "SKIPPED", "CANCELLED"
ENDED = frozenset({SUCCEEDED, LOST, SKIPPED, CANCELLED})
HELD = frozenset({CLAIMED, STARTED})

# a session
FREE, OPEN, CLOSED = "free", "open", "closed"

# where an instance's main loop is
IDLE, CLAIMING, HOLDING, STARTING = "idle", "waits for claim", "holds a claim", "waits for start"
RUNNING, CHECKED, COMPLETING = "in the handler", "checked its deadline", "waits for complete"
DEAD = "dead"

# how a request's sender sees it
GIVEN_UP, AWAITED, UNATTENDED = range(3)


class Job(NamedTuple):
    expected: int  # the next tick
    watermark: int
    is_paused: bool


class Session(NamedTuple):
    status: str
    left: int  # to its expiry by the store's clock
    unrenewed: int  # true time since it was renewed, counted while the store answers


class Run(NamedTuple):
    state: str
    session: int = NOBODY
    starter: int = NOBODY  # stands for the start id
    is_wanted: bool = True  # if it waits: its `wanted_until` has not passed
    is_asked: bool = False  # if it is started: its holder is asked to cancel it


class HeldAnswer(NamedTuple):
    """What `held` said of one run."""

    run: int
    state: str
    token: bool


class Instance(NamedTuple):
    at: str
    session: int
    left: int  # to its own deadline by its boot clock
    run: int = NOBODY
    token: bool = False  # still the run's current one
    knows_epoch: bool = True
    renew_age: int = -1  # of the renewal under way; -1: none is
    watches: tuple[int, ...] = (UNWATCHED,) * len(SESSIONS)  # 2 * age + answered since
    held: HeldAnswer | None = None


class Request(NamedTuple):
    op: str
    sender: int
    session: int
    waits: int
    target: int = NOBODY  # a run; a session for close; the following tick for resume
    token: bool = False
    current: bool = True  # its generation, for close its epoch, is still the store's
    definition: bool = True  # its sender computed with the definition in force
    expected: int = 0
    saw_active: bool = False  # when it peeked


class Answer(NamedTuple):
    op: str
    to: int
    session: int
    target: int
    token: bool
    granted: bool
    open_sessions: int  # renew: a bit a session


class State(NamedTuple):
    clock: int
    frozen: int  # the store's clock stepped back: frozen for so long
    up: bool
    answered: bool  # the store answered in the unit of time that runs
    job: Job
    sessions: tuple[Session, ...]
    runs: tuple[Run, ...]  # the ticks, then the triggered ones
    instances: tuple[Instance, ...]
    requests: tuple[Request, ...]
    answers: tuple[Answer, ...]
    budgets: tuple[int, ...]
    claims: tuple[int, ...]  # how often each run was claimed as a due tick
    entries: tuple[int, ...]  # how often its handler was entered in this attempt


def put(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*values[:index], value, *values[index + 1 :])


def budget(state: State, name: str) -> int:
    return state.budgets[BUDGETS.index(name)]


def own_slots(i: int) -> range:
    return range(i * SLOTS, i * SLOTS + SLOTS)


class World:
    """A state being changed by one step."""

    __slots__ = (*State._fields, "broken")

    clock: int
    frozen: int
    up: bool
    answered: bool
    job: Job
    sessions: tuple[Session, ...]
    runs: tuple[Run, ...]
    instances: tuple[Instance, ...]
    requests: tuple[Request, ...]
    answers: tuple[Answer, ...]
    budgets: tuple[int, ...]
    claims: tuple[int, ...]
    entries: tuple[int, ...]

    def __init__(self, state: State) -> None:
        (
            self.clock,
            self.frozen,
            self.up,
            self.answered,
            self.job,
            self.sessions,
            self.runs,
            self.instances,
            self.requests,
            self.answers,
            self.budgets,
            self.claims,
            self.entries,
        ) = state
        self.broken: list[str] = []

    def state(self) -> State:
        return State(
            self.clock,
            self.frozen,
            self.up,
            self.answered,
            self.job,
            self.sessions,
            self.runs,
            self.instances,
            self.requests,
            self.answers,
            self.budgets,
            self.claims,
            self.entries,
        )

    def spend(self, name: str) -> None:
        index = BUDGETS.index(name)
        self.budgets = put(self.budgets, index, self.budgets[index] - 1)

    def set_run(self, k: int, run: Run) -> None:
        self.runs = put(self.runs, k, run)

    def set_session(self, s: int, session: Session) -> None:
        self.sessions = put(self.sessions, s, session)

    def change(self, i: int, **fields: Any) -> None:
        self.instances = put(self.instances, i, self.instances[i]._replace(**fields))

    def go_idle(self, i: int) -> None:
        self.change(i, at=IDLE, run=NOBODY, token=False)

    def send(self, request: Request) -> None:
        self.requests = tuple(sorted((*self.requests, request)))

    def change_requests(
        self, which: Callable[[Request], bool], change: Callable[[Request], Request]
    ) -> None:
        self.requests = _changed(self.requests, which, change)

    def change_answers(
        self, which: Callable[[Answer], bool], change: Callable[[Answer], Answer]
    ) -> None:
        self.answers = _changed(self.answers, which, change)


def _changed(
    messages: tuple[M, ...], which: Callable[[M], bool], change: Callable[[M], M]
) -> tuple[M, ...]:
    """The messages under way have no order; they are kept sorted so that equal states are equal."""
    if not any(which(message) for message in messages):
        return messages
    return tuple(sorted(change(m) if which(m) else m for m in messages))


def initial(config: Config) -> State:
    sessions = [Session(FREE, 0, 0)] * len(SESSIONS)
    instances: list[Instance] = []
    for i in (0, 1):
        joins = i < config.instances and not (i and config.clone)
        if joins:
            sessions[own_slots(i)[0]] = Session(OPEN, config.ttl, 0)
            instances.append(Instance(IDLE, own_slots(i)[0], config.ttl))
        else:
            instances.append(Instance(DEAD, NOBODY, 0))
    runs = config.ticks + config.triggers
    return State(
        clock=0,
        frozen=0,
        up=True,
        answered=True,
        job=Job(0, -1, False),
        sessions=tuple(sessions),
        runs=(Run(NONE),) * runs,
        instances=tuple(instances),
        requests=(),
        answers=(),
        budgets=tuple(getattr(config, name) for name in BUDGETS),
        claims=(0,) * runs,
        entries=(0,) * runs,
    )
