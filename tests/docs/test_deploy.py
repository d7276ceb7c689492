"""What operators copy asks for metrics that there are, by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.metric_names import labels_by_series

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "cronfleet.json").read_text())
PAGE = (ROOT / "docs" / "metrics.md").read_text()

ALERTS: list[tuple[str, str]] = re.findall(r"- alert: (\w+)\n +expr: (.+)", RULES)
METRIC = re.compile(r"\b(cronfleet_\w+|up)\b(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
OF_EVERY_TARGET = {"instance", "job"}


def expressions() -> Iterator[tuple[str, str]]:
    yield from ALERTS
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


async def asked(expression: str) -> tuple[set[str], set[str]]:
    """The labels that an expression names, and those that its metrics have; it must know these."""
    series = {**await labels_by_series(), "up": set[str]()}
    named = {label for group in GROUPED.findall(expression) for label in group.split(", ")}
    had = set(OF_EVERY_TARGET)
    for metric, matchers in METRIC.findall(expression):
        assert metric in series, f"there is no metric {metric}"
        named |= set(re.findall(r"(\w+)(?:=|!)", matchers))
        had |= series[metric]
    return named, had


@pytest.mark.parametrize(("title", "expression"), [*expressions()])
async def test_an_expression_asks_for_what_there_is(title: str, expression: str) -> None:
    assert METRIC.search(expression), f"{title} asks for nothing"
    named, had = await asked(expression)
    assert named <= had


async def test_the_dashboard_chooses_jobs_by_a_label_that_there_is() -> None:
    (query,) = [each for each in DASHBOARD["templating"]["list"] if each["name"] == "job_name"]
    found = re.fullmatch(r"label_values\((\w+), (\w+)\)", query["query"]["query"])
    assert found
    assert found[2] in (await labels_by_series())[found[1]]


def test_the_page_lists_every_alert() -> None:
    assert re.findall(r"^\| `(Cronfleet\w+)` \|", PAGE, re.MULTILINE) == [
        name for name, _ in ALERTS
    ]


def test_panels_do_not_cover_each_other() -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
