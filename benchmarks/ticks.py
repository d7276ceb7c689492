"""So many one-shot jobs due in the same second: one instance, on a Redis server of its own.

A tick counts when its claim, its start and its outcome are in the store. The ceiling is the same
Lua from a bare loop; beside it, what the scripts alone would come to in the server.
"""

from __future__ import annotations

from benchmarks.load.carrying import Load
from benchmarks.load.contesting import (
    ALONE,
    DRAINED,
    DRAINING,
    RATE,
    bare_redis,
    draining,
    loaded,
    redis,
)
from benchmarks.load.schedulers import CRONFLEET, REDBEAT, SAQ, about
from benchmarks.measuring.report import Column, Demand, Report, gate, goal, ratio
from benchmarks.measuring.rounds import Options, take_turns
from benchmarks.measuring.servers import redis_server

CEILING = "bare loop"
RIVALS = (SAQ, REDBEAT)
COLUMNS = (*DRAINING, Column(ALONE))


def measure(options: Options) -> Report:
    many, most = options.size(10_000, 500), options.size(100_000, 2_000)
    ours = {ticks: f"Cronfleet, {ticks:,}" for ticks in (1, many, most)}
    contestants = [
        loaded(name, CRONFLEET, Load(ticks), redis, draining) for ticks, name in ours.items()
    ]
    contestants.append(bare_redis(CEILING, many))
    contestants += [loaded(who.label, who, Load(many), redis, draining) for who in RIVALS]
    rows = take_turns(contestants, options.rounds)
    rates = {row.name: row.get(RATE) for row in rows}
    drained_s = {row.name: row.get(DRAINED) for row in rows}
    return Report(
        "One-shot jobs due in the same second, one instance, on Redis",
        COLUMNS,
        rows,
        [
            *_demands(rates, ours[many]),
            goal(f"{many:,} drained", drained_s[ours[many]], at_most=1, unit=" s"),
        ],
        [redis_server(), *about(*RIVALS), f"the rivals and the bare loop with {many:,} ticks"],
    )


def _demands(rates: dict[str, float | None], mine: str) -> list[Demand]:
    share = ratio(rates[mine], rates[CEILING])
    faster = [
        gate(
            f"as fast as {who.label}",
            ratio(rates[mine], rates.get(who.label)),
            at_least=10,
            unit="x",
        )
        for who in RIVALS
    ]
    return [
        gate("share of the bare loop", share, at_least=0.25),
        goal("share of the bare loop", share, at_least=0.4),
        *faster,
    ]
