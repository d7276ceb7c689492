"""Why ticks of ours did not run: what an exported history of our own store has on record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Set
from pathlib import Path

from benchmarks.rivals.cells import SECOND_MS, begun
from cronfleet_verify.reading import run_parts

ENDED_UNRUN = frozenset({"lost", "skipped", "cancelled"})


def reasons(history: Path, effects: Path, first_ms: int, ticks: int) -> dict[str, int]:
    """How many of the ticks that never began have which reason.

    A run that is on record as lost may have begun, and did if the log of effects shows it.
    """
    due = range(first_ms, first_ms + ticks * SECOND_MS, SECOND_MS)
    never = set(due) - {fire_time for fire_time, _ in begun(effects)}
    found: Counter[str] = Counter()
    for text in history.read_text().splitlines():
        line = json.loads(text)
        if line["line"] == "gap":
            found[line["reason"]] += _within(never, line["first"], line["last"])
        elif line["line"] == "run" and line["state"] in ENDED_UNRUN:
            _, fire_time, _, _ = run_parts(line["run"])
            found[line["reason"] or line["state"]] += fire_time in never
    return dict(+found)


def _within(instants: Set[int], first: int, last: int) -> int:
    return sum(first <= instant <= last for instant in instants)
