"""The rules of effects, by their names."""

from __future__ import annotations

import re
from pathlib import Path

from tests.simulation import effects


def test_the_list_of_rules_has_each_that_may_be_broken() -> None:
    source = Path(effects.__file__).read_text("utf-8")
    assert set(re.findall(r'yield "(\w+)"', source)) == set(effects.RULES)
