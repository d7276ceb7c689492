"""Plants each mutant, and counts the seeds until it is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.simulation.drawing import drawn
from tests.simulation.mutants import MUTANTS
from tests.simulation.planting import Mutant, planted
from tests.simulation.running import run


@dataclass(frozen=True, slots=True)
class Kill:
    """By which rule, and with how many seeds, a mutant was found."""

    rule: str
    seeds: int


def killed(mutant: Mutant, seeds: Iterable[int], store: str = "memory") -> Kill | None:
    """None: these seeds did not find it."""
    with planted(mutant):
        for count, seed in enumerate(seeds, start=1):
            if violation := run(drawn(seed, store)).violation:
                return Kill(violation.rule, count)
    return None


def hunt(seeds: Iterable[int], only: str, say: Callable[[str], object]) -> int:
    """The table of all whose name holds `only`; 1 if one of them lives."""
    wanted = [each for each in MUTANTS if only in each.name]
    alive = 0
    for mutant in wanted:
        began = time.monotonic()
        kill = killed(mutant, seeds)
        alive += kill is None
        told = f"{kill.seeds:4} seeds, {kill.rule}" if kill else "lives"
        say(f"{mutant.name:66} {told} ({time.monotonic() - began:.0f} s)")
    say(f"{len(wanted) - alive} of {len(wanted)} mutants found")
    return 1 if alive else 0
