"""The settings and the states of the failover model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NONE, CLAIMED, STARTED = "none", "CLAIMED", "STARTED"
SUCCEEDED, LOST = "SUCCEEDED", "LOST"

# where an instance is
IDLE, PEEKED, CLAIMING, HOLDING = "idle", "has peeked", "waits for claim", "holds a claim"
STARTING, RUNNING, CHECKED = "waits for start", "in the handler", "checked its lease"
ENDED, COMPLETING, DEAD = "handler ended", "waits for complete", "dead"
WAITS = frozenset({CLAIMING, STARTING, COMPLETING})

NOBODY = -1
PRIMARY = 0
LEASE = 2
TOKENS_PER_UNIT = 8  # A hybrid token leaves room for so many tokens in a unit of time.


@dataclass(frozen=True)
class Config:
    # decisions
    start_before_handler: bool = True  # Else claim is the point of no return.
    hybrid_tokens: bool = True  # max(last + 1, store's time): else a plain counter.
    failover_outlasts_skew: bool = True  # Else no time passes while a replica is promoted.
    waits_for_replicas: bool = True
    waits_for_all: bool = True  # For every replica that may be promoted; else for one of them.
    taking_waits: bool = True  # Also an answer that wrote nothing waits for the replicas.
    resource_checks_token: bool = True
    # bounds
    takes_own_claims: bool = False  # After a lost answer; start may be repeated too.
    rerun: bool = False
    replicas: int = 0
    splits: bool = False  # The old primary goes on beside the promoted one.
    time: int = 3
    crashes: int = 0
    losses: int = 0
    failovers: int = 0
    lease: int = LEASE
    watched: frozenset[str] = frozenset()

    @property
    def acks_needed(self) -> int:
        if not self.waits_for_replicas:
            return 0
        return self.replicas if self.waits_for_all else min(1, self.replicas)


class Run(NamedTuple):
    state: str
    owner: int = NOBODY
    token: int = 0
    lease: int = 0


class Store(NamedTuple):
    is_claimable: bool  # the tick is expected next
    token: int
    writes: int
    run: Run


class Request(NamedTuple):
    op: str
    sender: int
    is_awaited: bool
    store: int
    token: int = 0


class Answer(NamedTuple):
    op: str
    to: int
    store: int
    token: int  # 0: refused
    wrote: bool
    acks: int  # a bit a replica that has all of it


class Instance(NamedTuple):
    at: str
    store: int = PRIMARY  # which one it talks to
    token: int = 0
    deadline: int = 0
    sent: int = 0


class State(NamedTuple):
    now: int
    stores: tuple[Store, ...]
    primary_is_up: bool
    promoted: int
    instances: tuple[Instance, Instance]
    requests: tuple[Request, ...]
    answers: tuple[Answer, ...]
    crashes: int
    losses: int
    failovers: int
    claims: int
    effects: tuple[int, ...]  # the tokens, in order
    granted: frozenset[tuple[int, int]]  # token, instance
