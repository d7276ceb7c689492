"""What the page's pictures are drawn from: places and words. The templates draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WEEKS = 6

_ROW = 26
_CELL, _HEAD = 44, 18


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage of the funnel; `width` is a share of the picture's, as in `12.5%`."""

    label: str
    count: int
    width: str
    top: int
    kind: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the calendar; places across are shares, places down are pixels."""

    left: str
    middle: str
    top: int
    width: str
    day: int
    count: int
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """The stages, each as wide as its part of the widest."""

    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """Of the picture."""
        return _ROW * len(self.bars)

    @property
    def label(self) -> str:
        """What stands for it where it cannot be seen."""
        return "; ".join(f"{bar.label}: {bar.count}" for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Six weeks to come, which begin on Mondays, and how many passwords expire on each day."""

    cells: Sequence[Cell]
    weekdays: Sequence[tuple[str, str]]
    label: str
    height: int = _HEAD + WEEKS * _CELL


def funnel(stages: Mapping[str, tuple[int, str]]) -> Funnel:
    """By label: how many, and what it looks like."""
    widest = max((count for count, _ in stages.values()), default=0) or 1
    return Funnel(
        [
            Bar(label, count, f"{100 * count / widest:.2f}%", _ROW * number, kind)
            for number, (label, (count, kind)) in enumerate(stages.items())
        ]
    )


def calendar(ahead: Mapping[str, int], today: date) -> Calendar:
    """`ahead` is by ISO date; today is in the first week."""
    monday = today - timedelta(days=today.weekday())
    days = [monday + timedelta(days=number) for number in range(7 * WEEKS)]
    cells = [_cell(day, number, ahead, today) for number, day in enumerate(days)]
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    heads = [(name, f"{100 * (column + 0.5) / 7:.2f}%") for column, name in enumerate(names)]
    told = "; ".join(cell.title for cell in cells if cell.count)
    return Calendar(cells, heads, f"Passwords that expire, by day. {told or 'None'}")


def _cell(day: date, number: int, ahead: Mapping[str, int], today: date) -> Cell:
    week, column = divmod(number, 7)
    count = ahead.get(day.isoformat(), 0)
    return Cell(
        left=f"{100 * (column / 7 + 0.004):.2f}%",
        middle=f"{100 * (column + 0.5) / 7:.2f}%",
        top=_HEAD + week * _CELL,
        width=f"{100 * (1 / 7 - 0.008):.2f}%",
        day=day.day,
        count=count,
        title=f"{day:%a %Y-%m-%d}: {count}",
        kind="today" if day == today else "expires" if count else "none",
    )
