"""A scenario: one model in one setting, and the properties that must turn out broken in it."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from explore import Findings, Model, explore


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question to a model. Without `violates` all that the model watches must hold."""

    name: str
    says: str
    model: Any  # a Model with a `config`, in which each decision is a flag
    violates: frozenset[str] = frozenset()
    without: tuple[str, ...] = ()  # the decisions that are taken away
    is_small: bool = False  # belongs to the quick run


@dataclass(frozen=True, slots=True)
class Verdict:
    scenario: Scenario
    findings: Findings
    control: Findings | None  # with the decisions put back
    seconds: float

    @property
    def is_as_expected(self) -> bool:
        found, expected = frozenset(self.findings.traces), self.scenario.violates
        is_sure = self.findings.is_complete or bool(expected)
        return found == expected and is_sure and self.is_control_clean

    @property
    def is_control_clean(self) -> bool:
        """Whether the decision alone makes the difference: put back, everything holds."""
        return self.control is None or (self.control.is_complete and not self.control.traces)

    @property
    def found(self) -> str:
        traces = self.findings.traces
        broken = ", ".join(f"{name} in {len(traces[name])}" for name in sorted(traces))
        return broken or ("holds" if self.findings.is_complete else "holds so far")


def judge(scenario: Scenario, *, with_control: bool) -> Verdict:
    gc.disable()  # States are tuples without cycles: looking for garbage in millions is lost time.
    begin = time.monotonic()
    findings = explore(scenario.model)
    has_control = with_control and scenario.violates and scenario.without
    control = explore(restored(scenario)) if has_control else None
    return Verdict(scenario, findings, control, time.monotonic() - begin)


def restored(scenario: Scenario) -> Model:
    """The scenario's model with the decisions back that the scenario takes away."""
    model = scenario.model
    return type(model)(replace(model.config, **dict.fromkeys(scenario.without, True)))


def unshown(decisions: Iterable[str], scenarios: Iterable[Scenario]) -> set[str]:
    """The decisions that no counterexample among `scenarios` shows to be needed."""
    shown = {flag for scenario in scenarios if scenario.violates for flag in scenario.without}
    return set(decisions) - shown
