"""The page of the benchmarks says what the kept results say, and names each benchmark."""

from __future__ import annotations

from benchmarks.__main__ import available
from benchmarks.measuring.keeping import MADE, PAGE, section


def test_the_page_shows_what_the_results_say() -> None:
    """If this fails: python3 dev.py figures"""
    assert MADE.shown == section()


def test_the_page_has_a_row_for_each_benchmark() -> None:
    rows = {line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert rows == set(available())
