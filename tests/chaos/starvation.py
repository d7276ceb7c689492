"""A fleet without processor time: how many runs are taken for lost though their instance lives.

    python3 dev.py chaos --starvation --minutes 5 --busy 4

Nobody is killed here, so each lost run is a false one: its instance was too slow to renew its
session. With the default TTL there should be none.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.figures import percentiles
from tests.chaos.given import STORES, fleet_of_its_own, store_of
from tests.chaos.looker import Looker
from tests.chaos.telling import say
from tests.fleet.rig import Effect, Fleet
from tests.results import Result, keep, sha256_of
from tests.servers import DIE_WITH_PARENT

TTLS_MS = (10_000, 2_000)
"""The default, and a fifth of it."""
INSTANCES = 3
JOBS = (*(f"quick{n}=0" for n in range(6)), *(f"work{n}={n}@{150 * n}" for n in range(1, 6)))
"""Handlers of nothing, and of 1 to 5 s, fired each second."""
BUSY = "while True: pass"
START_S = 120


@dataclass
class Found:
    """What became of the runs of one fleet."""

    ttl_ms: int
    runs: int = 0
    falsely_lost: list[str] = field(default_factory=list[str])
    begun_twice: int = 0
    late_ms: list[float] = field(default_factory=list[float])

    @property
    def figures(self) -> dict[str, Any]:
        return {
            "ttl_s": self.ttl_ms / 1000,
            "started_runs": self.runs,
            "falsely_lost_runs": len(self.falsely_lost),
            "attempts_begun_twice": self.begun_twice,
            **{f"late_ms_{of}": round(ms) for of, ms in percentiles(self.late_ms)},
        }


@contextmanager
def starved(busy_per_core: int) -> Generator[int]:
    """While so many processes for each core do nothing but compute; how many those are."""
    cores = os.cpu_count() or 1
    command = [*DIE_WITH_PARENT, sys.executable, "-c", BUSY]
    busy = [subprocess.Popen(command) for _ in range(cores * busy_per_core)]
    try:
        yield len(busy)
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()


def starve(store: str, ttl_ms: int, seconds: float, busy_per_core: int, export: Path) -> Found:
    """Let a new fleet work for so long beside them; what became of its runs."""
    with fleet_of_its_own(), Fleet(store, ttl_ms, *JOBS) as fleet:
        fleet.start(INSTANCES, within_s=START_S)  # Before there is anything to wait for.
        with starved(busy_per_core):
            _work(fleet, seconds)
        for pid in list(fleet.processes):
            fleet.end(pid, signal.SIGTERM)
        with Looker(store) as looker:
            looker.export(export)
        return _found(ttl_ms, fleet.drain(), export)


def _work(fleet: Fleet, seconds: float) -> None:
    ends = time.monotonic() + seconds
    for _ in fleet.until(lambda _: True, within_s=seconds + START_S):
        if time.monotonic() > ends:
            return


def _found(ttl_ms: int, effects: list[Effect], export: Path) -> Found:
    entered = [effect for effect in effects if effect.what == "entered"]
    attempts = {(effect.job, effect.fire_time, effect.attempt) for effect in entered}
    lines = map(json.loads, export.read_text("utf-8").splitlines())
    lost = [line["run"] for line in lines if line["line"] == "run" and line["state"] == "lost"]
    late_ms = [effect.late_s * 1000 for effect in entered if effect.job.startswith("quick")]
    return Found(ttl_ms, len(entered), lost, len(entered) - len(attempts), late_ms)


def main(arguments: list[str]) -> int:
    """Starve a fleet with each TTL, print and keep the figures, and judge them."""
    options = _parser().parse_args(arguments)
    os.environ["LOG_LEVEL"] = "ERROR"  # of the instances
    began = time.monotonic()
    seconds = options.minutes * 60 / len(TTLS_MS)
    found: list[Found] = []
    with tempfile.TemporaryDirectory() as name, store_of(options.store, Path(name)) as store:
        exports = [Path(name) / f"starvation-ttl-{ttl_ms}.jsonl" for ttl_ms in TTLS_MS]
        for ttl_ms, export in zip(TTLS_MS, exports, strict=True):
            found.append(starve(store.url, ttl_ms, seconds, options.busy, export))
            say(f"ttl {ttl_ms} ms: {found[-1].figures}")
        figures = {
            "store": store.name,
            "busy_processes_per_core": options.busy,
            "by_ttl": [each.figures for each in found],
        }
        logs = sha256_of(exports)
    if options.result:
        keep(Result("starvation", _command(options), time.monotonic() - began, figures, logs))
    default, *_ = found
    is_well = default.runs > 0 and not default.falsely_lost
    say(f"with the default TTL {len(default.falsely_lost)} of {default.runs} were falsely lost")
    return 0 if is_well and not any(each.begun_twice for each in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py chaos --starvation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=6, help="half of it with each TTL")
    parser.add_argument("--busy", type=int, default=4, help="processes that compute, for each core")
    parser.add_argument("--store", choices=STORES, default="redis")
    parser.add_argument("--result", action="store_true", help="write docs/results/starvation.json")
    return parser


def _command(options: argparse.Namespace) -> str:
    given = f"--minutes {options.minutes:g} --busy {options.busy} --store {options.store} --result"
    return f"python3 dev.py chaos --starvation {given}"
