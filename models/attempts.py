"""Attempts: a run that fails, is lost and is tried again, and another one that waits for its end.

Its holders die, or are cut off and live on; what they have sent may come late, and twice. Of the
messages only completions are modelled: claim and start, and how a session ends, are in `session/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from explore import SETTLES, Step
from scenario import Scenario

ATTEMPTS = 3  # With the policy's retry; a run that is lost again and again may have more.
LOSSES_ALLOWED = 2
INSTANCES = range(2)
NOBODY, GONE = -1, -2

PENDING, CLAIMED, STARTED = "pending", "claimed", "started"
SUCCEEDED, FAILED, LOST, CANCELLED = "SUCCEEDED", "FAILED", "LOST", "CANCELLED"
ENDED = frozenset({SUCCEEDED, FAILED, LOST, CANCELLED})
HELD = frozenset({CLAIMED, STARTED})

IDLE, HOLDING, RUNNING, TELLING = "idle", "holds a claim", "in the handler", "tells its outcome"
DEAD = "dead"

SAFE = frozenset(
    {"attempt_unused", "cancel_undone", "early", "one_active", "poisoned_late", "poisoned_wrongly"}
) | {"removed_again", "stale_outcome", "too_many_tries", SETTLES}


@dataclass(frozen=True)
class Decisions:
    back_off_is_kept: bool = True
    back_off_keeps_room: bool = True  # A run that waits for its next attempt is active.
    attempt_is_stored: bool = True  # Else each holder counts its own.
    tokens_fence: bool = True
    only_started_ends: bool = True  # Else a completion that is repeated grants another attempt.
    returned_keeps_attempt: bool = True  # A claim that was given back used up nothing.
    asked_ends: bool = True
    removed_ends: bool = True
    ends_promote: bool = True  # Whatever ends the run: an outcome, a loss, an order.
    losses_are_stored: bool = True
    outcome_ends_row: bool = True
    own_loss_is_none: bool = True  # An instance that lives to tell of a loss was not killed by it.
    claimed_is_no_loss: bool = True


@dataclass(frozen=True)
class Config(Decisions):
    rerun: bool = True  # on_lost
    deaths: int = 3
    cuts: int = 0
    releases: int = 0
    own_losses: int = 0
    repeats: int = 0
    cancels: int = 0
    removals: int = 0
    watched: frozenset[str] = SAFE


class Run(NamedTuple):
    state: str = PENDING
    attempt: int = 1
    token: int = 0
    holder: int = NOBODY  # GONE: its session was closed
    losses: int = 0
    waits: bool = False  # for the end of its back-off
    is_asked: bool = False


class Instance(NamedTuple):
    at: str = IDLE
    token: int = 0
    attempt: int = 0


class Said(NamedTuple):
    """A completion that may arrive."""

    sender: int
    token: int
    outcome: str
    grants_retry: bool


class Budgets(NamedTuple):
    deaths: int
    cuts: int
    releases: int
    own_losses: int
    repeats: int
    cancels: int
    removals: int


class State(NamedTuple):
    run: Run
    instances: tuple[Instance, ...]
    said: tuple[Said, ...]
    budgets: Budgets
    other_goes: bool = False  # The run that waits was let go on.
    is_poisoned: bool = False
    is_removed: bool = False
    starts: int = 0  # how often it was started
    failures: int = 0  # how often it ended by a failure, and went on
    row: int = 0  # sessions that died with it started, since its last outcome


class AttemptModel:
    """One run and its holders."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = config.watched

    def initial(self) -> State:
        config = self.config
        budgets = Budgets(*(getattr(config, name) for name in Budgets._fields))
        return State(Run(), tuple(Instance() for _ in INSTANCES), (), budgets)

    def is_settled(self, state: State) -> bool:
        return state.run.state in ENDED and (state.other_goes or state.is_removed)

    def broken(self, state: State) -> list[str]:
        run = state.run
        is_active = run.state not in ENDED
        found = {
            "one_active": is_active and state.other_goes,
            "attempt_unused": run.attempt > 1 + state.starts,
            "too_many_tries": state.failures >= ATTEMPTS,
            "poisoned_wrongly": state.is_poisoned and state.row <= LOSSES_ALLOWED,
            "poisoned_late": run.state in {PENDING, CLAIMED} and state.row > LOSSES_ALLOWED,
            "removed_again": state.is_removed and run.state == PENDING,
        }
        return [name for name, is_so in found.items() if is_so]

    def steps(self, state: State) -> Iterator[Step]:
        if self.is_settled(state) and not state.said:
            return
        if state.run.waits:
            over = state.run._replace(waits=False)
            yield Step("the back-off is over", state._replace(run=over))
        if state.run.state in HELD and state.run.holder == GONE:
            yield Step(f"the run is swept: {state.run.state}", self._swept(state))
        for said in sorted(set(state.said)):
            yield from self._arrive(state, said)
        for i in INSTANCES:
            yield from self._instance(state, i)
        yield from self._orders(state)

    def _instance(self, state: State, i: int) -> Iterator[Step]:
        mine, run = state.instances[i], state.run
        if mine.at == DEAD:
            yield Step(f"i{i} starts anew", _with(state, i, Instance()))
            return
        if mine.at == IDLE and run.state == PENDING:
            if not (run.waits and self.config.back_off_is_kept):
                yield self._claim(state, i)
        elif mine.at == HOLDING:
            yield from self._start(state, i)
        elif mine.at == RUNNING:
            yield self._tell(state, i, SUCCEEDED)
            yield self._tell(state, i, FAILED)
        if state.budgets.deaths:
            died = _with(_closed(_spent(state, "deaths"), i), i, Instance(DEAD))
            yield Step(f"i{i} DIES, {mine.at}", died, (), True)
        if state.budgets.cuts and mine.at in {HOLDING, RUNNING}:
            cut = _closed(_spent(state, "cuts"), i)
            yield Step(f"the session of i{i} is CLOSED, {mine.at}", cut, (), True)

    def _claim(self, state: State, i: int) -> Step:
        run = state.run
        token = run.token + 1
        claimed = run._replace(state=CLAIMED, token=token, holder=i)
        attempt = run.attempt if self.config.attempt_is_stored else 1
        after = _with(state._replace(run=claimed), i, Instance(HOLDING, token, attempt))
        return Step(f"i{i} claims attempt {run.attempt}", after, ("early",) if run.waits else ())

    def _start(self, state: State, i: int) -> Iterator[Step]:
        mine, run = state.instances[i], state.run
        if (run.state, run.token, run.holder) != (CLAIMED, mine.token, i):
            yield Step(f"i{i} may not start", _with(state, i, Instance()))
            return
        started = state._replace(run=run._replace(state=STARTED), starts=state.starts + 1)
        yield Step(
            f"i{i} starts attempt {run.attempt}", _with(started, i, mine._replace(at=RUNNING))
        )
        if state.budgets.own_losses:
            unheard = _spent(started, "own_losses")
            step = self._tell(unheard, i, LOST)
            yield step._replace(label=f"i{i} starts it, hears NOTHING, {step.label}", is_fault=True)
        if state.budgets.releases:
            back = self._returned(_spent(state, "releases"))
            yield Step(f"i{i} RELEASES it", _with(back, i, Instance()), (), True)

    def _tell(self, state: State, i: int, outcome: str) -> Step:
        mine = state.instances[i]
        grants = outcome == FAILED and mine.attempt < ATTEMPTS
        said = Said(i, mine.token, outcome, grants)
        telling = _with(state, i, mine._replace(at=TELLING))
        after = telling._replace(said=(*telling.said, said))
        return Step(f"i{i} says {outcome}" + (", to be tried again" if grants else ""), after)

    def _arrive(self, state: State, said: Said) -> Iterator[Step]:
        label = f"{said.outcome} of token {said.token} arrives"
        rest = list(state.said)
        rest.remove(said)
        heard, broken = self._completed(state, said)
        yield Step(label, _heard(heard, said)._replace(said=tuple(rest)), broken)
        if state.budgets.repeats:
            yield Step(f"{label}, to come AGAIN", _spent(heard, "repeats"), broken, True)

    # --- what the store makes of it

    def _completed(self, state: State, said: Said) -> tuple[State, list[str]]:
        config, run = self.config, state.run
        is_current = said.token == run.token
        may_end = run.state == STARTED or (not config.only_started_ends and run.state == PENDING)
        if not may_end or not (is_current or not config.tokens_fence):
            return state, []
        broken = [] if is_current else ["stale_outcome"]
        if said.outcome == LOST:
            return self._lost(state, counts=not config.own_loss_is_none), broken
        row = state._replace(row=0)
        if said.grants_retry and self._may_run_again(row):
            broken += ["cancel_undone"] if run.is_asked else []
            losses = 0 if config.outcome_ends_row else run.losses
            again = row._replace(run=run._replace(losses=losses), failures=row.failures + 1)
            return self._tried_again(again, waits=True), broken
        return self._ended(row, said.outcome), broken

    def _may_run_again(self, state: State) -> bool:
        stops = (state.run.is_asked and self.config.asked_ends) or (
            state.is_removed and self.config.removed_ends
        )
        return not stops

    def _tried_again(self, state: State, *, waits: bool) -> State:
        run = state.run
        again = run._replace(
            state=PENDING, attempt=run.attempt + 1, holder=NOBODY, waits=waits, is_asked=False
        )
        frees = waits and not self.config.back_off_keeps_room
        return state._replace(run=again, other_goes=state.other_goes or frees)

    def _swept(self, state: State) -> State:
        if state.run.state == STARTED:
            return self._lost(state._replace(row=state.row + 1), counts=True)
        run = state.run
        losses = run.losses if self.config.claimed_is_no_loss else run.losses + 1
        return self._returned(state._replace(run=run._replace(losses=losses)))

    def _returned(self, state: State) -> State:
        """CLAIMED to PENDING; of a job that was removed it ends."""
        if state.is_removed and self.config.removed_ends:
            return self._ended(state, CANCELLED)
        run = state.run
        attempt = run.attempt + (not self.config.returned_keeps_attempt)
        back = run._replace(state=PENDING, attempt=attempt, holder=NOBODY)
        return state._replace(run=back)

    def _lost(self, state: State, *, counts: bool) -> State:
        config = self.config
        losses = state.run.losses + (counts and config.losses_are_stored)
        state = state._replace(run=state.run._replace(losses=losses))
        if not config.rerun or not self._may_run_again(state):
            return self._ended(state, LOST)
        if losses <= LOSSES_ALLOWED:
            return self._tried_again(state, waits=False)
        return self._ended(state, LOST)._replace(is_poisoned=True)

    def _ended(self, state: State, outcome: str) -> State:
        run = state.run._replace(state=outcome, holder=NOBODY, waits=False)
        goes = self.config.ends_promote and not state.is_removed
        return state._replace(run=run, other_goes=state.other_goes or goes)

    def _orders(self, state: State) -> Iterator[Step]:
        run = state.run
        if state.budgets.cancels and run.state not in ENDED and not run.is_asked:
            after = _spent(state, "cancels")
            if run.state == STARTED:
                after = after._replace(run=run._replace(is_asked=True))
            else:
                after = self._ended(after, CANCELLED)
            yield Step(f"the run is CANCELLED, {run.state}", after, (), True)
        if state.budgets.removals and not state.is_removed:
            after = _spent(state, "removals")._replace(is_removed=True)
            if run.state == PENDING:
                after = self._ended(after, CANCELLED)
            yield Step(f"the job is REMOVED, its run {run.state}", after, (), True)


def _with(state: State, i: int, instance: Instance) -> State:
    instances = (*state.instances[:i], instance, *state.instances[i + 1 :])
    return state._replace(instances=instances)


def _closed(state: State, i: int) -> State:
    """Who is only cut off knows nothing of it, and goes on with what it had."""
    is_holder = state.run.holder == i
    return state._replace(run=state.run._replace(holder=GONE)) if is_holder else state


def _heard(state: State, said: Said) -> State:
    mine = state.instances[said.sender]
    if mine.at == TELLING and mine.token == said.token:
        return _with(state, said.sender, Instance())
    return state


def _spent(state: State, name: str) -> State:
    left = getattr(state.budgets, name) - 1
    return state._replace(budgets=state.budgets._replace(**{name: left}))


# --- the scenarios


def _holds(name: str, says: str, *, small: bool = True, **config: Any) -> Scenario:
    return Scenario(f"attempts/{name}", says, AttemptModel(Config(**config)), is_small=small)


def _without(flag: str, violates: str, says: str, **config: Any) -> Scenario:
    expected = frozenset(violates.split())
    bounds: dict[str, Any] = {flag: False, "watched": expected} | config
    name = f"attempts/no-{flag.replace('_', '-')}"
    model = AttemptModel(Config(**bounds))
    return Scenario(name, f"without: {says}", model, expected, (flag,), True)


SPARE: dict[str, str] = {}
SCENARIOS = [
    _holds("rerun", "fails and is lost in any order; the third loss in a row poisons"),
    _holds("four-losses", "rerun; four losses, not all in a row", small=False, deaths=4),
    _holds(
        "late",
        "rerun; a holder is cut off, outcomes come late and twice",
        small=False,
        deaths=2,
        cuts=1,
        repeats=1,
    ),
    _holds("abandon", "the same, and a loss is the end", rerun=False, deaths=1, cuts=1, repeats=1),
    _holds(
        "unheard",
        "rerun; a start whose answer is lost, a claim given back, an outcome that comes twice",
        small=False,
        deaths=1,
        own_losses=1,
        releases=1,
        repeats=1,
    ),
    _holds("cancel", "cancelled at any time, in its back-off too", deaths=1, cuts=1, cancels=1),
    _holds("remove", "its job is removed at any time", deaths=1, removals=1, releases=1),
    _holds(
        "remove-cut", "the same, a holder is cut off", small=False, deaths=1, cuts=1, removals=1
    ),
    _without("back_off_is_kept", "early", "no attempt before its back-off is over"),
    _without("back_off_keeps_room", "one_active", "a run in its back-off keeps its job's room"),
    _without("attempt_is_stored", "too_many_tries", "the store counts the attempts, not a holder"),
    _without(
        "tokens_fence", "stale_outcome", "an outcome of the attempt before ends this one", cuts=1
    ),
    _without(
        "only_started_ends",
        "attempt_unused",
        "an outcome that comes twice is taken once, in the back-off too",
        repeats=1,
    ),
    _without(
        "returned_keeps_attempt",
        "attempt_unused",
        "a claim given back keeps its attempt",
        releases=1,
    ),
    _without(
        "asked_ends",
        "cancel_undone",
        "a run that was asked to cancel is not tried again",
        cancels=1,
    ),
    _without(
        "removed_ends", "removed_again", "of a removed job nothing is tried again", removals=1
    ),
    _without("ends_promote", SETTLES, "each end lets the run that waits go on"),
    _without("losses_are_stored", "poisoned_late", "losses are counted with the run"),
    _without("outcome_ends_row", "poisoned_wrongly", "an outcome ends a row of losses", deaths=4),
    _without(
        "own_loss_is_none",
        "poisoned_wrongly",
        "a loss that the instance itself tells of is not counted",
        own_losses=1,
    ),
    _without("claimed_is_no_loss", "poisoned_wrongly", "a run that nobody started was not lost"),
]
DECISIONS = frozenset(each.name for each in fields(Decisions))
