"""A run's life as a bar: how long it waited, and how long it worked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from cronfleet.server.pages.pictures.svg import picture, share, titled
from cronfleet.server.pages.rendering import span

_HEIGHT = 28
_LEAST = 0.02
"""The share of the bar that even a millisecond has, so that it can be seen."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a life: what went on, for how long, and what it looks like."""

    what: str
    length: timedelta
    kind: str


def life(stretches: Sequence[Stretch]) -> Markup:
    """The stretches from left to right, each as wide as it is long."""
    widths = _widths([each.length for each in stretches])
    bars: list[Markup] = []
    left = 0.0
    for stretch, width in zip(stretches, widths, strict=True):
        bars.append(
            titled(
                "rect",
                _said(stretch),
                x=share(left),
                y=0,
                width=share(width),
                height=_HEIGHT,
                class_=f"stretch {stretch.kind}",
            )
        )
        left += width
    return picture("; ".join(map(_said, stretches)), _HEIGHT, *bars, class_="life")


def _said(stretch: Stretch) -> str:
    return f"{stretch.what} for {span(stretch.length)}"


def _widths(lengths: Sequence[timedelta]) -> list[float]:
    """Shares that add up to 1, none under _LEAST."""
    total = sum(lengths, timedelta())
    free = 1 - _LEAST * len(lengths)
    if not total:
        return [1 / len(lengths)] * len(lengths)
    return [_LEAST + free * (length / total) for length in lengths]
