from __future__ import annotations

import re
from pathlib import Path

from cronfleet_verify.findings import RULES
from cronfleet_verify.selftest.corruptions import CORRUPTIONS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "verify.md").read_text()


def test_the_page_names_every_rule_and_no_other() -> None:
    table = PAGE.partition("## What it finds")[2].partition("## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(RULES)


def test_the_page_and_the_changelog_count_the_planted_faults() -> None:
    changelog = (DOCS.parent / "CHANGELOG.md").read_text()
    for text in (PAGE, changelog):
        assert f"plants {len(CORRUPTIONS)} faults" in text
