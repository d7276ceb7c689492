"""What must hold of each step of a store: said anew, without a look at how the steps are taken.

A rule is a function whose name states it; it yields what breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from tests.simulation.mirror import Mirror, Step
from tests.simulation.rules import jobs, queues, runs, sessions

Rule: TypeAlias = Callable[[Step, Mirror], Iterable[str]]

RULES: tuple[Rule, ...] = (
    *runs.RULES,
    *jobs.RULES,
    *queues.RULES,
    *sessions.RULES,
)


def broken(step: Step, mirror: Mirror) -> Iterator[tuple[str, str]]:
    """The rules that the step breaks, and how."""
    for rule in RULES:
        for how in rule(step, mirror):
            yield rule.__name__, f"{step.request.op} of {step.request.who}: {how}"
