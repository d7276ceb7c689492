"""A quorum claim of one (job, fire time, attempt) on three independent servers: a register set once.

The winner holds a majority of `SET NX` without a TTL. Requests and answers are lost or late. Time is
not modelled. Attempt numbers, which would resolve a dead end without a winner, are not either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from explore import Step
from scenario import Scenario

SERVERS = range(3)
MAJORITY = 2
NOBODY = -1
LATE_AT_MOST = 2

UNASKED, YES, NO = "unasked", "yes", "no"


@dataclass(frozen=True)
class Config:
    data_survives: bool = True  # Else one server restarts empty, once.
    set_for_ever: bool = True  # Else one key expires early, once, by a leap of a clock.
    releases: bool = False  # A client without a majority gives its votes back and asks again.


class Client(NamedTuple):
    votes: tuple[str, ...] = (UNASKED,) * len(SERVERS)
    has_won: bool = False
    rounds: int = 0


class State(NamedTuple):
    holders: tuple[int, ...]
    clients: tuple[Client, Client]
    losses: int
    expiries: int
    late: frozenset[tuple[int, int, int]]  # client, server, round of a request under way


class RedlockModel:
    """Two clients that ask three servers."""

    watched = frozenset({"two_winners"})

    def __init__(self, config: Config) -> None:
        self.config = config

    def initial(self) -> State:
        config = self.config
        return State(
            holders=(NOBODY,) * len(SERVERS),
            clients=(Client(), Client()),
            losses=int(not config.data_survives),
            expiries=int(not config.set_for_ever),
            late=frozenset(),
        )

    def is_settled(self, state: State) -> bool:
        return any(client.has_won for client in state.clients)

    def broken(self, state: State) -> list[str]:
        return ["two_winners"] if all(client.has_won for client in state.clients) else []

    def steps(self, state: State) -> Iterator[Step]:
        yield from self._forget(state)
        yield from self._land_late(state)
        for i, client in enumerate(state.clients):
            if not client.has_won:
                yield from self._ask(state, i)
                yield from self._conclude(state, i)

    def _forget(self, state: State) -> Iterator[Step]:
        for n in SERVERS:
            if state.holders[n] != NOBODY:
                empty = _held(state, n, NOBODY)
                if state.losses:
                    label = f"server {n} restarts EMPTY"
                    yield Step(label, empty._replace(losses=state.losses - 1))
                if state.expiries:
                    label = f"server {n}: CLOCK LEAPS, the key expires early"
                    yield Step(label, empty._replace(expiries=state.expiries - 1))

    def _land_late(self, state: State) -> Iterator[Step]:
        for request in state.late:
            i, n, _ = request
            after = state._replace(late=state.late - {request})
            if state.holders[n] == NOBODY:
                after = _held(after, n, i)
            yield Step(f"a LATE request of c{i} lands on server {n}", after)

    def _ask(self, state: State, i: int) -> Iterator[Step]:
        client = state.clients[i]
        for n in SERVERS:
            if client.votes[n] != UNASKED:
                continue
            is_free = state.holders[n] == NOBODY
            set_there = _held(state, n, i) if is_free else state
            vote = YES if is_free else NO
            yield Step(f"c{i} asks server {n}: {vote}", _voted(set_there, i, n, vote))
            if is_free:
                label = f"c{i} asks server {n}: set, its answer is lost"
                yield Step(label, _voted(set_there, i, n, NO))
            if len(state.late) < LATE_AT_MOST:
                late = state._replace(late=state.late | {(i, n, client.rounds)})
                yield Step(f"c{i} asks server {n}: delayed", _voted(late, i, n, NO))

    def _conclude(self, state: State, i: int) -> Iterator[Step]:
        client = state.clients[i]
        if client.votes.count(YES) >= MAJORITY:
            yield Step(f"c{i} WINS and runs", _with(state, i, client._replace(has_won=True)))
        elif UNASKED not in client.votes and self.config.releases and not client.rounds:
            holders = tuple(NOBODY if holder == i else holder for holder in state.holders)
            again = _with(state._replace(holders=holders), i, Client(rounds=1))
            yield Step(f"c{i} has no majority: gives its votes back, asks again", again)


def _with(state: State, i: int, client: Client) -> State:
    clients = (client, state.clients[1]) if i == 0 else (state.clients[0], client)
    return state._replace(clients=clients)


def _held(state: State, n: int, holder: int) -> State:
    return state._replace(holders=(*state.holders[:n], holder, *state.holders[n + 1 :]))


def _voted(state: State, i: int, n: int, vote: str) -> State:
    client = state.clients[i]
    votes = (*client.votes[:n], vote, *client.votes[n + 1 :])
    return _with(state, i, client._replace(votes=votes))


def _scenario(name: str, says: str, without: str = "", **config: bool) -> Scenario:
    violates: frozenset[str] = RedlockModel.watched if without else frozenset()
    config |= {without: False} if without else {}
    model = RedlockModel(Config(**config))
    is_small = name != "release"
    return Scenario(f"redlock/{name}", says, model, violates, tuple(without.split()), is_small)


DECISIONS = frozenset({"data_survives", "set_for_ever"})
SPARE: dict[str, str] = {}
SCENARIOS = [
    _scenario("set-once", "no loss, no TTL: never two winners"),
    _scenario("release", "votes given back and asked for again", releases=True),
    _scenario("no-data-survives", "without: a server keeps what it answered", "data_survives"),
    _scenario("no-set-for-ever", "without: a key has no TTL", "set_for_ever"),
]
