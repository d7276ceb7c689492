"""The page on metrics lists what there is, with its labels, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.metric_names import labels_by_metric

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(cronfleet_\w+)` \| (.*?) ?\| \S", re.MULTILINE)


async def test_the_page_names_every_metric_with_its_labels() -> None:
    listed = {
        name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE.read_text())
    }
    assert listed == await labels_by_metric()
