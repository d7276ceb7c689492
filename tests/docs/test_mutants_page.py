from __future__ import annotations

import pytest

from tests.docs.mutant_table import MADE, PAGE, RESULT, result, table
from tests.mutants.faults import FAMILIES

pytestmark = pytest.mark.skipif(not RESULT.exists(), reason="no hunt for mutants has been kept")


def test_the_page_has_the_table_that_the_result_makes() -> None:
    """If this fails: python3 dev.py figures"""
    assert PAGE.read_text("utf-8") == MADE.page_with(table())


def test_the_result_is_of_the_mutants_that_there_are() -> None:
    """If this fails: python3 dev.py mutants --result"""
    hunted = [(row["family"], row["name"]) for row in result()["figures"]["table"]]
    assert hunted == [(family, each.name) for family, of in FAMILIES.items() for each in of]
