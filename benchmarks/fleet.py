"""One, two and four instances with the same jobs, all due in the same second, on one Redis server.

They share the machine's cores, with the server too: more instances are not more machines. A claim
is lost when another instance was first; each costs a round trip's share, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.load.carrying import Carried, Load
from benchmarks.load.contesting import DRAINED, RATE, loaded, redis
from benchmarks.load.schedulers import CRONFLEET
from benchmarks.measuring.report import Column, Report, gate, ratio
from benchmarks.measuring.rounds import Options, take_turns
from benchmarks.measuring.servers import redis_server

LOST = "claims lost, %"
COLUMNS = (
    Column(RATE, "all together; more is better"),
    Column(DRAINED),
    Column(LOST, "to each other; less is better"),
)
AT_LEAST = {2: 1.0, 4: 0.85}
"""Of the throughput of one."""
MOST_LOST = 10
"""By two."""


def measure(options: Options) -> Report:
    load = Load(options.size(10_000, 500))
    names = {1: "one instance", 2: "two instances", 4: "four instances"}
    contestants = [
        loaded(name, CRONFLEET, load, redis, _figures, instances)
        for instances, name in names.items()
    ]
    rows = {row.name: row for row in take_turns(contestants, options.rounds)}
    alone = rows[names[1]].get(RATE)
    demands = [
        gate(
            f"throughput of {names[n]}",
            ratio(rows[names[n]].get(RATE), alone),
            at_least=least,
            unit="x",
        )
        for n, least in AT_LEAST.items()
    ]
    lost = rows[names[2]].get(LOST)
    demands.append(gate(f"claims lost by {names[2]}", lost, at_most=MOST_LOST, unit=" %"))
    title = f"A fleet, {load.ticks:,} one-shot jobs due in the same second, on Redis"
    return Report(title, COLUMNS, list(rows.values()), demands, [redis_server()])


def _figures(found: Carried) -> Mapping[str, float]:
    return {RATE: found.rate, DRAINED: found.drained_s, LOST: found.lost_claims * 100}
