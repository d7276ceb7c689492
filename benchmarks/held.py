"""A hundred thousand jobs, and a million, in one Redis server that keeps nothing on a disk.

They were added at run time: an instance that can run them does not hold them. One in a hundred is
due each minute. *peek* is a look at what is due when nothing is: as the caller sees it, and the
server's part of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Mapping
from functools import cached_property

from benchmarks.load.carrying import Load, carry
from benchmarks.load.contesting import P50, P99
from benchmarks.load.filling import PROGRAM, active, fill, resting
from benchmarks.load.memory import bytes_of_each, used_bytes
from benchmarks.load.schedulers import HELD
from benchmarks.measuring.report import Column, Demand, Report, Row, gate, goal, ratio
from benchmarks.measuring.rounds import Contestant, Options, take_turns
from benchmarks.measuring.servers import IN_MEMORY, commands_of, own_redis
from cronfleet.store import Store
from cronfleet.stores.redis import RedisStore
from tests.servers import OwnServer

PEAK, PEEK, INSIDE, BYTES = "instance, MB", "peek, us", "of it in Redis, us", "Redis, B each"
COLUMNS = (
    Column(PEAK, "most memory that the instance held; less is better"),
    Column(P50),
    Column(P99, "one job in a hundred due in a minute; less is better"),
    Column(PEEK, "less is better"),
    Column(INSIDE),
    Column(BYTES, "less is better"),
)
SECONDS = 60
LEAST_AT_WORK = 2_000
"""With fewer jobs, hardly any would be due."""
PEEKS, PEEKED = 1_000, 800
JOB, RUN = "job at rest", "kept run"


def measure(options: Options) -> Report:
    sizes = (1_000, options.size(100_000, 2_000), options.size(1_000_000, 4_000))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(own_redis(*IN_MEMORY)) for _ in sizes]
        full = [Full(server, jobs) for server, jobs in zip(servers, sizes, strict=True)]
        contestants = [Contestant(f"{each.jobs:,} jobs", each.once, is_ours=True) for each in full]
        contestants += [Contestant(name, lambda name=name: _bytes(name)) for name in (JOB, RUN)]
        rows = take_turns(contestants, options.rounds)
        about = [str(servers[0]), "in memory only"]
    demands = _demands({row.name: row for row in rows}, [each.name for each in contestants])
    return Report("Jobs at rest, one instance, on Redis", COLUMNS, rows, demands, about)


def _demands(rows: Mapping[str, Row], names: list[str]) -> list[Demand]:
    few, many, most = (rows[name] for name in names[:3])
    job, run = rows[JOB].get(BYTES), rows[RUN].get(BYTES)
    memory = ratio(most.get(PEAK), many.get(PEAK))
    peek = ratio(most.get(INSIDE), few.get(INSIDE))
    return [
        gate(f"memory with {most.name}, against {many.name}", memory, at_most=1.1, unit="x"),
        goal(f"p99 late with {most.name}", most.get(P99), at_most=250, unit=" ms"),
        gate(f"peek in Redis at {most.name}, against {few.name}", peek, at_most=1.25, unit="x"),
        gate(JOB, job, at_most=600, unit=" B"),
        goal(JOB, job, at_most=400, unit=" B"),
        gate(RUN, run, at_most=500, unit=" B"),
        goal(RUN, run, at_most=400, unit=" B"),
    ]


class Full:
    """A server with so many jobs; filled when it is first looked at."""

    def __init__(self, server: OwnServer, jobs: int) -> None:
        self.jobs = jobs
        self._server = server

    def once(self) -> Mapping[str, float]:
        """A minute of an instance. What does not change from round to round is measured once."""
        if self.jobs < LEAST_AT_WORK:
            return self._at_rest
        load = Load(self.jobs // 100, SECONDS / (self.jobs // 100), recurs=self.jobs // 100)
        at_rest = self._at_rest
        found = carry(HELD, load, self._server.url)
        return {PEAK: found.peak_mb, **found.lateness(), **at_rest}

    @cached_property
    def _at_rest(self) -> Mapping[str, float]:
        return asyncio.run(self._filled())

    async def _filled(self) -> Mapping[str, float]:
        empty = used_bytes(self._server)
        store = RedisStore(self._server.url, fleet="load")
        await store.open()
        await fill(store, resting(self.jobs - self.jobs // 100))
        used = (used_bytes(self._server) - empty) / (self.jobs - self.jobs // 100)
        peek_us = await _peek_us(store)
        inside_us = await self._inside_us(store)
        await fill(store, active(self.jobs // 100))
        await store.aclose()
        return {PEEK: peek_us, INSIDE: inside_us, BYTES: used}

    async def _inside_us(self, store: Store) -> float:
        """By the server's own count of what its scripts take."""
        with commands_of(self._server) as client:
            client.config_resetstat()
            await _peek_us(store)
            return client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]


async def _peek_us(store: Store) -> float:
    spent: list[float] = []
    for _ in range(PEEKS):
        began = time.perf_counter()
        await store.peek(PROGRAM, PEEKED)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1e6


def _bytes(name: str) -> Mapping[str, float]:
    with own_redis(*IN_MEMORY) as server:
        return {BYTES: bytes_of_each(server, 10_000)[name]}
