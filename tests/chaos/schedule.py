"""Which fault strikes when, from a seed: the same one draws the same schedule."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos.faults import Fault


@dataclass(frozen=True, order=True)
class Event:
    at_s: float
    fault: str
    seed: int
    """Of what the strike itself draws."""

    def __str__(self) -> str:
        return f"{self.at_s:8.2f} s  {self.fault}  {self.seed}"


def drawn(seed: int, seconds: float, faults: Iterable[Fault]) -> list[Event]:
    """Each kind as often as it is to strike, once at least, at any time.

    A kind that is added does not change when the others strike.
    """
    events: list[Event] = []
    for fault in faults:
        draw = random.Random(f"{seed} {fault.name}")
        count = max(1, round(fault.per_minute * seconds / 60))
        events += [
            Event(draw.uniform(0, seconds), fault.name, draw.getrandbits(32)) for _ in range(count)
        ]
    return sorted(events)
