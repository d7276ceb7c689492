"""How ticks are given to schedulers, and counted; no scheduler is started."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import schedulers
from benchmarks.load.carrying import Carried, Load, wanted
from benchmarks.load.place import WORKERS
from benchmarks.load.schedulers import Loaded
from benchmarks.load.workers.given import ENTRY
from benchmarks.measuring.rounds import Contestant, FailedRoundError, take_turns
from benchmarks.rivals.environments import versions

NOON = 1_800_000_000.0
# One has no ticks: it is a server alone.
SCHEDULERS = [each for each in vars(schedulers).values() if isinstance(each, Loaded)]
ALL = [each for each in SCHEDULERS if each is not schedulers.ASIDE]
EACH = pytest.mark.parametrize("who", ALL, ids=lambda who: f"{who.label} {who.works[0]}")


def noted(folder: Path, *dues: float, late_s: float = 0.25) -> Path:
    """Entries of ticks that were due then."""
    path = folder / "entries"
    path.write_bytes(b"".join(ENTRY.pack(due, due + late_s) for due in dues))
    return path


def modules(who: Loaded) -> set[str]:
    return set(re.findall(r"\bfor_\w+", " ".join((*who.works, who.declare, who.prepare))))


def test_what_a_handler_notes_is_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Load(ticks=2, step_s=0.5)
    for name, value in load.variables("redis://there", NOON).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOAD_FOLDER", str(tmp_path))
    given: dict[str, Any] = runpy.run_path(str(WORKERS / "given.py"))
    assert given["STORE"] == "redis://there"
    for number in range(2):
        given["entered"](given["due_s"](number))
    found = wanted(tmp_path / "entries", load, NOON)
    assert [due for due, _ in found] == [NOON, NOON + 0.5]


def test_of_recurring_jobs_the_ticks_before_and_after_do_not_count(tmp_path: Path) -> None:
    load = Load(ticks=4, step_s=0.5, recurs=2)
    before, counted, after = [NOON - 0.5], [NOON, NOON + 0.5, NOON + 1, NOON + 1.5], [NOON + 2]
    entries = noted(tmp_path, *before, *counted, *after)
    assert [due for due, _ in wanted(entries, load, NOON)] == counted


def test_of_jobs_that_are_due_at_once_each_counts(tmp_path: Path) -> None:
    assert len(wanted(noted(tmp_path, NOON, NOON, NOON), Load(3), NOON)) == 3


def test_an_entry_that_is_being_written_is_passed_over(tmp_path: Path) -> None:
    entries = noted(tmp_path, NOON, NOON)
    entries.write_bytes(entries.read_bytes()[:-3])
    assert len(wanted(entries, Load(2), NOON)) == 1


def test_a_rate_is_that_of_all_until_the_last_of_them_is_through() -> None:
    found = Carried(late_ms=[1.0] * 500, drained_s=0.5, peak_mb=1)
    assert found.rate == 1_000
    assert found.lateness() == {"late p50, ms": 1, "late p99, ms": 1, "late max, ms": 1}


@EACH
def test_each_has_a_worker_that_notes_when_its_handler_is_entered(who: Loaded) -> None:
    (module,) = modules(who)
    tree = ast.parse((WORKERS / f"{module}.py").read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {
        each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names
    }
    assert names & {"given", "for_cronfleet"}
    assert ast.get_docstring(tree)


@EACH
def test_each_rival_is_pinned(who: Loaded) -> None:
    assert who.environment is None or versions(who.environment)


def fail() -> dict[str, float]:
    raise FailedRoundError("not ready when due")


def test_a_round_that_a_rival_failed_does_not_count_and_one_that_we_failed_does() -> None:
    rounds = iter([fail, lambda: {"ticks/s": 2.0}])
    rival = Contestant("rival", lambda: next(rounds)())  # noqa: PLW0108 - another each time
    (row,) = take_turns([rival], 2)
    assert row.get("ticks/s") == 2
    with pytest.raises(FailedRoundError):
        take_turns([Contestant("ours", fail, is_ours=True)], 2)
