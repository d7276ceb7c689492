"""The failover model's scenarios."""

from __future__ import annotations

from typing import Any

from scenario import Scenario

from failover.model import FailoverModel
from failover.state import Config


def _holds(name: str, says: str, watched: str, *, small: bool = False, **config: Any) -> Scenario:
    model = FailoverModel(Config(watched=frozenset(watched.split()), **config))
    return Scenario(f"failover/{name}", says, model, is_small=small)


def _breaks(name: str, says: str, violates: str, without: str = "", **config: Any) -> Scenario:
    flags = tuple(without.split())
    broken = frozenset(violates.split())
    model = FailoverModel(Config(watched=broken, **dict.fromkeys(flags, False), **config))
    return Scenario(f"failover/{name}", says, model, broken, flags, is_small=True)


DECISIONS = frozenset(
    {
        "start_before_handler",
        "hybrid_tokens",
        "failover_outlasts_skew",
        "waits_for_replicas",
        "waits_for_all",
        "taking_waits",
        "resource_checks_token",
    }
)
SPARE: dict[str, str] = {}
ONE: dict[str, Any] = {"replicas": 1, "failovers": 1}
SPLIT: dict[str, Any] = {**ONE, "splits": True}
TAKING: dict[str, Any] = {**SPLIT, "takes_own_claims": True}

SCENARIOS = [
    _holds(
        "core",
        "no replica; kill -9, a message lost, a zombie",
        "claim_once at_most_once token_unique",
        crashes=1,
        losses=1,
        time=5,
    ),
    _holds(
        "taking",
        "no replica; an instance finds its own claim again after a lost answer, start repeated",
        "claim_once at_most_once token_unique",
        takes_own_claims=True,
        crashes=1,
        time=4,
    ),
    _holds(
        "rerun",
        "rerun; the resource checks the token",
        "effects_in_order",
        rerun=True,
        crashes=1,
        time=5,
    ),
    _holds(
        "wait",
        "one replica is promoted, WAIT for it, the old primary is dead",
        "at_most_once",
        **ONE,
    ),
    _holds("wait-split", "the same, the old primary goes on", "at_most_once", **SPLIT),
    _holds("wait-expiry", "the same, with expiry and recovery", "at_most_once", lease=1, **SPLIT),
    _holds(
        "wait-two",
        "two replicas, WAIT for both, the old primary goes on",
        "at_most_once",
        replicas=2,
        failovers=1,
        splits=True,
        time=2,
    ),
    _holds("tokens", "tokens are unique across a failover", "token_unique", **ONE),
    _holds(
        "taking-wait",
        "taking one's own claim waits for the replica too",
        "at_most_once",
        time=2,
        **TAKING,
    ),
    _breaks(
        "no-start-before-handler",
        "without: start before the handler; a lost answer loses the tick",
        "lost_unentered",
        "start_before_handler",
        crashes=1,
        losses=1,
        time=5,
    ),
    _breaks(
        "no-resource-checks-token",
        "without: the resource checks the token (rerun)",
        "effects_in_order",
        "resource_checks_token",
        rerun=True,
        time=5,
    ),
    _breaks(
        "no-waits-for-replicas",
        "without: claim and start wait for the replica",
        "at_most_once",
        "waits_for_replicas",
        time=1,
        **ONE,
    ),
    _breaks(
        "no-waits-for-all",
        "without: WAIT for every replica that may be promoted",
        "at_most_once",
        "waits_for_all",
        replicas=2,
        failovers=1,
        time=1,
    ),
    _breaks(
        "no-hybrid-tokens",
        "without: the store's time in the token (a plain counter)",
        "token_unique",
        "hybrid_tokens",
        **ONE,
    ),
    _breaks(
        "no-failover-outlasts-skew",
        "without: a failover takes longer than the clocks differ",
        "token_unique",
        "failover_outlasts_skew",
        **ONE,
    ),
    _breaks(
        "no-taking-waits",
        "without: the answer that takes a claim waits for the replica",
        "at_most_once",
        "taking_waits",
        time=1,
        **TAKING,
    ),
]
