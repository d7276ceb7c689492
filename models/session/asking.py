"""How the session model's scenarios are built: the settings that many share, and what they ask."""

from __future__ import annotations

from typing import Any

from explore import SETTLES
from scenario import Scenario

from session.design import SAFE, Config
from session.model import SessionModel

# A holder that is watched by the other, which renews or asks over the slow network.
WATCHED: dict[str, Any] = {
    "roles": True,
    "only_first_claims_ticks": True,
    "rerun": True,
    "ttl": 2,
    "zombies": 0,
}
QUIET: dict[str, Any] = {"roles": True, "zombies": 0}
ALONE: dict[str, Any] = {"instances": 1, "zombies": 0}
RESTARTED: dict[str, Any] = {**ALONE, "crash": 1, "restarts": True}


def holds(
    name: str, says: str, *, live: bool = True, small: bool = False, **bounds: Any
) -> Scenario:
    watched = bounds.pop("watched", SAFE) | ({SETTLES} if live else set())
    config = Config(watched=frozenset(watched), **bounds)
    return Scenario(f"session/{name}", says, SessionModel(config), is_small=small)


def limit(name: str, violates: str, says: str, **bounds: Any) -> Scenario:
    """What no lease can give: stated in the guarantees, not mended."""
    return _broken(name, violates, says, (), {"small": False} | bounds)


def without(flags: str, violates: str, says: str, name: str = "", **bounds: Any) -> Scenario:
    """Take decisions away. Nothing in `violates`: the rest of the design covers for them."""
    taken = tuple(flags.split())
    bounds |= dict.fromkeys(taken, False)
    name = name or "no-" + flags.replace("_", "-").replace(" ", "+")
    if violates:
        return _broken(name, violates, f"without: {says}", taken, bounds)
    scenario = holds(name, f"not needed alone: {says}", **bounds)
    return Scenario(scenario.name, scenario.says, scenario.model, without=taken)


def _broken(
    name: str, violates: str, says: str, taken: tuple[str, ...], bounds: dict[str, Any]
) -> Scenario:
    small = bounds.pop("small", True)
    expected = frozenset(violates.split())
    model = SessionModel(Config(watched=expected, **bounds))
    return Scenario(f"session/{name}", says, model, expected, taken, small)
