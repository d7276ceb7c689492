from __future__ import annotations

from tests.docs.guarantee_table import MADE, PAGE, table


def test_the_page_has_the_table_that_the_code_makes() -> None:
    """If this fails: .venv/bin/python -m tests.docs.guarantee_table"""
    assert PAGE.read_text() == MADE.page_with(table())
