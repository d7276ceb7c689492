"""The last weeks of a job, a day a cell: how many ticks, and how the worst of them ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from cronfleet.server.pages.pictures.svg import element as drawn
from cronfleet.server.pages.pictures.svg import picture, share, text, titled

WORST_FIRST = ("lost", "failed", "timed_out", "missed", "cancelled", "skipped", "succeeded")
"""What a day's ticks came to; a day looks like the worst of its own."""

_SIGNS = {
    "lost": "✗",
    "failed": "✗",
    "timed_out": "✗",
    "missed": "!",
    "cancelled": "·",
    "skipped": "·",
    "succeeded": "✓",
}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HEAD = 18
_ROW = 50
_GAP = 3


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and how many of its ticks came to what."""

    date: date
    counts: Mapping[str, int]

    @property
    def worst(self) -> str | None:
        return next((kind for kind in WORST_FIRST if self.counts.get(kind)), None)

    def __str__(self) -> str:
        told = [
            f"{self.counts[kind]} {kind.replace('_', ' ')}"
            for kind in reversed(WORST_FIRST)
            if self.counts.get(kind)
        ]
        return f"{self.date:%a %Y-%m-%d}: {', '.join(told) or 'nothing on record'}"


def calendar(days: Sequence[Day]) -> Markup:
    """Days in order, without a hole; weeks begin on Mondays."""
    if not days:
        return Markup("")
    monday = days[0].date - timedelta(days=days[0].date.weekday())
    heads = [
        text(name, share((column + 0.5) / 7), 12, "middle quiet")
        for column, name in enumerate(_WEEKDAYS)
    ]
    cells = [_cell(day, (day.date - monday).days) for day in days]
    weeks = (days[-1].date - monday).days // 7 + 1
    label = f"Ticks by day, {days[0].date} to {days[-1].date}. " + "; ".join(
        str(day) for day in days if day.counts
    )
    return picture(label, _HEAD + weeks * _ROW, *heads, *cells, class_="calendar")


def _cell(day: Day, place: int) -> Markup:
    week, column = divmod(place, 7)
    top, left = _HEAD + week * _ROW, column / 7
    worst = day.worst
    box = titled(
        "rect",
        str(day),
        x=share(left + 0.004),
        y=top,
        width=share(1 / 7 - 0.008),
        height=_ROW - _GAP,
        rx=5,
        class_=f"cell {worst or 'none'}",
    )
    number = text(str(day.date.day), share(left + 0.018), top + 13, "day")
    if worst is None:
        return drawn("g", box, number)
    said = f"{_SIGNS[worst]} {day.counts[worst]}"
    count = text(said, share(left + 1 / 7 - 0.018), top + 36, f"end {worst}")
    return drawn("g", box, number, count)
