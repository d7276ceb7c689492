"""What can be known of the rivals without installing them."""

from __future__ import annotations

import ast
import re

import pytest

from benchmarks.rivals.contestants import CONTESTANTS, OURS, Contestant
from benchmarks.rivals.environments import versions
from benchmarks.rivals.fleet import NAMES, WORKERS
from benchmarks.rivals.scenarios import SCENARIOS

ALL = pytest.mark.parametrize("contestant", CONTESTANTS.values(), ids=lambda each: each.name)


def module_of(contestant: Contestant) -> str:
    (name,) = {word for line in lines_of(contestant) for word in re.findall(r"\bfor_\w+", line)}
    return name


def lines_of(contestant: Contestant) -> list[str]:
    return [*contestant.commands, contestant.prepare]


@ALL
def test_each_declares_its_job_in_one_module_that_runs_the_common_handler(
    contestant: Contestant,
) -> None:
    text = (WORKERS / f"{module_of(contestant)}.py").read_text()
    assert "handler" in text
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None, "where its settings come from must be said"


@ALL
def test_each_names_its_settings_and_fills_its_commands(contestant: Contestant) -> None:
    assert contestant.settings
    for line in lines_of(contestant):
        filled = line.format(instance="anna", store="redis://127.0.0.1:1/0")
        assert "{" not in filled


@ALL
def test_what_a_rival_asks_for_by_name_is_pinned(contestant: Contestant) -> None:
    if contestant.environment is None:
        assert contestant in OURS
        return
    assert all(versions(contestant.environment).values())


def test_every_worker_belongs_to_a_contestant() -> None:
    used = {module_of(contestant) for contestant in CONTESTANTS.values()}
    assert used == {path.stem for path in WORKERS.glob("for_*.py")}


def test_each_scenario_says_what_happens_and_sets_every_clock() -> None:
    for scenario in SCENARIOS.values():
        assert scenario.said
        assert len(scenario.clocks_off_s) == len(NAMES)
