"""A report as a picture: a panel for each drawn column, a bar for each row.

The bar is the median; the line across its end goes from the least round to the most. Its colours
are those of a light page, or of a dark one where the reader's are dark, on a ground of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.measuring.report import Column, Measure, Report, shown

WIDTH = 760
MARGIN, LINE, BAR = 16, 24, 14
LETTER = 8.0
"""How wide one may be at 13 px, so that no text ends beyond the picture, whatever the font."""
STYLE = """
:root { --ground: #ffffff; --text: #1f2328; --soft: #59636e; --ours: #0969da; --other: #afb8c1 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #e6edf3; --soft: #9198a1; --ours: #4493f8; --other: #515a64 }
}
text { font: 13px system-ui, sans-serif; fill: var(--text) }
.title { font-weight: 600 }
.soft { fill: var(--soft) }
.ground { fill: var(--ground) }
.ours { fill: var(--ours) }
.other { fill: var(--other) }
path { stroke: var(--text); fill: none }
"""

Bar = tuple[str, Measure, bool]
"""Whose, how much, and whether it is ours."""


def plot(report: Report) -> str:
    """An SVG document. Empty if nothing is to be drawn."""
    panels = [(each, _bars(report, each)) for each in report.columns if each.drawn]
    panels = [(column, bars) for column, bars in panels if bars]
    if not panels:
        return ""
    parts: list[str] = []
    y = MARGIN
    for text in _wrapped(report.title):
        y += LINE
        parts.append(_text(MARGIN, y - 8, text, "title"))
    for column, bars in panels:
        y += LINE
        parts.append(_text(MARGIN, y - 2, f"{column.name} ({column.drawn})", "soft"))
        y += 8
        parts += _panel(bars, y)
        y += LINE * len(bars)
    return _document(parts, y + MARGIN)


def _bars(report: Report, column: Column) -> list[Bar]:
    return [
        (row.name, row.measures[column.name], row.is_ours)
        for row in report.rows
        if column.name in row.measures
    ]


def _panel(bars: Sequence[Bar], top: float) -> Iterator[str]:
    names = max(_width(name) for name, _, _ in bars)
    figures = max(_width(shown(measure.median)) for _, measure, _ in bars)
    left = MARGIN + names + 10
    longest = max(max(measure.rounds) for _, measure, _ in bars) or 1
    scale = (WIDTH - MARGIN - figures - 10 - left) / longest
    for number, (name, measure, is_ours) in enumerate(bars):
        y = top + number * LINE
        yield from _bar(name, measure, (left, y, scale), "ours" if is_ours else "other")


def _bar(
    name: str, measure: Measure, place: tuple[float, float, float], kind: str
) -> Iterator[str]:
    left, y, scale = place
    length, middle = max(measure.median * scale, 1), y + BAR / 2 + 2
    least, most = (left + edge(measure.rounds) * scale for edge in (min, max))
    yield _text(left - 10, middle + 4, name, "", anchor="end")
    yield f'<rect class="{kind}" x="{left:.1f}" y="{y + 2:.1f}" width="{length:.1f}" height="{BAR}"/>'
    if most - least > 1:
        yield f'<path d="M{least:.1f} {middle:.1f}H{most:.1f}"/>'
    yield _text(max(left + length, most) + 6, middle + 4, shown(measure.median), "")


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(text)}</text>'


def _wrapped(title: str) -> list[str]:
    lines = [""]
    for word in title.split():
        if lines[-1] and _width(f"{lines[-1]} {word}") > WIDTH - 2 * MARGIN:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _width(text: str) -> float:
    return len(text) * LETTER


def _document(parts: Sequence[str], height: float) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{STYLE}</style>\n'
        '<rect class="ground" width="100%" height="100%" rx="6"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
