"""What the pictures show, and that nothing of them is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from benchmarks.measuring.plot import LETTER, WIDTH, plot
from benchmarks.measuring.report import Column, Report
from tests.benchmarks.samples import sample

SVG = "{http://www.w3.org/2000/svg}"
LONG = "APScheduler 4 (alpha), on PostgreSQL, 50/s"


def drawn(report: Report) -> ET.Element:
    return ET.fromstring(plot(report))


def bars(svg: ET.Element) -> dict[str, list[float]]:
    """The lengths of the bars of each kind."""
    found: dict[str, list[float]] = {"ours": [], "other": []}
    for rect in svg.iter(f"{SVG}rect"):
        if (kind := rect.get("class", "")) in found:
            found[kind].append(float(rect.get("width", "nan")))
    return found


def spans(svg: ET.Element) -> Iterator[tuple[str, float, float]]:
    """Each text, and between where it stands, if its letters are as wide as they may be."""
    for text in svg.iter(f"{SVG}text"):
        x, width = float(text.get("x", "nan")), len(text.text or "") * LETTER
        yield (
            text.text or "",
            *((x - width, x) if text.get("text-anchor") == "end" else (x, x + width)),
        )


def test_bars_are_as_long_as_their_medians() -> None:
    found = bars(drawn(sample()))
    assert found["ours"][0] / found["other"][0] == pytest.approx(10, rel=0.01)


def test_only_columns_that_say_how_to_read_them_are_drawn() -> None:
    both = [Column("ticks/s", "more is better"), Column("late, ms", "less is better")]
    assert len(bars(drawn(sample()))["ours"]) == 1
    assert len(bars(drawn(sample(columns=both)))["ours"]) == 2
    assert plot(sample(columns=[Column("ticks/s")])) == ""


@pytest.mark.parametrize("rival", ["SAQ", LONG, '<&>"'])
def test_no_text_is_cut_off_and_none_stands_on_another(rival: str) -> None:
    svg = drawn(sample(rival=rival, title="A title that is long, and goes on and on " * 5))
    texts = list(svg.iter(f"{SVG}text"))
    height = float(svg.get("height", "nan"))
    assert all(begin >= 0 and end <= WIDTH for _, begin, end in spans(svg))
    assert all(10 < float(text.get("y", "nan")) < height - 4 for text in texts)
    assert rival in {text for text, _, _ in spans(svg)}
    bar_ends = max(map(max, bars(svg).values()))
    assert bar_ends < WIDTH


def test_it_is_drawn_for_light_pages_and_for_dark_ones_on_a_ground_of_its_own() -> None:
    text = plot(sample())
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    for name in ("--ground", "--text", "--soft", "--ours", "--other"):
        assert f"{name}:" in light
        assert f"{name}:" in dark
    assert 'class="ground"' in text
