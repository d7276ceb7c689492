"""Definitions: the ticks of a job while its definition changes, is removed, and comes back.

Two instances, each with a version of its own; what they send, and what an operator orders, comes
late. Which version may come into force is another model's, `programs.py`: here each may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from explore import SETTLES, Step
from scenario import Scenario

FIRES = ((1, 2, 4), (1, 3, 4))  # The fire times of the two versions.
END = 4
GRACE = 1  # A tick that is more than so late is not run.
VERSIONS = range(2)
NEVER = 99  # expected: the schedule has ended

CLAIM, GAP, DECLARE, REMOVE = "claim", "gap", "declare", "remove"
SAFE = frozenset({"claim_once", "lost_tick", "removed_returns", "robbed", "stale_definition"})


@dataclass(frozen=True)
class Decisions:
    edit_raises_generation: bool = True
    runs_only_what_it_knows: bool = True
    owed_stays: bool = True  # A tick that is due is not moved by an edit.
    first_is_above_watermark: bool = True
    tombstone_keeps_watermark: bool = True
    removal_is_seen: bool = True  # It carries what it saw, and a claim meanwhile refuses it.
    revived_by_start_only: bool = (
        True  # An instance that declared it before does not bring it back.
    )
    gaps_only_too_late: bool = True  # What an instance could still run is left for it.
    gaps_are_claims: bool = True  # The janitor's gap is refused when the job is not as it saw it.


@dataclass(frozen=True)
class Config(Decisions):
    edits: int = 2
    boots: int = 1
    leaves: int = 1
    removals: int = 0
    backs: int = 0
    unheard: int = 0
    watched: frozenset[str] = SAFE | {SETTLES}


class Request(NamedTuple):
    """Computed from what was seen; it may arrive when that has changed."""

    kind: str
    version: int = 0
    expected: int = 0
    last: int = 0  # The last fire time that it settles; for a declaration, nothing.
    following: int = NEVER  # For a declaration, the first fire time.
    is_current: bool = True  # Its generation is still the store's.
    revives: bool = False


class Job(NamedTuple):
    in_force: int
    expected: int
    watermark: int = 0
    is_removed: bool = False


class Instance(NamedTuple):
    is_open: bool = True
    has_declared: bool = True  # in its life
    was_taken: bool = (
        True  # What it declared first reached the store, whether it knows that or not.
    )


class Budgets(NamedTuple):
    edits: int
    boots: int
    leaves: int
    removals: int
    backs: int
    unheard: int


class State(NamedTuple):
    clock: int
    job: Job
    instances: tuple[Instance, ...]
    requests: tuple[Request, ...]
    budgets: Budgets
    runs: tuple[int, ...] = ()
    gaps: tuple[int, ...] = ()


def first_after(version: int, instant: int) -> int:
    return next((fire for fire in FIRES[version] if fire > instant), NEVER)


def due(version: int, expected: int, until: int) -> list[int]:
    """The expected tick, which another version may have left owing, and those after it."""
    return [expected, *(fire for fire in FIRES[version] if expected < fire <= until)]


class DefinitionModel:
    """One job; instance 0 declares version 0 of it, instance 1 version 1."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = config.watched

    def initial(self) -> State:
        config = self.config
        budgets = Budgets(*(getattr(config, name) for name in Budgets._fields))
        instances = (Instance(), Instance(is_open=False))
        return State(0, Job(0, first_after(0, 0)), instances, (), budgets)

    def is_settled(self, state: State) -> bool:
        """Nothing is due any more, or nobody is there who could run it."""
        is_over = state.clock == END and state.job.expected == NEVER
        return is_over or not any(each.is_open for each in state.instances)

    def broken(self, state: State) -> list[str]:
        return ["claim_once"] if len(state.runs) > len({*state.runs}) else []

    # --- what happens

    def steps(self, state: State) -> Iterator[Step]:
        if state.clock < END:
            yield Step(f"it is {state.clock + 1}", state._replace(clock=state.clock + 1))
        if state.budgets.backs and state.clock:
            back = _spent(state, "backs")._replace(clock=state.clock - 1)
            yield Step("the clock is set BACK", back, (), True)
        for version in VERSIONS:
            yield from self._instance(state, version)
        yield from self._janitor(state)
        yield from self._operator(state)
        for request in sorted(set(state.requests)):
            step = self._arrive(state, request)
            yield step
            taken = request.revives and step.state.instances[request.version].was_taken
            if taken and state.budgets.unheard:
                yield _unheard(step, request.version)

    def _instance(self, state: State, version: int) -> Iterator[Step]:
        mine, budgets = state.instances[version], state.budgets
        if not mine.is_open:
            if budgets.boots:
                booted = Instance(has_declared=False, was_taken=False)
                after = _with(_spent(state, "boots"), version, booted)
                yield Step(f"i{version} is STARTED", self._declaring(after, version), (), True)
            return
        if budgets.leaves:
            yield Step(f"i{version} LEAVES", _left(_spent(state, "leaves"), version), (), True)
        if not _is_under_way(state, DECLARE, version):
            yield from self._declare_again(state, version, mine)
        yield from self._claim(state, version)

    def _declare_again(self, state: State, version: int, mine: Instance) -> Iterator[Step]:
        if not mine.has_declared or not self._is_declared(state):
            yield Step(f"i{version} sends what it declares", self._declaring(state, version))
        elif state.budgets.edits:
            after = self._declaring(_spent(state, "edits"), version)
            yield Step(f"i{version} sends what it declares AGAIN", after, (), True)

    def _is_declared(self, state: State) -> bool:
        return state.instances[state.job.in_force].is_open

    def _declaring(self, state: State, version: int, above: int = 0) -> State:
        mine = state.instances[version]
        revives = not mine.has_declared or not self.config.revived_by_start_only
        first = first_after(version, max(state.clock, above))
        return _sent(state, Request(DECLARE, version, following=first, revives=revives))

    def _claim(self, state: State, version: int) -> Iterator[Step]:
        """Misfire `latest`: the newest tick that is due, if it is not too late; else only a gap."""
        job = state.job
        knows = job.in_force == version or not self.config.runs_only_what_it_knows
        if not knows or job.expected > state.clock or _is_under_way(state, CLAIM, version):
            return
        newest = due(version, job.expected, state.clock)[-1]
        following = first_after(version, newest)
        kind = GAP if newest < state.clock - GRACE else CLAIM
        request = Request(kind, version, job.expected, newest, following)
        yield Step(f"i{version} sends a {kind} of {newest}", _sent(state, request))

    def _janitor(self, state: State) -> Iterator[Step]:
        """Of some other program: what comes too late while nobody declares the job is a gap."""
        job = state.job
        until = state.clock - GRACE - 1 if self.config.gaps_only_too_late else state.clock
        if self._is_declared(state) or job.expected > until or _is_under_way(state, GAP, NEVER):
            return
        last = due(job.in_force, job.expected, until)[-1]
        request = Request(GAP, NEVER, job.expected, last, first_after(job.in_force, last))
        yield Step(f"the janitor sends a gap up to {last}", _sent(state, request))

    def _operator(self, state: State) -> Iterator[Step]:
        job = state.job
        if not state.budgets.removals or job.is_removed:
            return
        settled = due(job.in_force, job.expected, state.clock)[-1]
        last = settled if job.expected <= state.clock else job.watermark
        request = Request(REMOVE, NEVER, job.expected, last)
        after = _sent(_spent(state, "removals"), request)
        yield Step(f"the operator sends REMOVE, settled up to {last}", after, (), True)

    # --- what the store makes of it

    def _arrive(self, state: State, request: Request) -> Step:
        rest = list(state.requests)
        rest.remove(request)
        state = state._replace(requests=tuple(rest))
        label = f"{request.kind} arrives: "
        if request.kind == DECLARE:
            return self._declared(state, request, label)
        if request.kind == REMOVE:
            return self._removed(state, request, label)
        return self._settled(state, request, label)

    def _settled(self, state: State, request: Request, label: str) -> Step:
        """A claim, or a gap alone."""
        job, is_claim = state.job, request.kind == CLAIM
        is_seen = job.expected == request.expected > job.watermark and request.is_current
        is_unseen_gap = not is_claim and not self.config.gaps_are_claims
        if request.last > state.clock or not (is_seen or is_unseen_gap):
            return Step(label + "refused", state)
        broken: list[str] = []
        if request.version not in {job.in_force, NEVER}:
            broken.append("stale_definition")
        if not is_claim and request.last >= state.clock - GRACE:
            broken.append("robbed")
        if not is_claim and not request.expected <= job.expected <= request.last:
            broken.append("lost_tick")
        moved = job._replace(expected=request.following, watermark=request.last)
        after = state._replace(job=moved)
        if is_claim:
            after = after._replace(runs=(*after.runs, request.last))
        return Step(label + f"settled up to {request.last}", after, broken)

    def _declared(self, state: State, request: Request, label: str) -> Step:
        config, job, version = self.config, state.job, request.version
        mine = state.instances[version]
        if job.is_removed and not request.revives:
            return Step(label + "removed", self._answered(state, version))
        if job.in_force == version and not job.is_removed:
            return Step(label + "kept", self._answered(state, version))
        is_owed = job.expected <= state.clock and not job.is_removed and config.owed_stays
        expected = job.expected if is_owed else request.following
        if config.first_is_above_watermark and expected <= job.watermark:
            again = self._declaring(state, version, above=job.watermark)
            return Step(label + "behind the watermark", again)
        broken = ["removed_returns"] if job.is_removed and mine.was_taken else []
        if job.expected <= state.clock and not job.is_removed and expected != job.expected:
            broken.append("lost_tick")
        watermark = job.watermark if config.tombstone_keeps_watermark or not job.is_removed else 0
        after = state._replace(job=Job(version, expected, watermark))
        if config.edit_raises_generation:
            after = _stale(after)
        return Step(
            label + f"IN FORCE, expected {expected}", self._answered(after, version), broken
        )

    def _answered(self, state: State, version: int) -> State:
        return _with(state, version, Instance())

    def _removed(self, state: State, request: Request, label: str) -> Step:
        job = state.job
        is_seen = job.expected == request.expected and request.is_current
        is_due = job.expected <= state.clock
        is_left = is_due and not request.expected <= job.expected <= request.last
        if not is_seen and self.config.removal_is_seen:
            again = state.budgets._replace(removals=1)
            return Step(label + "not as seen, to be sent anew", state._replace(budgets=again))
        gone = Job(job.in_force, NEVER, max(job.watermark, request.last), is_removed=True)
        broken = ["removed_with_job" if is_seen else "lost_tick"] if is_left else []
        return Step(label + "done", _stale(state._replace(job=gone)), broken)


def _unheard(step: Step, version: int) -> Step:
    """The store has taken it, and the instance does not know that."""
    again = _with(step.state, version, Instance(has_declared=False))
    return Step(step.label + ", UNHEARD", _spent(again, "unheard"), step.broken, True)


def _left(state: State, version: int) -> State:
    """Its session is closed, so what it declared and is still under way will be refused."""
    rest = [r for r in state.requests if (r.kind, r.version) != (DECLARE, version)]
    return _with(state._replace(requests=tuple(rest)), version, Instance(is_open=False))


def _stale(state: State) -> State:
    return state._replace(
        requests=tuple(sorted(r._replace(is_current=False) for r in state.requests))
    )


def _is_under_way(state: State, kind: str, version: int) -> bool:
    return any(each.kind == kind and each.version == version for each in state.requests)


def _sent(state: State, request: Request) -> State:
    return state._replace(requests=tuple(sorted((*state.requests, request))))


def _with(state: State, version: int, instance: Instance) -> State:
    instances = list(state.instances)
    instances[version] = instance
    return state._replace(instances=tuple(instances))


def _spent(state: State, name: str) -> State:
    left = getattr(state.budgets, name) - 1
    return state._replace(budgets=state.budgets._replace(**{name: left}))


# --- the scenarios


def _holds(name: str, says: str, *, small: bool = True, **config: Any) -> Scenario:
    return Scenario(f"definitions/{name}", says, DefinitionModel(Config(**config)), is_small=small)


def _limit(name: str, violates: str, says: str, **config: Any) -> Scenario:
    expected = frozenset({violates})
    model = DefinitionModel(Config(edits=0, removals=1, watched=expected, **config))
    return Scenario(f"definitions/{name}", says, model, expected, is_small=True)


def _without(flag: str, violates: str, says: str, **config: Any) -> Scenario:
    expected = frozenset(violates.split())
    bounds: dict[str, Any] = {"edits": 1, flag: False} | config
    model = DefinitionModel(Config(**bounds, watched=expected))
    name = f"definitions/no-{flag.replace('_', '-')}"
    return Scenario(name, f"without: {says}", model, expected, (flag,), True)


SPARE: dict[str, str] = {}
SCENARIOS = [
    _holds("edit", "declared again and again; one leaves, one is started; gaps of nobody's ticks"),
    _holds("boots", "the same, two are started and two leave", small=False, boots=2, leaves=2),
    _holds("remove", "removed, and started again", edits=0, removals=1),
    _holds("remove-edit", "removed amid edits", small=False, removals=1, leaves=0),
    _holds(
        "back",
        "the clock is set back: a gap may come early, no tick comes twice or is lost",
        small=False,
        edits=1,
        backs=1,
        watched=SAFE - {"robbed"} | {SETTLES},
    ),
    _limit(
        "limit-unheard",
        "removed_returns",
        "an instance whose first declaration was taken and not answered sends it again as its first",
        unheard=1,
    ),
    _limit(
        "limit-removal",
        "removed_with_job",
        "a tick that becomes due between the look at a job and its removal goes without a record",
    ),
    _without("edit_raises_generation", "stale_definition", "an edit raises the generation"),
    _without(
        "runs_only_what_it_knows",
        "stale_definition",
        "an instance claims only the definition that it knows",
    ),
    _without("owed_stays", "lost_tick", "an edit leaves a tick that is due"),
    _without(
        "first_is_above_watermark", SETTLES, "an edit begins above the watermark, or is made anew"
    ),
    _without(
        "tombstone_keeps_watermark",
        "claim_once",
        "a removed job keeps its watermark",
        removals=1,
        leaves=0,
    ),
    _without(
        "removal_is_seen",
        "lost_tick",
        "a removal is refused when the job is not as seen",
        removals=1,
    ),
    _without(
        "revived_by_start_only",
        "removed_returns",
        "an instance at work does not bring a removed job back",
        removals=1,
    ),
    _without("gaps_only_too_late", "robbed", "what could still be run is left for an instance"),
    _without(
        "gaps_are_claims",
        "claim_once lost_tick",
        "a gap of nobody's ticks is refused when the job is not as seen",
    ),
]
DECISIONS = frozenset(each.name for each in fields(Decisions))
