"""Overlap: ticks of a job that may have several runs at once, whose limit is raised and lowered.

Each step is one of the store's. Who holds a run, and what else may end it, is in `session/`, where
the limit is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from explore import SETTLES, Step
from scenario import Scenario

NONE, WAITING, PENDING, STARTED = "none", "waiting", "pending", "started"
ENDED, SKIPPED, CANCELLED = "ended", "SKIPPED", "CANCELLED"
ACTIVE = frozenset({PENDING, STARTED})
OVER = frozenset({ENDED, SKIPPED, CANCELLED})

SAFE = frozenset({"asks_too_many", "held_up", "idle_room", "newest_dropped"}) | {
    "out_of_order",
    "over_limit",
}


@dataclass(frozen=True)
class Decisions:
    promotes_as_many: bool = True  # As there is room for; else one with each end.
    promotes_up_to_limit: bool = True  # Else one goes on for each that ends, whatever the limit.
    promotes_oldest: bool = True
    edit_promotes: bool = True
    newest_waits: bool = True  # Of several ticks under `wait` and `replace`; else the first does.
    asked_make_room: bool = True  # A tick that was asked to end already is one of those that do.
    replaces_unstarted: bool = True  # At once; else only who was started is asked.


@dataclass(frozen=True)
class Config(Decisions):
    policy: str = "wait"
    limit: int = 2
    ticks: int = 4
    triggers: int = 1
    limits: tuple[int, ...] = ()  # What the limit is edited to, in this order.
    watched: frozenset[str] = SAFE | {SETTLES}


class State(NamedTuple):
    runs: tuple[str, ...]  # the ticks, then the triggered ones
    asked: frozenset[int]
    queue: tuple[int, ...]  # those that wait, as they came
    limit: int
    edits: int = 0


class OverlapModel:
    """One job."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = config.watched

    def initial(self) -> State:
        runs = self.config.ticks + self.config.triggers
        return State((NONE,) * runs, frozenset(), (), self.config.limit)

    def is_settled(self, state: State) -> bool:
        return all(run in OVER for run in state.runs)

    def broken(self, state: State) -> list[str]:
        return ["idle_room"] if state.queue and active(state) < state.limit else []

    def steps(self, state: State) -> Iterator[Step]:
        for k, run in enumerate(state.runs):
            what = f"tick {k}" if self._is_tick(k) else f"triggered run {k}"
            if run == NONE and self._is_next(state, k):
                yield self._step(state, f"{what} comes", self._comes(state, k))
            elif run == PENDING:
                yield self._step(state, f"{what} is started", _with(state, k, STARTED))
            elif run == STARTED:
                ended = self._promoted(_with(state, k, ENDED), is_end=True)
                asked = ", as it was asked to" if k in state.asked else ""
                yield self._step(state, f"{what} ends{asked}", ended)
        if state.edits < len(self.config.limits):
            limit = self.config.limits[state.edits]
            edited = state._replace(limit=limit, edits=state.edits + 1)
            if self.config.edit_promotes:
                edited = self._promoted(edited)
            yield self._step(state, f"the limit is EDITED to {limit}", edited, is_fault=True)

    def _is_tick(self, k: int) -> bool:
        return k < self.config.ticks

    def _is_next(self, state: State, k: int) -> bool:
        """Ticks come in order, and what is asked for by hand at any time."""
        return not self._is_tick(k) or NONE not in state.runs[:k]

    def _step(self, before: State, label: str, after: State, *, is_fault: bool = False) -> Step:
        wanted = active(before) - before.limit + 1
        ticks = zip(before.runs, after.runs[: self.config.ticks], strict=False)
        came = [now for was, now in ticks if was == NONE != now]
        found = {
            "over_limit": _went_on(before, after) and active(after) > after.limit,
            "out_of_order": self._is_out_of_order(before, after),
            "asks_too_many": after.asked - before.asked and len(after.asked) > wanted,
            "newest_dropped": self.config.policy != "skip" and SKIPPED in came,
            "held_up": WAITING in came and self._could_make_way(before, after),
        }
        return Step(label, after, [name for name, is_so in found.items() if is_so], is_fault)

    def _is_out_of_order(self, before: State, after: State) -> bool:
        went_on = [k for k in _went_on(before, after) if self._is_tick(k)]
        left = [k for k in after.queue if self._is_tick(k)]
        return bool(went_on and left) and min(left) < max(went_on)

    def _could_make_way(self, before: State, after: State) -> bool:
        """Nobody has started a tick, and none has ended for it or is about to."""
        is_pending = PENDING in after.runs[: self.config.ticks]
        made_way = after.asked or after.runs.count(CANCELLED) > before.runs.count(CANCELLED)
        return self.config.policy == "replace" and is_pending and not made_way

    # --- what the store makes of it

    def _comes(self, state: State, k: int) -> State:
        policy = self.config.policy
        if active(state) < state.limit:
            return _with(state, k, PENDING)
        if not self._is_tick(k) or policy == "wait_all":
            return _queued(state, k)
        if policy == "skip":
            return _with(state, k, SKIPPED)
        others = [each for each in state.queue if self._is_tick(each)]
        if others and not self.config.newest_waits:
            return _with(state, k, SKIPPED)
        for other in others:
            state = _with(_unqueued(state, other), other, SKIPPED)
        if policy == "replace":
            state = self._make_way(state)
        return _with(state, k, PENDING) if active(state) < state.limit else _queued(state, k)

    def _make_way(self, state: State) -> State:
        """As many active ticks end as there must be room for one, oldest first."""
        ticks = [k for k in range(self.config.ticks) if state.runs[k] in ACTIVE]
        unasked = [k for k in ticks if k not in state.asked]
        wanted = active(state) - state.limit + 1
        if self.config.asked_make_room:
            wanted -= len(ticks) - len(unasked)
        for k in unasked[: max(0, wanted)]:
            if state.runs[k] == STARTED:
                state = state._replace(asked=state.asked | {k})
            elif self.config.replaces_unstarted:
                state = self._promoted(_with(state, k, CANCELLED))
        return state

    def _promoted(self, state: State, *, is_end: bool = False) -> State:
        """Those that wait go on, as far as there is room."""
        config = self.config
        may_go = len(state.queue) if config.promotes_as_many else 1
        is_forced = is_end and not config.promotes_up_to_limit
        for _ in range(min(may_go, len(state.queue))):
            if not (active(state) < state.limit or is_forced):
                break
            k = state.queue[0 if config.promotes_oldest else -1]
            state, is_forced = _with(_unqueued(state, k), k, PENDING), False
        return state


def active(state: State) -> int:
    return sum(run in ACTIVE for run in state.runs)


def _went_on(before: State, after: State) -> list[int]:
    """What has become active."""
    both = zip(before.runs, after.runs, strict=True)
    return [k for k, (was, now) in enumerate(both) if was not in ACTIVE and now in ACTIVE]


def _with(state: State, k: int, run: str) -> State:
    asked = state.asked - {k} if run in OVER else state.asked
    return state._replace(runs=(*state.runs[:k], run, *state.runs[k + 1 :]), asked=asked)


def _queued(state: State, k: int) -> State:
    return _with(state, k, WAITING)._replace(queue=(*state.queue, k))


def _unqueued(state: State, k: int) -> State:
    return state._replace(queue=tuple(each for each in state.queue if each != k))


# --- the scenarios


def _holds(name: str, says: str, **config: Any) -> Scenario:
    return Scenario(f"overlap/{name}", says, OverlapModel(Config(**config)), is_small=True)


def _without(flag: str, violates: str, says: str, **config: Any) -> Scenario:
    expected = frozenset(violates.split())
    bounds: dict[str, Any] = {flag: False, "watched": expected} | config
    name = f"overlap/no-{flag.replace('_', '-')}"
    model = OverlapModel(Config(**bounds))
    return Scenario(name, f"without: {says}", model, expected, (flag,), True)


SPARE: dict[str, str] = {}
SCENARIOS = [
    _holds("skip", "two at once, a tick at the limit is skipped", policy="skip", limits=(1, 3)),
    _holds("wait", "two at once, the newest waits; the limit is lowered and raised", limits=(1, 3)),
    _holds("wait-all", "the same, all wait", policy="wait_all", limits=(1, 3)),
    _holds("replace", "the same, the oldest make way", policy="replace", limits=(1, 3)),
    _holds(
        "replace-three",
        "three at once, the limit falls to one",
        policy="replace",
        limit=3,
        limits=(1,),
    ),
    _without(
        "promotes_as_many",
        "idle_room",
        "as many go on as there is room for",
        policy="wait_all",
        limit=1,
        limits=(3,),
    ),
    _without(
        "promotes_up_to_limit",
        "over_limit",
        "an end makes room only below the limit, which may have been lowered",
        policy="wait_all",
        limits=(1,),
    ),
    _without("promotes_oldest", "out_of_order", "the oldest goes on", policy="wait_all", limit=1),
    _without("edit_promotes", "idle_room", "a raised limit lets waiting runs go on", limits=(3,)),
    _without("newest_waits", "newest_dropped", "of the ticks that wait the newest stays"),
    _without(
        "asked_make_room",
        "asks_too_many",
        "a tick that was asked to end is not counted once more",
        policy="replace",
    ),
    _without(
        "replaces_unstarted",
        "held_up",
        "a tick that nobody has started makes way at once",
        policy="replace",
    ),
]
DECISIONS = frozenset(each.name for each in fields(Decisions))
