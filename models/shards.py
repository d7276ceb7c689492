"""Ticks in shards: two ticks of a job with one seat, two shards each, which end in any order.

A tick is claimed, waits, is done; a shard is started, ends, is lost with its holder, runs again. Who
holds a shard, and the messages about it, are the session model's: to it a shard is a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from explore import SETTLES, Step
from scenario import Scenario

TICKS = range(2)
SHARDS = range(2)

NONE, PENDING, STARTED = "none", "pending", "started"
SUCCEEDED, CANCELLED, FAILED, LOST = "succeeded", "cancelled", "failed", "lost"
OUTCOMES = (SUCCEEDED, CANCELLED, FAILED, LOST)  # The worst comes last.
WAITING, SHARDED, ENDED = "waiting", "sharded", "ended"


@dataclass(frozen=True)
class Config:
    made_at_once: bool = True  # Else the claimer makes one shard after the other, if it lives.
    counts_as_one: bool = True  # Else each shard that ends makes room.
    counted_with_its_end: bool = True  # Else the count is read with it, and written later.
    counted_once: bool = True  # Else a completion that is repeated is counted again.
    worst_wins: bool = True  # Else the last outcome does.
    only_ends_count: bool = True  # Else an attempt that is followed by another counts as well.
    reruns: bool = False
    poisons: bool = False  # The last death is one too many: what it lost is not run again.
    retries: int = 0
    cancels: int = 0
    deaths: int = 1
    repeats: int = 1


class Tick(NamedTuple):
    state: str = NONE
    shards: tuple[str, ...] = (NONE,) * len(SHARDS)
    ended: int = 0
    outcome: str = SUCCEEDED


class State(NamedTuple):
    ticks: tuple[Tick, ...]
    active: int
    deaths: int
    repeats: int
    cancels: int
    retries: int
    counting: tuple[tuple[int, int], ...] = ()  # tick, and the count that was read
    has_claimer: bool = True


class ShardModel:
    """What the store does with two ticks, whoever asks."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = frozenset({"one_active", "ended_early", "outcome_wrong", SETTLES})

    def initial(self) -> State:
        config = self.config
        ticks = tuple(Tick() for _ in TICKS)
        return State(ticks, 0, config.deaths, config.repeats, config.cancels, config.retries)

    def is_settled(self, state: State) -> bool:
        return all(tick.state == ENDED for tick in state.ticks) and not state.active

    def broken(self, state: State) -> list[str]:
        under_way = [tick for tick in state.ticks if {PENDING, STARTED} & {*tick.shards}]
        ended = [tick for tick in state.ticks if tick.state == ENDED]
        early = [tick for tick in ended if not {*tick.shards} <= {*OUTCOMES}]
        wrong = [tick for tick in ended if tick not in early and tick.outcome != _worst(tick)]
        found = {"one_active": len(under_way) > 1, "ended_early": early, "outcome_wrong": wrong}
        return [name for name, is_so in found.items() if is_so]

    def steps(self, state: State) -> Iterator[Step]:
        yield from self._claim(state)
        yield from self._make(state)
        yield from self._count(state)
        for k, tick in enumerate(state.ticks):
            for n, shard in enumerate(tick.shards):
                where = f"shard {n} of tick {k}"
                if shard == PENDING:
                    yield Step(f"{where} is started", _with_shard(state, k, n, STARTED))
                elif shard == STARTED:
                    yield from self._end(state, k, n, where)
                elif shard in OUTCOMES and state.repeats:
                    yield self._repeat(state, k, where)
            if state.cancels and tick.state == SHARDED:
                cancelled = self._cancelled(state._replace(cancels=state.cancels - 1), k)
                yield Step(f"tick {k} is CANCELLED", cancelled, is_fault=True)

    def _claim(self, state: State) -> Iterator[Step]:
        for k, tick in enumerate(state.ticks):
            if tick.state == NONE and all(t.state != NONE for t in state.ticks[:k]):
                if state.active:
                    yield Step(f"tick {k} waits", _with(state, k, tick._replace(state=WAITING)))
                else:
                    yield Step(f"tick {k} is claimed", self._opened(state, k))

    def _opened(self, state: State, k: int) -> State:
        made = PENDING if self.config.made_at_once else NONE
        tick = Tick(SHARDED, (made,) * len(SHARDS))
        return _with(state._replace(active=state.active + 1), k, tick)

    def _make(self, state: State) -> Iterator[Step]:
        unmade = [
            (k, n)
            for k, tick in enumerate(state.ticks)
            for n, shard in enumerate(tick.shards)
            if tick.state == SHARDED and shard == NONE
        ]
        for k, n in unmade[:1] if state.has_claimer else []:
            yield Step(
                f"the claimer makes shard {n} of tick {k}", _with_shard(state, k, n, PENDING)
            )
        if unmade and state.has_claimer and state.deaths:
            died = state._replace(deaths=state.deaths - 1, has_claimer=False)
            yield Step("the claimer DIES", died, is_fault=True)

    def _end(self, state: State, k: int, n: int, where: str) -> Iterator[Step]:
        for outcome in (SUCCEEDED, FAILED):
            yield Step(f"{where} has {outcome}", self._ended(state, k, n, outcome))
        if state.retries:
            after = self._tried_again(state._replace(retries=state.retries - 1), k, n)
            yield Step(f"{where} has {FAILED}, to be TRIED AGAIN", after, is_fault=True)
        if state.deaths:
            died = state._replace(deaths=state.deaths - 1)
            if self.config.reruns and (died.deaths or not self.config.poisons):
                after = self._tried_again(died, k, n)
            else:
                after = self._ended(died, k, n, LOST)
            yield Step(f"the holder of {where} DIES", after, is_fault=True)

    def _tried_again(self, state: State, k: int, n: int) -> State:
        state = _with_shard(state, k, n, PENDING)
        if self.config.only_ends_count:
            return state
        return self._counted(state, k, state.ticks[k].ended + 1)

    def _ended(self, state: State, k: int, n: int, outcome: str) -> State:
        state = _with_shard(state, k, n, outcome)
        tick = state.ticks[k]
        worst = max(tick.outcome, outcome, key=OUTCOMES.index)
        last = worst if self.config.worst_wins else outcome
        state = _with(state, k, tick._replace(outcome=last))
        if self.config.counted_with_its_end:
            return self._counted(state, k, tick.ended + 1)
        return state._replace(counting=(*state.counting, (k, tick.ended)))

    def _count(self, state: State) -> Iterator[Step]:
        for at, (k, seen) in enumerate(state.counting):
            rest = state._replace(counting=state.counting[:at] + state.counting[at + 1 :])
            yield Step(f"tick {k} counts {seen + 1}", self._counted(rest, k, seen + 1))

    def _counted(self, state: State, k: int, ended: int) -> State:
        tick = state.ticks[k]
        is_done = ended >= len(SHARDS)
        state = _with(state, k, tick._replace(ended=ended, state=ENDED if is_done else tick.state))
        return self._with_room(state) if is_done or not self.config.counts_as_one else state

    def _with_room(self, state: State) -> State:
        """One less is active: the tick that waits goes on."""
        state = state._replace(active=max(0, state.active - 1))
        for k, tick in enumerate(state.ticks):
            if tick.state == WAITING and not state.active:
                return self._opened(state, k)
        return state

    def _repeat(self, state: State, k: int, where: str) -> Step:
        after = state._replace(repeats=state.repeats - 1)
        tick = state.ticks[k]
        if not self.config.counted_once and tick.state != ENDED:
            after = self._counted(after, k, tick.ended + 1)
        return Step(f"the completion of {where} comes AGAIN", after, is_fault=True)

    def _cancelled(self, state: State, k: int) -> State:
        for n in SHARDS:
            if state.ticks[k].shards[n] == PENDING:
                state = self._ended(state, k, n, CANCELLED)
        return state


def _worst(tick: Tick) -> str:
    return max(tick.shards, key=OUTCOMES.index)


def _with(state: State, k: int, tick: Tick) -> State:
    return state._replace(ticks=(*state.ticks[:k], tick, *state.ticks[k + 1 :]))


def _with_shard(state: State, k: int, n: int, shard: str) -> State:
    tick = state.ticks[k]
    return _with(state, k, tick._replace(shards=(*tick.shards[:n], shard, *tick.shards[n + 1 :])))


def _holds(name: str, says: str, **config: int) -> Scenario:
    return Scenario(f"shards/{name}", says, ShardModel(Config(**config)), is_small=True)


def _without(flag: str, violates: str, says: str, **config: int) -> Scenario:
    model = ShardModel(Config(**{flag: False}, **config))
    name = f"shards/no-{flag.replace('_', '-')}"
    return Scenario(name, f"without: {says}", model, frozenset(violates.split()), (flag,), True)


DECISIONS = frozenset(
    {"made_at_once", "counts_as_one", "counted_with_its_end", "counted_once", "worst_wins"}
) | {"only_ends_count"}
SPARE: dict[str, str] = {}
SCENARIOS = [
    _holds("abandon", "a lost shard is lost, and its tick ends all the same"),
    _holds("rerun", "a lost shard runs again", reruns=1),
    _holds(
        "retry", "a shard that failed is tried again, and lost ones run again", reruns=1, retries=2
    ),
    _holds(
        "poison",
        "shards are lost and run again, until one is lost once too often",
        reruns=1,
        deaths=3,
        poisons=1,
        cancels=1,
    ),
    _holds(
        "cancel", "a tick is cancelled: what nobody has started ends, the rest goes on", cancels=1
    ),
    _without("made_at_once", SETTLES, "a tick and all of its shards are made in one step"),
    _without("counts_as_one", "one_active", "the last shard of a tick makes room, and no other"),
    _without(
        "counted_with_its_end", SETTLES, "a shard is counted in the step that ends it", repeats=0
    ),
    _without("counted_once", "ended_early one_active", "a repeated completion counts nothing"),
    _without(
        "only_ends_count",
        "ended_early one_active",
        "an attempt that is followed by another counts nothing",
        retries=1,
        repeats=0,
    ),
    _without("worst_wins", "outcome_wrong", "the worst outcome is the tick's"),
]
