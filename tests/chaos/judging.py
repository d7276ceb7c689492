"""What the checker makes of a run: of what handlers did, and of what the store says that they did.

Never by our own word alone. What the checker cannot excuse it does not excuse here either, but for
two things, which are counted and shown. An instance that could not keep its session may do late
what it was about to do: `excuses` has when. And while the clock of the store was set wrong, some
rules are held to a tolerance that is wider by as much: `store_clock` has which.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.findings import Finding
from cronfleet_verify.reading import texts_of
from cronfleet_verify.report import as_text
from tests.chaos import stalls
from tests.chaos.excuses import Excuses
from tests.chaos.jobs import EDITED, ENTERED_AT_ONCE
from tests.chaos.store_clock import Off

TOLERANCE_MS = 100
"""All effects are stamped by one clock, which is the store's too; and most handlers take less than
a second, so that with more no two of them could ever overlap."""
HELD = frozenset({"claimed", "started", "pending", "waiting", "sharded"})
WITHOUT_OUTCOME = ("gap", "outcome")
A_STALL, THE_STORES_CLOCK = "a stall", "the store's clock"


@dataclass(frozen=True)
class Judgement:
    """What was found, and what was counted on the way."""

    found: dict[str, int]
    """By rule; all but what the next two count."""
    late_effects: int
    """Effects of instances that had stood still, or were cut off."""
    by_the_stores_clock: int
    """What would not be found but for the store's clock, while it was wrong."""
    counts: dict[str, int]
    unchecked: list[str]
    """What could not be judged, and need not have been."""
    said: str
    """The checker's report."""
    ticks: int = 0
    starts: int = 0
    lateness_ms: Sequence[int] = field(default_factory=list[int])
    """Of the first starts of ticks that wait for no run before them."""


def judge(
    exports: Sequence[Path],
    effects: Path,
    stood: Path,
    *,
    ttl_ms: int,
    store_was_off: Sequence[Off] = (),
) -> Judgement:
    """Read all of it."""
    checks = _Checks((*exports, effects), ttl_ms)
    verdict = checks.within(TOLERANCE_MS)
    excused = _Excused(Excuses(stalls.read(stood), ttl_ms, store_was_off), checks, store_was_off)
    by_what = Counter((each.rule, excused.by(each)) for each in verdict.findings.kept)
    found = Counter({rule: count for (rule, by), count in by_what.items() if not by})
    unknown = _unexpectedly_unchecked(verdict)
    found["unchecked"] = len(unknown)
    found["held"] = _held_at_the_end(exports[-1]) if exports else 0
    starts = list(_starts(effects))
    ticks = list(_first_of_ticks(starts))
    return Judgement(
        {rule: count for rule, count in found.items() if count},
        sum(count for (_, by), count in by_what.items() if by == A_STALL),
        sum(count for (_, by), count in by_what.items() if by == THE_STORES_CLOCK),
        verdict.counts,
        [why for why in verdict.unchecked if why not in unknown],
        as_text(verdict),
        len(ticks),
        len(starts),
        [late for tick, late in ticks if tick.startswith(ENTERED_AT_ONCE)],
    )


class _Checks:
    """What the checker says of the same files within one tolerance or another."""

    def __init__(self, files: Sequence[Path], ttl_ms: int) -> None:
        self._files = files
        self._ttl_ms = ttl_ms
        self._verdicts: dict[int, Verdict] = {}

    def within(self, tolerance_ms: int) -> Verdict:
        """With every finding in it."""
        if tolerance_ms not in self._verdicts:
            options = Options(tolerance=tolerance_ms, ttl=self._ttl_ms, most=1_000_000)
            sources = [(str(path), texts_of(str(path))) for path in self._files]
            self._verdicts[tolerance_ms] = check(sources, options)
        return self._verdicts[tolerance_ms]


class _Excused:
    """By what a finding is excused, if by anything."""

    def __init__(self, excuses: Excuses, checks: _Checks, store_was_off: Sequence[Off]) -> None:
        self._excuses = excuses
        self._checks = checks
        self._store_was_off = store_was_off

    def by(self, finding: Finding) -> str:
        if any(
            off.fools(finding) and not self._is_found(finding, off) for off in self._store_was_off
        ):
            return THE_STORES_CLOCK
        return A_STALL if finding.rule == "stale" and self._excuses.holds(finding) else ""

    def _is_found(self, finding: Finding, off: Off) -> bool:
        """Whether it is found even if clocks may differ by so much more."""
        loose = self._checks.within(TOLERANCE_MS + abs(off.off_ms))
        return finding in loose.findings.kept


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
