"""How a fault is planted: a function spoils a clean history, and says which rules that breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cronfleet_verify.selftest.sample import Sample

Spoil = Callable[[Sample], None]


@dataclass(frozen=True, slots=True)
class Corruption:
    """A way to spoil the history of a job, and the rules that it breaks; none: it is bad input."""

    spoil: Spoil
    job: str
    days: int
    rules: frozenset[str]

    @property
    def name(self) -> str:
        return self.spoil.__name__


PLANTED: list[Corruption] = []


def breaks(*rules: str, job: str, days: int = 1) -> Callable[[Spoil], Spoil]:
    """Exactly these rules are broken then, and no other."""

    def planted(spoil: Spoil) -> Spoil:
        PLANTED.append(Corruption(spoil, job, days, frozenset(rules)))
        return spoil

    return planted
