"""Many seeds on all cores, and what they come to together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from multiprocessing.pool import AsyncResult

from tests.simulation.drawing import drawn
from tests.simulation.running import run
from tests.simulation.verdict import HINT_LOST, Struck, Verdict

YEAR_MS = 365 * 86_400_000
SEEDS_A_PROCESS = 100
ASKED_A_PROCESS = 4
"""More would begin after the time is over, with fewer a process waits for its next."""


@dataclass(slots=True)
class Totals:
    """What counts: only seeds in which a fault struck."""

    seeds: int = 0
    idle: int = 0
    """Seeds in which no fault struck."""
    instances_ms: int = 0
    calls: int = 0
    ticks: int = 0
    effects: int = 0
    strikes: Struck = field(default_factory=Struck)
    seeds_struck: Counter[str] = field(default_factory=Counter[str])
    failed: list[Verdict] = field(default_factory=list[Verdict])

    def add(self, verdict: Verdict) -> None:
        if verdict.violation:
            self.failed.append(verdict)
        if not any(kind != HINT_LOST for kind, _ in verdict.struck):
            self.idle += 1
            return
        self.seeds += 1
        self.instances_ms += verdict.instances_ms
        self.calls += verdict.calls
        self.ticks += verdict.ticks
        self.effects += verdict.effects
        self.strikes.update(verdict.struck)
        self.seeds_struck.update({kind for kind, _ in verdict.struck})

    def lines(self, took_s: float) -> Iterator[str]:
        """For people."""
        rate = (self.seeds + self.idle) / max(took_s, 0.001)
        yield (
            f"{self.seeds} seeds in {took_s:.0f} s ({rate:.2f}/s), {self.idle} more without a "
            f"fault; {self.instances_ms / YEAR_MS:.3f} years of instances, {self.calls} calls, "
            f"{self.ticks} ticks, {self.effects} handlers entered; {len(self.failed)} failed"
        )
        for kind, seeds in sorted(self.seeds_struck.items()):
            cells = {on: count for (each, on), count in self.strikes.items() if each == kind}
            told = ", ".join(f"{on} {count}" for on, count in sorted(cells.items()))
            yield f"  {kind:14} struck in {seeds} seeds: {told}"


def run_seed(seed: int, store: str | None) -> Verdict:
    """One seed, in a process of the pool or here."""
    logging.disable(logging.CRITICAL)
    return run(drawn(seed, store))


def run_all(
    seeds: Iterable[int], store: str | None, *, processes: int, minutes: float | None
) -> Iterator[Verdict]:
    """The verdicts as they come; no further seed begins when the time is over."""
    ends_at = None if minutes is None else time.monotonic() + 60 * minutes

    def in_time(_: int) -> bool:
        return ends_at is None or time.monotonic() < ends_at

    wanted = ((seed, store) for seed in takewhile(in_time, seeds))
    if processes == 1:
        for seed, on in wanted:
            yield run_seed(seed, on)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, maxtasksperchild=SEEDS_A_PROCESS) as pool:
        asked: deque[AsyncResult[Verdict]] = deque()
        for each in wanted:
            asked.append(pool.apply_async(run_seed, each))
            if len(asked) == ASKED_A_PROCESS * processes:
                yield asked.popleft().get()
        while asked:
            yield asked.popleft().get()


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
