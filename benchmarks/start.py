"""How long a start takes: the import of what a program needs, and the command, over bare Python.

Each is a process that ends at once, right after one of bare Python; what is compared are pairs of
them. Python's own start is in the one as in the other.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measuring.report import Column, Report, goal
from benchmarks.measuring.rounds import Contestant, Options, medians, take_turns

SPENT, OVER = "ms", "over bare Python, ms"
COLUMNS = (Column(SPENT, "less is better"), Column(OVER))
IMPORT = "from cronfleet import Scheduler, cron, RunContext"
VERSION = "cronfleet --version"
BARE = (sys.executable, "-c", "pass")


def measure(options: Options) -> Report:
    pairs = options.size(20, 3)
    command = str(Path(sys.executable).with_name("cronfleet"))
    contestants = [
        Contestant("bare Python", _over_bare(BARE, pairs)),
        Contestant(IMPORT, _over_bare((sys.executable, "-c", IMPORT), pairs), is_ours=True),
        Contestant(VERSION, _over_bare((command, "--version"), pairs), is_ours=True),
    ]
    rows = take_turns(contestants, options.rounds)
    over = medians(rows, OVER)
    demands = [
        goal(IMPORT, over[IMPORT], at_most=60, unit=" ms"),
        goal(VERSION, over[VERSION], at_most=150, unit=" ms"),
    ]
    return Report("A start", COLUMNS, rows, demands)


def _over_bare(command: Sequence[str], pairs: int) -> Callable[[], Mapping[str, float]]:
    def once() -> Mapping[str, float]:
        _spent_ms(command)  # What is compiled, or read from a disk, is so once.
        spent = [(_spent_ms(command), _spent_ms(BARE)) for _ in range(pairs)]
        return {
            SPENT: median(mine for mine, _ in spent),
            OVER: median(mine - bare for mine, bare in spent),
        }

    return once


def _spent_ms(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000
