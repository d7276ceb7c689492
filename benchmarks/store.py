"""Ticks a second on PostgreSQL and on SQLite, with full durability: each beside its own measure.

On PostgreSQL, two rivals on the same server; on SQLite, how often a second this disk can keep a
byte, and how often it is asked to for the same ticks: a store that wrote each step by itself would
ask several times for each. The bare loop is the ceiling of each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from benchmarks.load.carrying import Carried, Load
from benchmarks.load.contesting import DRAINING, RATE, bare, draining, loaded, postgres, sqlite
from benchmarks.load.schedulers import APSCHEDULER4, COUNTED, CRONFLEET, PROCRASTINATE, about
from benchmarks.measuring.report import Column, Report, gate, goal, ratio
from benchmarks.measuring.rounds import Contestant, Options, medians, take_turns
from benchmarks.measuring.servers import disk_folder, postgres_server

FSYNCS, PER_FSYNC = "fsyncs/s", "ticks/fsync"
COLUMNS = (*DRAINING, Column(FSYNCS), Column(PER_FSYNC))
POSTGRES, SQLITE, DISK = "Cronfleet, PostgreSQL", "Cronfleet, SQLite", "this disk"
TRACED = "Cronfleet, SQLite, traced"
RIVALS = (APSCHEDULER4, PROCRASTINATE)
SYNCED_S = 2.0


def measure(options: Options) -> Report:
    ticks, fewer = options.size(5_000, 300), options.size(1_000, 100)
    contestants = [
        loaded(POSTGRES, CRONFLEET, Load(ticks), postgres, draining),
        bare("bare loop, PostgreSQL", ticks, postgres),
        *(loaded(who.label, who, Load(fewer), postgres, draining) for who in RIVALS),
        loaded(SQLITE, CRONFLEET, Load(ticks), sqlite, draining),
        loaded(TRACED, COUNTED, Load(ticks), sqlite, _per_fsync),
        bare("bare loop, SQLite", ticks, sqlite),
        Contestant(DISK, _fsyncs),
    ]
    rows = take_turns(contestants, options.rounds)
    rates, fsyncs = medians(rows, RATE), medians(rows, FSYNCS)
    demands = [
        gate(
            f"as fast as {who.label}",
            ratio(rates[POSTGRES], rates.get(who.label)),
            at_least=5,
            unit="x",
        )
        for who in RIVALS
    ]
    per_fsync = medians(rows, PER_FSYNC).get(TRACED)
    demands.append(gate("ticks for each fsync", per_fsync, at_least=20))
    kept = ratio(rates[SQLITE], fsyncs[DISK])
    demands.append(goal("ticks/s, against the disk's fsyncs/s", kept, at_least=20, unit="x"))
    title = f"{ticks:,} one-shot jobs due in the same second, one instance, on a disk"
    sizes = f"the rivals with {fewer:,} ticks"
    return Report(title, COLUMNS, rows, demands, [postgres_server(), *about(*RIVALS), sizes])


def _per_fsync(found: Carried) -> Mapping[str, float]:
    return {PER_FSYNC: len(found.late_ms) / found.calls}


def _fsyncs() -> Mapping[str, float]:
    """Of a file that grows by a byte each time."""
    with disk_folder() as folder, (folder / "file").open("ab", buffering=0) as file:
        count, began = 0, time.perf_counter()
        while (spent_s := time.perf_counter() - began) < SYNCED_S:
            file.write(b"x")
            os.fsync(file.fileno())
            count += 1
    return {FSYNCS: count / spent_s}
