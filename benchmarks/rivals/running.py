"""Let the schedulers go through the scenarios, and make the table of what came of it.

    python3 dev.py bench rivals [NAME ...] [--scenario NAME ...] [--at-once N] [--rest]

Logs are left in var/rivals-logs/. If all took part, what it came to is kept in docs/results/, and
the tables of the pages are written anew from that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.rivals import tables
from benchmarks.rivals.contestants import CONTESTANTS, Contestant
from benchmarks.rivals.environments import ROOT, environment, versions
from benchmarks.rivals.fleet import NAMES
from benchmarks.rivals.scenarios import LEASE_S, SCENARIOS, TICKS, Scenario
from benchmarks.rivals.trial import figures_of, source
from tests.chaos.wall_clock import find_library
from tests.postgres_servers import find_programs
from tests.results import Result, keep, sha256_of
from tests.servers import ServerUnavailableError, find_binary

LOGS = ROOT / "var" / "rivals-logs"
COMMAND = "python3 dev.py bench rivals"
LONGEST_S = 300

Figures = dict[str, Any]


def main(arguments: Sequence[str] = ()) -> int:
    asked = _parser().parse_args(arguments)
    contestants = [CONTESTANTS[name] for name in asked.names or CONTESTANTS]
    scenarios = [SCENARIOS[name] for name in asked.scenario or SCENARIOS]
    if lacking := _lacking(scenarios):
        print(lacking)
        return 2
    for each in contestants:
        if each.environment is not None:
            environment(each.environment)
    began = time.monotonic()
    if not asked.rest:
        for one, other in _pairs(contestants, scenarios):
            figures_of(LOGS, one, other).unlink(missing_ok=True)
    cells = _all(contestants, scenarios, asked.at_once)
    print("\n".join(tables.whole({"cells": cells})))
    if len(contestants) == len(CONTESTANTS) and len(scenarios) == len(SCENARIOS):
        keep(_result(cells, time.monotonic() - began))
        tables.write()
    return 0


def _lacking(scenarios: Sequence[Scenario]) -> str:
    """What this machine has not, in words; better known now than after a quarter of an hour."""
    try:
        find_binary("redis")
        find_programs()
        if any(any(each.clocks_off_s) for each in scenarios):
            find_library()
    except ServerUnavailableError as error:
        return str(error)
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CONTESTANTS))
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--at-once", type=int, default=4, metavar="N", help="so many trials (4)")
    parser.add_argument("--rest", action="store_true", help="only what has not run on this source")
    return parser


def _pairs(
    contestants: Sequence[Contestant], scenarios: Sequence[Scenario]
) -> list[tuple[Contestant, Scenario]]:
    return [(one, other) for other in scenarios for one in contestants]


def _all(
    contestants: Sequence[Contestant], scenarios: Sequence[Scenario], at_once: int
) -> dict[str, dict[str, Figures]]:
    """The figures of each cell, by contestant and scenario.

    What fails is tried once more when all others are through. Raises RuntimeError if it fails again.
    """
    pairs = _pairs(contestants, scenarios)
    with ThreadPoolExecutor(at_once) as threads:
        failed = [pair for pair, said in zip(pairs, threads.map(_try, pairs), strict=True) if said]
    for pair in failed:
        if said := _try(pair):
            raise RuntimeError(said)
    cells: dict[str, dict[str, Figures]] = {each.name: {} for each in contestants}
    for contestant, scenario in pairs:
        figures = json.loads(figures_of(LOGS, contestant, scenario).read_text())
        del figures["source"]  # The result has it once.
        cells[contestant.name][scenario.name] = figures
    return cells


def _try(pair: tuple[Contestant, Scenario]) -> str:
    """One trial, in a process of its own; answers why it failed, or nothing."""
    figures = figures_of(LOGS, *pair)
    if not _is_of_this_source(figures):
        names = [each.name for each in pair]
        command = [sys.executable, "-m", "benchmarks.rivals.trial", *names, str(LOGS)]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_S
        )
        if done.returncode != 0:
            print(f"{' '.join(names)} has failed", flush=True)
            return f"{' '.join(names)}: {done.stderr}"
    contestant, scenario = pair
    cell = tables.cell(json.loads(figures.read_text()))
    print(f"{contestant.name:30} {scenario.name:14} {cell}", flush=True)
    return ""


def _is_of_this_source(figures: Path) -> bool:
    return figures.exists() and json.loads(figures.read_text())["source"] == source()


def _result(cells: dict[str, dict[str, Figures]], took_s: float) -> Result:
    logs = [LOGS / f"{name}-{scenario}.jsonl" for name, row in cells.items() for scenario in row]
    return Result("rivals", COMMAND, took_s, _figures(cells), sha256_of(logs))


def _figures(cells: dict[str, dict[str, Figures]]) -> Figures:
    used = {each.name: each.environment for each in CONTESTANTS.values() if each.environment}
    return {
        "instances": len(NAMES),
        "ticks_in_each_cell": TICKS,
        "locks_and_leases_s": LEASE_S,
        "scenarios": {each.name: each.said for each in SCENARIOS.values()},
        "labels": {each.name: each.label for each in CONTESTANTS.values()},
        "settings": {each.name: each.settings for each in CONTESTANTS.values()},
        "versions": {name: versions(folder) for name, folder in used.items()},
        "cells": cells,
    }
