"""Chance: fresh ids and spread delays enter the core here, so that a simulation can draw them."""

from __future__ import annotations

from contextvars import ContextVar
from random import Random, SystemRandom

drawn_from: ContextVar[Random] = ContextVar("drawn_from", default=SystemRandom())  # noqa: B039 - it has no state
"""What is drawn from: the system's own source, unless somebody wants the same history again."""


def fresh_id() -> str:
    """32 hexadecimal digits that nobody else has, and nobody guesses."""
    return f"{drawn_from.get().getrandbits(128):032x}"


def fraction() -> float:
    """Anything from 0 to below 1."""
    return drawn_from.get().random()


def between(low: float, high: float) -> float:
    """Anything from `low` to `high`."""
    return drawn_from.get().uniform(low, high)
