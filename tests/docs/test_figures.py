from __future__ import annotations

from tests.docs.figures import PAGE, page_with, results, section


def test_the_page_has_the_figures_of_the_results() -> None:
    """If this fails: python3 dev.py figures"""
    assert PAGE.read_text("utf-8") == page_with(section(results()))
