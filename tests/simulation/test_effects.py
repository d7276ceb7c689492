"""The rules of effects: their names, and what an attempt may do that is entered too late."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest

from cronfleet.model import Kind, OnLost, RunId, RunRecord, RunState
from tests.simulation import effects
from tests.simulation.effects import Effects
from tests.simulation.mirror import Mirror

TICK = RunId("report", 1_000)
JOB: Any = SimpleNamespace(stubborn=False, plain=False)


def test_the_list_of_rules_has_each_that_may_be_broken() -> None:
    source = Path(effects.__file__).read_text("utf-8")
    assert set(re.findall(r'yield "(\w+)"', source)) == set(effects.RULES)


def started(mirror: Mirror, attempt: int, on_lost: OnLost) -> None:
    """The tick's run, as a claim and a start of this attempt leave it."""
    mirror.begin(0)
    mirror.wrote(RunRecord(TICK, Kind.TICK, RunState.STARTED, attempt, attempt, on_lost, 0, 0, 0))
    mirror.end(ANY)


def entered(seen: Effects, attempt: int, *, has_slept: bool = False) -> list[str]:
    """Enter this attempt's handler, which ends at once; answers the rules that it breaks."""
    context: Any = SimpleNamespace(run_id=str(TICK), token=attempt, attempt=attempt)
    effect = seen.enter(context, "anna", JOB, lambda: False)
    found = [rule for rule, _ in seen.broken(effect, has_seen=lambda _: 0, has_slept=has_slept)]
    seen.end(effect, "succeeded")
    return found


@pytest.mark.parametrize(
    ("first", "rules"),
    [(OnLost.RERUN, []), (OnLost.ABANDON, ["a_tick_is_started_at_most_once"])],
)
def test_who_slept_may_enter_late_only_what_was_claimed_to_be_run_again(
    first: OnLost, rules: list[str]
) -> None:
    """What the job's definition says by then, with the next attempt, is not asked."""
    mirror = Mirror(lambda _step, _mirror: None, lambda: 0)
    seen = Effects(mirror, lambda: 0)
    started(mirror, 1, first)
    started(mirror, 2, OnLost.ABANDON)
    assert entered(seen, 2) == []
    assert entered(seen, 1, has_slept=True) == rules
