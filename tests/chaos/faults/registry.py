"""The kinds of faults: each has a name, and a strike that says whether it struck anything."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.rig import Rig

Strike = Callable[[Rig, random.Random], Awaitable[bool]]
"""Does it, and lasts as long as it lasts; what is left to chance it draws."""


@dataclass(frozen=True)
class Fault:
    name: str
    per_minute: float
    """How often it is in a schedule; once at least."""
    strike: Strike
    can_strike: Callable[[Rig], bool]
    """Whether there is anything of its kind to strike."""


FAULTS: dict[str, Fault] = {}


def always(_: Rig) -> bool:
    return True


def fault(
    name: str, per_minute: float, where: Callable[[Rig], bool] = always
) -> Callable[[Strike], Strike]:
    """Register a kind."""

    def register(strike: Strike) -> Strike:
        FAULTS[name] = Fault(name, per_minute, strike, where)
        return strike

    return register
