from __future__ import annotations

import re
from pathlib import Path

import pytest

import cronfleet.server

STYLE = (Path(cronfleet.server.__file__).parent / "static" / "style.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
PAIRS = [
    ("text", "page"),
    ("text", "card"),
    ("text", "plain-back"),
    ("quiet", "page"),
    ("quiet", "card"),
    ("link", "page"),
    ("link", "card"),
    ("good", "good-back"),
    ("bad", "bad-back"),
    ("bad", "card"),
    ("busy", "busy-back"),
    ("warn", "warn-back"),
    ("text", "good-back"),
    ("text", "bad-back"),
    ("text", "warn-back"),
    ("on-button", "button"),
    ("on-button", "danger"),
]
SHAPES = [
    ("busy", "card"),
    ("good", "card"),
    ("bad", "card"),
    ("warn", "card"),
    ("field", "page"),
    ("field", "card"),
]
"""What is no text: fields, and what pictures are made of."""


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(front: str, back: str) -> float:
    low, high = sorted((luminance(front), luminance(back)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_can_be_told_from_its_ground(colours: dict[str, str], front: str, back: str) -> None:
    assert contrast(colours[front], colours[back]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), SHAPES)
def test_a_shape_can_be_told_from_its_ground(
    colours: dict[str, str], front: str, back: str
) -> None:
    assert contrast(colours[front], colours[back]) >= 3


def test_nothing_is_loaded_from_elsewhere() -> None:
    folder = Path(cronfleet.server.__file__).parent
    files = [*(folder / "static").iterdir(), *(folder / "templates").iterdir()]
    loading = re.compile(r"(?:src|href)=\"(?!/|\{\{|#)|url\(|@import|^import ", re.MULTILINE)
    found = {file.name: loading.findall(file.read_text()) for file in files}
    assert {name: hits for name, hits in found.items() if hits} == {}
