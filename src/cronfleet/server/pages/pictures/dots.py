"""Lengths of time, one after the other: how late runs started, and how long they took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cronfleet.server.pages.pictures.svg import element, picture, share, text, titled

_STEPS = (
    *((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms")),
    *((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min")),
    *((3_600, "1 h"), (36_000, "10 h"), (86_400, "1 d"), (864_000, "10 d")),
)
"""Where lines may lie, in seconds: what is a millisecond and what is an hour shows alike."""

_TOP, _HEIGHT, _BOTTOM = 12, 110, 8
_LEFT = 0.12  # Room for what the lines say.


@dataclass(frozen=True, slots=True)
class Dot:
    """A length in seconds, what it looks like, and what it says to whoever points at it."""

    length_s: float
    kind: str
    title: str


def dots(label: str, values: Sequence[Dot]) -> Markup:
    """The oldest on the left; the height is the logarithm of the length."""
    lines = _lines([dot.length_s for dot in values])
    lowest, highest = lines[0][0], lines[-1][0]

    def height(seconds: float) -> float:
        within = min(max(seconds, lowest), highest)
        place = math.log(within / lowest) / math.log(highest / lowest)
        return _TOP + (1 - place) * (_HEIGHT - _TOP - _BOTTOM)

    drawn = [_line(height(seconds), said) for seconds, said in lines]
    width = (1 - _LEFT) / max(len(values), 1)
    drawn += [
        _mark(dot, _LEFT + (number + 0.5) * width, height(dot.length_s))
        for number, dot in enumerate(values)
    ]
    return picture(label, _HEIGHT, *drawn, class_="dots")


def _lines(lengths: Sequence[float]) -> Sequence[tuple[float, str]]:
    """Those around all lengths, three at least."""
    low, high = min(lengths, default=1), max(lengths, default=1)
    below = max((n for n, (seconds, _) in enumerate(_STEPS) if seconds <= low), default=0)
    above = min(
        (n for n, (seconds, _) in enumerate(_STEPS) if seconds >= high), default=len(_STEPS) - 1
    )
    below = min(below, len(_STEPS) - 3)
    return _STEPS[below : max(above, below + 2) + 1]


def _line(y: float, said: str) -> Markup:
    return element(
        "g",
        element("line", x1=share(_LEFT), x2="100%", y1=y, y2=y, class_="grid"),
        text(said, share(_LEFT - 0.015), y + 4, "end quiet"),
    )


def _mark(dot: Dot, across: float, y: float) -> Markup:
    """What went wrong is a ring, so that it is told from the rest without its colour."""
    return titled(
        "circle", dot.title, cx=share(across), cy=round(y, 1), r=4, class_=f"dot {dot.kind}"
    )


def middle_of(lengths: Sequence[float]) -> float:
    """The median, in the unit of the lengths; of two in the middle the lower one."""
    return sorted(lengths)[(len(lengths) - 1) // 2]
