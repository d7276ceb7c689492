"""What a hunt came to: for people, and as figures that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from tests.mutants.hunting import Hunted, Kill
from tests.results import sha256_of

_FAULTS = Path(__file__).parent / "faults"


def told(hunted: Hunted) -> str:
    """One mutant, a line for each who found it."""
    lines = [f"  {kill.by}: {_after(kill)}" for kill in hunted.kills] or [
        hunted.trouble or "  LIVES"
    ]
    lines += [f"  models: {name}" for name in hunted.shown_by]
    return "\n".join([hunted.mutant.name, *lines, *hunted.trouble.splitlines()])


def _after(kill: Kill) -> str:
    return kill.what if kill.seeds is None else f"{kill.what}, {kill.seeds} seeds"


def figures_of(found: Sequence[Hunted], families: Mapping[str, str]) -> Mapping[str, Any]:
    """The counts that the pages name, and the whole table."""
    seeds = [kill.seeds for each in found for kill in each.kills if kill.seeds is not None]
    return {
        "mutants": len(found),
        "found": sum(bool(each.kills) for each in found),
        "found_by_simulator": len(seeds),
        "found_by_tests": sum(any(k.seeds is None for k in each.kills) for each in found),
        "shown_by_models": sum(bool(each.shown_by) for each in found),
        "median_seeds_until_found": median(seeds) if seeds else None,
        "most_seeds_until_found": max(seeds, default=None),
        "table": [_row(each, families) for each in found],
    }


def _row(hunted: Hunted, families: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "family": families[hunted.mutant.name],
        "name": hunted.mutant.name,
        "found_by": [asdict(kill) for kill in hunted.kills],
        "shown_by": list(hunted.shown_by),
    }


def logs() -> Mapping[str, str]:
    """The faults that were planted."""
    return sha256_of(sorted(_FAULTS.glob("*.py")))
