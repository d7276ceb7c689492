"""What a benchmark came to: a table, and what is demanded of it.

A figure is the median of its rounds. A gate is a ratio, or a bound that holds on any machine: when
it is missed the command fails. A goal is printed beside its figure, and fails nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any, Literal

VERDICTS = {"gate": ("holds", "MISSED"), "goal": ("met", "not met")}


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, as often as it was measured."""

    rounds: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Half of what lies between the least and the most, as a share of the median."""
        width = max(self.rounds) - min(self.rounds)
        return width / 2 / abs(self.median) if self.median else 0.0


@dataclass(frozen=True, slots=True)
class Column:
    """A figure that several have: its name says the unit.

    `drawn` is what the plot says of it, such as "more is better"; without it, it is not drawn.
    """

    name: str
    drawn: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Who or what was measured, and its figures by the names of the columns; some may be absent."""

    name: str
    measures: Mapping[str, Measure]
    is_ours: bool = False

    def get(self, column: str) -> float | None:
        """The median; None if it was not measured."""
        measure = self.measures.get(column)
        return None if measure is None else measure.median


@dataclass(frozen=True, slots=True)
class Demand:
    """A gate or a goal, with one of the two bounds. What could not be measured has no figure."""

    kind: Literal["gate", "goal"]
    said: str
    figure: float | None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool | None:
        """None if it was not measured."""
        if self.figure is None:
            return None
        if self.at_least is not None:
            return self.figure >= self.at_least
        return self.at_most is None or self.figure <= self.at_most

    @property
    def verdict(self) -> str:
        held, missed = VERDICTS[self.kind]
        return {None: "not measured", True: held, False: missed}[self.holds]

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"at least {shown(self.at_least)}{self.unit}"
        return f"at most {shown(self.at_most)}{self.unit}"


gate: partial[Demand] = partial(Demand, "gate")
goal: partial[Demand] = partial(Demand, "goal")


@dataclass(frozen=True, slots=True)
class Report:
    """All that a benchmark says. `about` are sizes, servers and whatever else is to be known."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    demands: Sequence[Demand] = ()
    about: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        """No gate is missed."""
        return not any(each.kind == "gate" and each.holds is False for each in self.demands)

    def as_figures(self) -> dict[str, Any]:
        """All of it, for a file: `report_of` reads it."""
        return asdict(self)


def report_of(figures: Mapping[str, Any]) -> Report:
    """The report that `as_figures` told."""
    return Report(
        figures["title"],
        [Column(**each) for each in figures["columns"]],
        [_row_of(each) for each in figures["rows"]],
        [Demand(**each) for each in figures["demands"]],
        figures["about"],
    )


def _row_of(told: Mapping[str, Any]) -> Row:
    measures = {name: Measure(**each) for name, each in told["measures"].items()}
    return Row(told["name"], measures, told["is_ours"])


def ratio(one: float | None, other: float | None) -> float | None:
    """None if one of the two was not measured."""
    return None if one is None or not other else one / other


def shown(figure: float | None) -> str:
    """Three digits, or all before the point: 0.123, 12.3, 12,345."""
    if figure is None:
        return "-"
    if abs(figure) >= 100 or figure == round(figure):
        return f"{figure:,.0f}"
    return f"{figure:.3g}"
