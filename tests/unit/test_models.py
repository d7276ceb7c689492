"""The runner of the models. `dev.py test` runs the models themselves, in small bounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_models(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "models/run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_the_watermark_the_shortest_way_to_claim_a_tick_twice_is_told() -> None:
    search = run_models("no-watermark")
    assert search.returncode == 0
    assert "shortest way to break claim_once" in search.stdout
    assert search.stdout.count("the store applies claim(run 1)") == 2


def test_without_held_a_lost_answer_leaves_a_run_that_never_ends() -> None:
    search = run_models("no-held-reconciles")
    assert search.returncode == 0
    assert "STUCK" in search.stdout


def test_a_name_that_is_no_scenario_is_refused_with_those_that_are() -> None:
    search = run_models("no-such-thing")
    assert search.returncode == 2
    assert "session/core" in search.stdout
