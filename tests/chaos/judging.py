"""What the checker makes of a run: of what handlers did, and of what the store says that they did.

Never by our own word alone. What the checker cannot excuse it does not excuse here either, but for
one rule: an instance that was frozen may wake and do late what it was about to do. Nobody can
forbid that, so such an effect is counted and shown, where the instance stood still before it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.findings import Finding
from cronfleet_verify.reading import texts_of
from cronfleet_verify.report import as_text
from tests.chaos import stalls
from tests.chaos.jobs import EDITED, ENTERED_AT_ONCE

TOLERANCE_MS = 1_000
"""All effects are stamped by one clock, which is the store's too."""
HELD = frozenset({"claimed", "started", "pending", "waiting", "sharded"})
WITHOUT_OUTCOME = ("gap", "outcome")
BY_TWO_CLOCKS = ("early", "stale", "unlogged", "unrecorded", "changed", "overlap")
"""Rules that hold effects against the store's clock."""


@dataclass(frozen=True)
class Judgement:
    """What was found, and what was counted on the way."""

    found: dict[str, int]
    """By rule; all but what `late_effects` counts."""
    late_effects: int
    """Effects of instances that had stood still."""
    counts: dict[str, int]
    unchecked: list[str]
    """What could not be judged, and need not have been."""
    said: str
    """The checker's report."""
    ticks: int = 0
    starts: int = 0
    lateness_ms: Sequence[int] = field(default_factory=list[int])
    """Sorted: of the first starts of ticks that wait for no run before them."""

    def late_ms(self, share: float) -> int:
        """How late a tick was at such a share of them."""
        if not self.lateness_ms:
            return 0
        return self.lateness_ms[min(len(self.lateness_ms) - 1, int(share * len(self.lateness_ms)))]


def judge(
    exports: Sequence[Path], effects: Path, stood: Path, *, ttl_ms: int, store_off_ms: int = 0
) -> Judgement:
    """Read all of it. The store's clock was wrong by so much at the most."""
    verdicts = list(_verdicts(exports, effects, ttl_ms, store_off_ms))
    excused = _Excuses(stalls.read(stood), ttl_ms, store_off_ms)
    late = sum(excused.holds(each) for each in verdicts[0].findings.kept if each.rule == "stale")
    found: Counter[str] = Counter()
    for verdict in verdicts:
        for rule, count in verdict.findings.counts.items():
            found[rule] = max(found[rule], count)
    found["stale"] -= late
    unknown = _unexpectedly_unchecked(verdicts[0])
    found["unchecked"] = len(unknown)
    found["held"] = _held_at_the_end(exports[-1]) if exports else 0
    starts = list(_starts(effects))
    ticks = list(_first_of_ticks(starts))
    return Judgement(
        {rule: count for rule, count in found.items() if count},
        late,
        verdicts[0].counts,
        [why for why in verdicts[0].unchecked if why not in unknown],
        "\n".join(as_text(verdict) for verdict in verdicts),
        len(ticks),
        len(starts),
        sorted(late for tick, late in ticks if tick.startswith(ENTERED_AT_ONCE)),
    )


def _verdicts(
    exports: Sequence[Path], effects: Path, ttl_ms: int, store_off_ms: int
) -> Iterator[Verdict]:
    """One; and where the store's clock was wrong, what needs no clock but the effects' once more."""
    every = [Options(tolerance=TOLERANCE_MS + store_off_ms, ttl=ttl_ms, most=1_000_000)]
    if store_off_ms:
        every.append(Options(tolerance=TOLERANCE_MS, ttl=ttl_ms, ignored=BY_TWO_CLOCKS))
    for options in every:
        files = (*exports, effects)
        yield check([(str(path), texts_of(str(path))) for path in files], options)


class _Excuses:
    """When each instance stood still."""

    def __init__(self, stood: Iterable[stalls.Stall], ttl_ms: int, store_off_ms: int) -> None:
        self._stalls: dict[str, list[stalls.Stall]] = defaultdict(list)
        for stall in stood:
            self._stalls[stall.instance].append(stall)
        self._store_off_ms = store_off_ms
        self._shortly_ms = 3 * ttl_ms + store_off_ms
        """After so long at the latest those who watch a silent session have closed it."""

    def holds(self, finding: Finding) -> bool:
        """Shown are the effect that came late, and what says that the run was another's by then."""
        late, gone = (json.loads(quote.text) for quote in finding.shown[:2])
        gone_at = gone["ended_at"] if gone.get("line") == "run" else gone["at"]
        return any(
            stall.since <= gone_at + self._store_off_ms
            and stall.until >= gone_at - self._shortly_ms
            for stall in self._stalls[str(late.get("instance"))]
        )


def _unexpectedly_unchecked(verdict: Verdict) -> list[str]:
    """The times between an edit of a job and the next export cannot be judged; nothing else."""
    return [why for why, jobs in verdict.unchecked.items() if not jobs or set(jobs) - EDITED]


def _held_at_the_end(export: Path) -> int:
    """Runs that nobody has ended though all had the time."""
    lines: Iterator[dict[str, Any]] = map(json.loads, texts_of(str(export)))
    return sum(line["line"] == "run" and line["state"] in HELD for line in lines)


def _starts(effects: Path) -> Iterator[tuple[str, int]]:
    """The run and the instant of each handler that was entered."""
    for text in texts_of(str(effects)):
        if '"began"' in text and text.endswith("\n"):
            line: dict[str, Any] = json.loads(text)
            yield line["run"], line["at"]


def _first_of_ticks(starts: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Each tick that was started, and how late."""
    seen: set[str] = set()
    for run, at in starts:
        tick, _, _ = run.partition("/")
        if "+" not in tick and tick not in seen:
            seen.add(tick)
            yield tick, at - int(tick.rpartition("@")[2])
