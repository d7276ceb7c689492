from __future__ import annotations

from pathlib import Path

from cronfleet.testing.conformance.matrix.page import page

CONFORMANCE = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_the_page_is_what_the_tables_say() -> None:
    """If they differ: python -m cronfleet.testing.conformance.matrix > docs/conformance.md"""
    assert CONFORMANCE.read_text() == page()
