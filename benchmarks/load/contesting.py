"""Schedulers under load, as contestants of a benchmark: each round on a store of its own.

So none pays for the rounds before.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager

from benchmarks.load.bare import bare_rate
from benchmarks.load.carrying import Carried, Load, carry
from benchmarks.load.schedulers import Loaded
from benchmarks.measuring.report import Column
from benchmarks.measuring.rounds import Contestant
from benchmarks.measuring.servers import commands_of, disk_folder, own_postgres, own_redis
from cronfleet.stores import open_store

RATE, DRAINED, P50, P99 = "ticks/s", "drained in, s", "late p50, ms", "late p99, ms"
ALONE = "scripts alone, ticks/s"
SCRIPTS = ("cmdstat_evalsha", "cmdstat_eval")
DRAINING = (
    Column(RATE, "more is better"),
    Column(DRAINED),
    Column(P50),
    Column(P99),
    Column("late max, ms"),
)

OwnStore = Callable[[], AbstractContextManager[str]]
"""A store of one's own, by its URL."""


@contextmanager
def redis() -> Generator[str]:
    with own_redis() as server:
        yield server.url


@contextmanager
def postgres() -> Generator[str]:
    with own_postgres() as server:
        yield server.url


@contextmanager
def sqlite() -> Generator[str]:
    with disk_folder() as folder:
        yield f"sqlite:///{folder}/cronfleet.db"


def loaded(
    name: str,
    who: Loaded,
    load: Load,
    store: OwnStore,
    figures: Callable[[Carried], Mapping[str, float]],
    instances: int = 1,
) -> Contestant:
    """A scheduler that carries a load through; `figures` are what counts of that."""

    def once() -> Mapping[str, float]:
        with store() as url:
            return figures(carry(who, load, url, instances))

    return Contestant(name, once, is_ours=who.environment is None)


def bare(name: str, ticks: int, store: OwnStore) -> Contestant:
    """The ceiling of that store."""

    def once() -> Mapping[str, float]:
        with store() as url:
            return {RATE: bare_rate(open_store(url, "bare"), ticks)}

    return Contestant(name, once)


def bare_redis(name: str, ticks: int) -> Contestant:
    """The ceiling of Redis; and of its scripts alone, had the server nothing else to do."""

    def once() -> Mapping[str, float]:
        with own_redis() as server, commands_of(server) as client:
            rate = bare_rate(open_store(server.url, "bare"), ticks, client.config_resetstat)
            calls = client.info("commandstats")
        spent_us = sum(calls[of]["usec"] for of in SCRIPTS if of in calls)
        return {RATE: rate, ALONE: ticks / spent_us * 1e6}

    return Contestant(name, once)


def draining(found: Carried) -> dict[str, float]:
    """Of ticks that are due at once: the figures of the columns `DRAINING`."""
    rate = {RATE: found.rate, DRAINED: found.drained_s} if len(found.late_ms) > 1 else {}
    return rate | found.lateness()
