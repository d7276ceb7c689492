"""What was lived through, one line a seed, so that a campaign of days can be cut off and go on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.results import COMMITTED
from tests.simulation.batch import YEAR_MS, Totals
from tests.simulation.drawing import drawn
from tests.simulation.verdict import Struck, Verdict, Violation


class Ledger:
    """A file of verdicts. Whoever opens it again finds them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sources: Counter[str] = Counter()
        self.verdicts: dict[int, Verdict] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._read(json.loads(line))

    def add(self, verdict: Verdict) -> None:
        """Keep it at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = {"source": COMMITTED["source"], **_told(verdict)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._read(line)

    def _read(self, line: dict[str, Any]) -> None:
        verdict = _verdict(line)
        if verdict.seed not in self.verdicts:
            self._sources[line["source"]] += 1
        self.verdicts[verdict.seed] = verdict

    def figures(self) -> dict[str, Any]:
        """What all of it comes to, for the pages."""
        totals = Totals()
        for verdict in self.verdicts.values():
            totals.add(verdict)
        return {
            "seeds": totals.seeds,
            "seeds_without_a_fault": totals.idle,
            "failed": len(totals.failed),
            "instance_years": round(totals.instances_ms / YEAR_MS, 3),
            "store_calls": totals.calls,
            "ticks": totals.ticks,
            "handlers_entered": totals.effects,
            "fleets_of": dict(sorted(Counter(map(_size, self.verdicts)).items())),
            "ranges": [f"{first}:{last + 1}" for first, last in _ranges(sorted(self.verdicts))],
            "sources": dict(self._sources),
            "struck": _cells(totals.strikes),
            "seeds_struck": dict(sorted(totals.seeds_struck.items())),
        }

    def digest(self) -> str:
        """Of all histories in the order of their seeds: the same wherever they are lived through."""
        digests = "".join(each.digest for _, each in sorted(self.verdicts.items()))
        return hashlib.sha256(digests.encode()).hexdigest()


def _size(seed: int) -> int:
    """How many instances the seed's fleet has."""
    return drawn(seed).fleet.instances


def _told(verdict: Verdict) -> dict[str, Any]:
    violation = verdict.violation
    return {
        "seed": verdict.seed,
        "violation": [violation.rule, violation.how, violation.at_ms] if violation else None,
        "digest": verdict.digest,
        "instances_ms": verdict.instances_ms,
        "calls": verdict.calls,
        "ticks": verdict.ticks,
        "effects": verdict.effects,
        "struck": [[kind, on, times] for (kind, on), times in verdict.struck.items()],
    }


def _verdict(line: dict[str, Any]) -> Verdict:
    return Verdict(
        seed=line["seed"],
        violation=Violation(*line["violation"]) if line["violation"] else None,
        digest=line["digest"],
        instances_ms=line["instances_ms"],
        calls=line["calls"],
        ticks=line["ticks"],
        effects=line["effects"],
        struck=Struck({(kind, on): times for kind, on, times in line["struck"]}),
        lines=(),
    )


def _cells(strikes: Struck) -> dict[str, dict[str, int]]:
    cells: dict[str, dict[str, int]] = {}
    for (kind, on), times in sorted(strikes.items()):
        cells.setdefault(kind, {})[on] = times
    return cells


def _ranges(seeds: list[int]) -> Iterator[tuple[int, int]]:
    first: int | None = None
    for seed, following in zip(seeds, [*seeds[1:], None], strict=True):
        first = seed if first is None else first
        if following != seed + 1:
            yield first, seed
            first = None
