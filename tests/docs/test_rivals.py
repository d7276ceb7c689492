"""The tables of rivals say what the kept result says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rivals.contestants import CONTESTANTS
from benchmarks.rivals.scenarios import SCENARIOS
from benchmarks.rivals.tables import BEGIN, PAGES, cell, made, part, small

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_the_result_says(page: Path) -> None:
    text = page.read_text()
    assert text.count(BEGIN) == 1
    assert part(page).end in text.partition(BEGIN)[2]
    assert part(page).shown == made(page), "run: python -m benchmarks.rivals.tables"


def figures(never: int, once: int, more: int) -> dict[str, object]:
    return {"never": never, "once": once, "more": more, "late_p50_ms": 1200}


def test_a_cell_with_ticks_that_ran_more_than_once_stands_out() -> None:
    assert cell(figures(1, 59, 0)) == "1/59/0"
    assert cell(figures(0, 59, 1)) == "**0/59/1**"


def test_the_small_table_has_a_row_for_each_and_a_column_for_each_scenario() -> None:
    row = {scenario: figures(0, 60, 0) for scenario in SCENARIOS}
    head, rule, *rows = small({"cells": dict.fromkeys(CONTESTANTS, row)})
    assert head.count("|") == rule.count("|") == len(SCENARIOS) + 3
    assert len(rows) == len(CONTESTANTS)
    assert all(line.endswith(" 1,200 ms |") for line in rows)


def test_the_page_says_what_happens_in_each_scenario_and_who_takes_part() -> None:
    text = (ROOT / "docs" / "rivals.md").read_text()
    for scenario in SCENARIOS:
        assert f"**{scenario}**" in text
