"""Ticks are put into a store, come due, and are carried through: how late, and how fast."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.place import LOOK_S, Place, peak_mb
from benchmarks.load.schedulers import Loaded
from benchmarks.load.workers.given import ENTRY
from benchmarks.measuring.rounds import FailedRoundError
from tests.chaos.figures import percentiles
from tests.servers import quick_place

STARTS_WITHIN_S = 6
SETTLES_S = 5
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Load:
    """So many ticks, one each `step_s`; or all of them at once.

    `recurs` jobs may stand for them, each due every second. Of these, some may be skipped.
    """

    ticks: int
    step_s: float = 0.0
    recurs: int = 0

    def variables(self, url: str, first_s: float) -> dict[str, str]:
        """What the workers are told."""
        return {
            "LOAD_STORE": url,
            "LOAD_TICKS": str(self.ticks),
            "LOAD_FIRST_S": str(first_s),
            "LOAD_STEP_S": str(self.step_s),
            "LOAD_RECURS": str(self.recurs),
        }


@dataclass(frozen=True, slots=True)
class Carried:
    """What was seen of them."""

    late_ms: Sequence[float]
    drained_s: float
    """From the first that was due until the last was entered; of ours, until every outcome was in
    the store."""
    peak_mb: float
    """The most memory that the processes have held."""
    lost_claims: float = 0
    """Of all claims that ours made, the share that another instance was first with."""
    calls: int = 0
    """Of those that are counted, from the first tick on."""

    @property
    def rate(self) -> float:
        return len(self.late_ms) / self.drained_s

    def lateness(self) -> dict[str, float]:
        """By the names of columns."""
        return {f"late {of}, ms": ms for of, ms in percentiles(self.late_ms)}


def carry(who: Loaded, load: Load, url: str, instances: int = 1) -> Carried:
    """Raises UnavailableError if it cannot be installed, FailedRoundError if it does not do it."""
    declared = (load.recurs or load.ticks) * (1 if who.declare else instances)
    first_s = float(round(time.time() + STARTS_WITHIN_S + declared / who.declares_per_s))
    with _folder() as folder:
        place = Place(who, folder, load.variables(url, first_s))
        with place.at_work(instances) as pids:
            place.await_declared(instances, first_s)
            late_ms, last_s = _entered(place, load, first_s)
            peak = sum(map(peak_mb, pids))
        told, calls = place.told(), _calls(place.calls, first_s)
    completed_s = max((each["completed_at"] for each in told), default=0)
    lost, granted = (sum(each.get(of, 0) for each in told) for of in ("lost", "granted"))
    drained_s = max(last_s, completed_s) - first_s
    return Carried(late_ms, drained_s, peak, lost / max(lost + granted, 1), calls)


def _calls(log: Path, first_s: float) -> int:
    """Lines of calls that began after an instant: process, time, call. Their ends have no `(`."""
    lines = log.read_text().splitlines() if log.exists() else []
    return sum("sync(" in line and float(line.split()[1]) >= first_s for line in lines)


@contextlib.contextmanager
def at_work(who: Loaded, load: Load, url: str, first_s: float) -> Generator[int]:
    """While one instance is at work that has declared its ticks; answers its pid."""
    with _folder() as folder:
        place = Place(who, folder, load.variables(url, first_s))
        with place.at_work(1) as (pid, *_):
            place.await_declared(1, time.time() + PATIENCE_S)
            yield pid


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(dir=quick_place()) as folder:
        yield Path(folder)


def _entered(place: Place, load: Load, first_s: float) -> tuple[list[float], float]:
    """How late each was, in ms, and when the last was entered. Waits for all that come.

    Raises FailedRoundError if no more come, and none could have been skipped.
    """
    time.sleep(max(0.0, first_s + load.ticks * load.step_s - time.time()))
    seen, since = 0, time.monotonic()
    while seen < load.ticks:
        time.sleep(LOOK_S)
        now = _count(place.entries, load, first_s)
        if now > seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > (SETTLES_S if load.recurs else PATIENCE_S):
            if load.recurs and seen:
                break
            raise FailedRoundError(f"only {seen} of {load.ticks} were entered: {place.said()}")
    found = wanted(place.entries, load, first_s)
    return [(at_s - due_s) * 1000 for due_s, at_s in found], max(at_s for _, at_s in found)


def _count(entries: Path, load: Load, first_s: float) -> int:
    if load.recurs:
        return len(wanted(entries, load, first_s))
    return entries.stat().st_size // ENTRY.size if entries.exists() else 0


def wanted(entries: Path, load: Load, first_s: float) -> list[tuple[float, float]]:
    """Of all entries those of ticks that count: recurring jobs begin before, and do not end."""
    data = entries.read_bytes()
    whole = data[: len(data) // ENTRY.size * ENTRY.size]
    ends_s = first_s + load.ticks * load.step_s
    begins_s = first_s - 0.0005  # An instant that went through milliseconds.
    return [
        (due_s, at_s)
        for due_s, at_s in ENTRY.iter_unpack(whole)
        if not load.recurs or begins_s <= due_s < ends_s - 0.0005
    ]
