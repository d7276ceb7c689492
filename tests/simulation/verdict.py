"""What a simulated history came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

HINT_LOST = "hint lost"
"""Is told like a fault, and is none: hints may always be lost."""

Struck = Counter[tuple[str, str]]
"""How often each kind of fault struck, and what: an operation, or in which state."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, how, and when."""

    rule: str
    how: str
    at_ms: int


class RuleBroken(Exception):  # noqa: N818 - the simulated history ends by it, not the simulator
    """A rule was broken."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(f"{violation.rule}: {violation.how}")
        self.violation = violation


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one history."""

    seed: int
    violation: Violation | None
    digest: str
    """Stands for all that happened."""
    instances_ms: int
    """The time that all instances lived, together."""
    calls: int
    ticks: int
    effects: int
    struck: Struck
    lines: tuple[str, ...]
    """What happened last, if somebody asked for it."""
