"""Asks the hunters of a mutant, each in a process of its own that imports the fault.

What finds a mutant must pass without it: a kill counts only when the same seed, or the same test,
finds nothing in the source as it is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutants.mutant import Hunter, Mutant, Scenario, Seeds, Suite
from tests.mutants.planting import ROOT, SOURCE, environment, planted

PATIENCE_S = 600
TEST_S = 30
"""A test that a fault makes wait for ever is ended then."""

_FAILED = re.compile(r"^FAILED (.+?)(?: - .*)?$", re.MULTILINE)
_PASSED, _HAS_FAILED, _NOTHING_CHOSEN = 0, 1, 5


class HuntError(Exception):
    """A hunter could not be asked."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Who found a mutant, by which rule or test, and after how many seeds."""

    by: str
    what: str
    seeds: int | None = None


@dataclass(frozen=True, slots=True)
class Hunted:
    """What became of a mutant."""

    mutant: Mutant
    kills: Sequence[Kill]
    shown_by: Sequence[str]
    """Scenarios of the models that show what goes wrong without what the mutant took away."""
    trouble: str = ""
    """Why a hunter could not be asked, which tells nothing of the mutant."""


def hunted(mutant: Mutant) -> Hunted:
    """Ask all of its hunters."""
    shown_by = [each.name for each in mutant.hunters if isinstance(each, Scenario)]
    kills: list[Kill] = []
    troubles = [f"no model shows it by {name}" for name in shown_by if name not in shown()]
    with planted(*mutant.pieces) as source:
        for hunter in mutant.hunters:
            try:
                kill = _kill(hunter, source)
            except HuntError as error:
                troubles.append(str(error))
            else:
                kills += [kill] if kill else []
    return Hunted(mutant, kills, shown_by, "\n".join(troubles))


def _kill(hunter: Hunter, source: Path) -> Kill | None:
    match hunter:
        case Seeds():
            return _kill_by_seeds(hunter, source)
        case Suite():
            return _kill_by_tests(hunter, source)
        case Scenario():
            return None


# --- the simulator


def _kill_by_seeds(asked: Seeds, source: Path) -> Kill | None:
    found = _broken(source, asked.store, range(asked.most))
    if found is None:
        return None
    count, rule = found
    if _broken(SOURCE, asked.store, [count - 1]):
        raise HuntError(f"seed {count - 1} fails without the fault, too")
    return Kill("simulator", rule, count)


def _broken(source: Path, store: str, seeds: Sequence[int]) -> tuple[int, str] | None:
    module = (sys.executable, "-m", "tests.mutants.seeds")
    done = _run([*module, str(source), store, *map(str, seeds)], source)
    if done.returncode:
        raise HuntError(done.stderr[-2_000:])
    count, _, rule = done.stdout.strip().partition(" ")
    return (int(count), rule) if count else None


# --- tests


def _kill_by_tests(asked: Suite, source: Path) -> Kill | None:
    failed = next(_failures(asked, source), None)
    if failed is None:
        return None
    if _first_failure(SOURCE, failed):
        raise HuntError(f"{failed} fails without the fault, too")
    return Kill(asked.name, failed.rpartition("::")[2])


def _failures(asked: Suite, source: Path) -> Iterator[str]:
    for chosen in [["-k", asked.about], []] if asked.about else [[]]:
        if failed := _first_failure(source, asked.path, *chosen):
            yield failed


def _first_failure(source: Path, *asked: str) -> str | None:
    options = ("-x", "-q", "--tb=no", "--no-header", "--require-servers", "-p", "no:cacheprovider")
    pytest = (sys.executable, "-m", "pytest", *options, f"--timeout={TEST_S}")
    done = _run([*pytest, *asked], source)
    if done.returncode in {_PASSED, _NOTHING_CHOSEN}:
        return None
    failed = _FAILED.search(done.stdout)
    if done.returncode != _HAS_FAILED or failed is None:
        raise HuntError((done.stdout + done.stderr)[-2_000:])
    return failed[1]


# --- models


@cache
def shown() -> frozenset[str]:
    """The scenarios that take a decision away and break something; `dev.py models` runs them."""
    names = "[each.name for each in run.SCENARIOS.values() if each.without and each.violates]"
    done = _run([sys.executable, "-c", f"import run; print(*{names})"], ROOT / "models")
    return frozenset(done.stdout.split())


def _run(command: Sequence[str], source: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=environment(source),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HuntError(f"no end within {PATIENCE_S} s: {' '.join(command)}") from error
