"""What a hunt came to: for people, and as figures that are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from tests.mutants.hunting import Hunted, Kill
from tests.results import COMMITTED, RESULTS, sha256_of

Row: TypeAlias = Mapping[str, Any]

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


def figures_of(rows: Sequence[Row]) -> Mapping[str, Any]:
    """The counts that the pages name, and the whole table."""
    kills = [kill["seeds"] for row in rows for kill in row["found_by"]]
    seeds = [count for count in kills if count is not None]
    return {
        "mutants": len(rows),
        "found": sum(bool(row["found_by"]) for row in rows),
        "found_by_simulator": len(seeds),
        "found_by_tests": sum(any(k["seeds"] is None for k in row["found_by"]) for row in rows),
        "shown_by_models": sum(bool(row["shown_by"]) for row in rows),
        "median_seeds_until_found": median(seeds) if seeds else None,
        "most_seeds_until_found": max(seeds, default=None),
        "table": list(rows),
    }


def with_kept(rows: Sequence[Row]) -> Sequence[Row]:
    """These instead of those that are kept of the same mutants.

    Raises ValueError unless the kept ones were hunted on the same source.
    """
    kept = json.loads((RESULTS / "mutants.json").read_text("utf-8"))
    if kept["source"] != COMMITTED["source"]:
        raise ValueError("what is kept is of another source: hunt all of them")
    anew = {row["name"]: row for row in rows}
    table: list[Row] = kept["figures"]["table"]
    return [anew.get(row["name"], row) for row in table]


def row_of(hunted: Hunted, families: Mapping[str, str]) -> Row:
    """As it is kept."""
    return {
        "family": families[hunted.mutant.name],
        "name": hunted.mutant.name,
        "found_by": [asdict(kill) for kill in hunted.kills],
        "shown_by": list(hunted.shown_by),
    }


def logs() -> Mapping[str, str]:
    """The faults that were planted."""
    return sha256_of(sorted(_FAULTS.glob("*.py")))
