"""Instances are killed, one after the other: how late the ticks are that they would have run.

A round is a short form of `python3 dev.py takeover`: *idle* are jobs that the dead was not running;
what it was running is known as lost, or started again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping

from benchmarks.measuring.report import Column, Report, gate, goal
from benchmarks.measuring.rounds import Contestant, Options, take_turns
from benchmarks.measuring.servers import own_redis, redis_server
from tests.chaos.takeover import BOUND_S, GOAL_MS, INSTANCES, TTL_MS, take_over

P50, P99, LOST, AGAIN = "idle p50, ms", "idle p99, ms", "known as lost, s", "started again, s"
COLUMNS = (
    Column(P50, "less is better"),
    Column(P99, "less is better"),
    Column(LOST, f"at most; TTL {TTL_MS / 1000:g} s"),
    Column(AGAIN, f"at most; TTL {TTL_MS / 1000:g} s"),
)
NAME = f"a fleet of {INSTANCES}"


def measure(options: Options) -> Report:
    kills = options.size(30, 4)

    def once() -> Mapping[str, float]:
        with _quiet_instances(), own_redis() as server:
            figures = take_over(server.url, kills).figures
        assert not figures["attempts_begun_twice"], figures
        return {
            P50: figures["idle_tick_late_ms_p50"],
            P99: figures["idle_tick_late_ms_p99"],
            LOST: figures["known_as_lost_s_max"],
            AGAIN: figures["started_again_s_max"],
        }

    (row,) = take_turns([Contestant(NAME, once, is_ours=True)], options.rounds)
    demands = [
        goal("p99 of idle jobs", row.get(P99), at_most=GOAL_MS, unit=" ms"),
        gate("known as lost", row.get(LOST), at_most=BOUND_S, unit=" s"),
        gate("started again", row.get(AGAIN), at_most=BOUND_S, unit=" s"),
    ]
    title = f"{kills} kills of an instance in each round, on Redis"
    return Report(title, COLUMNS, [row], demands, [redis_server()])


@contextlib.contextmanager
def _quiet_instances() -> Generator[None]:
    """What they log while they are killed is for other readers."""
    before = os.environ.get("LOG_LEVEL")
    os.environ["LOG_LEVEL"] = "ERROR"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LOG_LEVEL"]
        else:
            os.environ["LOG_LEVEL"] = before
