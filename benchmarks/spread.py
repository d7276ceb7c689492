"""A thousand jobs a second for a minute, one each millisecond: how late their handlers are entered.

Ours recur each second, with anchors a millisecond apart. A rival that cannot hold that load is given
one that it can hold, which makes it the less late.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.load.carrying import Carried, Load
from benchmarks.load.contesting import P50, P99, OwnStore, loaded, postgres, redis
from benchmarks.load.schedulers import (
    APSCHEDULER4,
    ARQ,
    CRONFLEET,
    PROCRASTINATE,
    SAQ,
    Loaded,
    about,
)
from benchmarks.measuring.report import Column, Report, gate, goal
from benchmarks.measuring.rounds import Contestant, Options, medians, take_turns
from benchmarks.measuring.servers import postgres_server, redis_server

MISSED = "not run, %"
COLUMNS = (
    Column(P50, "less is better"),
    Column(P99, "less is better"),
    Column("late max, ms"),
    Column(MISSED),
)
A_SECOND = 1_000
RIVALS: Mapping[Loaded, tuple[int, OwnStore]] = {
    SAQ: (200, redis),
    ARQ: (100, redis),
    PROCRASTINATE: (100, postgres),
    APSCHEDULER4: (50, postgres),
}
"""So many a second, for as long as ours."""


def measure(options: Options) -> Report:
    seconds = options.size(60, 10)
    ours = _contestant(CRONFLEET, A_SECOND, seconds, redis)
    rivals = [
        _contestant(who, a_second, seconds, store) for who, (a_second, store) in RIVALS.items()
    ]
    rows = take_turns([ours, *rivals], options.rounds)
    p50, p99 = medians(rows, P50), medians(rows, P99)
    demands = [
        demand
        for each in rivals
        for demand in (
            gate(
                f"p50 as late as that of {each.name}", _share(p50, ours, each), at_most=1, unit="x"
            ),
            gate(
                f"p99 as late as that of {each.name}", _share(p99, ours, each), at_most=1, unit="x"
            ),
        )
    ]
    demands.append(goal("p50", p50[ours.name], at_most=3, unit=" ms"))
    demands.append(goal("p99", p99[ours.name], at_most=25, unit=" ms"))
    title = f"A tick every millisecond for {seconds} s, one instance: how late"
    servers = [redis_server(), postgres_server()]
    return Report(title, COLUMNS, rows, demands, [*servers, *about(*RIVALS)])


def _contestant(who: Loaded, a_second: int, seconds: int, store: OwnStore) -> Contestant:
    load = Load(a_second * seconds, 1 / a_second, recurs=a_second if who.recurs else 0)

    def figures(found: Carried) -> Mapping[str, float]:
        missed = 1 - len(found.late_ms) / load.ticks
        return found.lateness() | {MISSED: missed * 100}

    return loaded(f"{who.label}, {a_second:,}/s", who, load, store, figures)


def _share(found: Mapping[str, float], ours: Contestant, rival: Contestant) -> float | None:
    return found[ours.name] / found[rival.name] if rival.name in found else None
