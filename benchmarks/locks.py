"""`Scheduler.lock` beside the locks of others, in one run on one Redis server.

How many times a second one contender takes and gives back a lock that nobody else wants; and how
long each of fifty waits for one that all want.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measuring.report import Column, Demand, Report, Row, gate, goal
from benchmarks.measuring.rounds import Contestant, Options, take_turns
from benchmarks.measuring.servers import own_redis
from benchmarks.rivals.locks import OURS, RIVALS, Tasks, Threads
from tests.chaos.figures import percentiles

SLICES, IN_A_SLICE = 6, 200
CONTENDERS, HOLD_S = 50, 0.001
RATE, P50, P99 = "locks/s", "wait p50, ms", "wait p99, ms"
COLUMNS = (
    Column(RATE, "one contender; more is better"),
    Column(P50),
    Column(P99, f"{CONTENDERS} contenders; less is better"),
)

_names = itertools.count()

Lock = Threads | Tasks


def measure(options: Options) -> Report:
    with own_redis() as server, contextlib.ExitStack() as closing:
        ours = [make(server.url) for make in OURS]
        rivals = list(_available(server.url))
        for each in [*ours, *rivals]:
            closing.callback(each.close)
        rounds = options.size(8, 2)
        contestants = [
            Contestant(each.label, _once(each, rounds), is_ours=each in ours)
            for each in [*ours, *rivals]
        ]
        rows = take_turns(contestants, options.rounds)
    title = f"A lock that one wants, and one that {CONTENDERS} want, on Redis"
    return Report(title, COLUMNS, rows, list(_demands(rows)), [str(server)])


def _available(url: str) -> Iterator[Lock]:
    for make in RIVALS:
        try:
            yield make(url)
        except (ImportError, subprocess.CalledProcessError) as error:
            print(f"  without {make.__name__}: {error}")


def _demands(rows: Sequence[Row]) -> Iterator[Demand]:
    """Beside the best of the others: of each kind, and of both, which counts."""
    for said, names in (("in threads", "threads"), ("in coroutines", "coroutines"), ("", "")):
        kind = [row for row in rows if names in row.name]
        mine, others = (
            [row for row in kind if row.is_ours is is_ours] for is_ours in (True, False)
        )
        if not others:
            continue
        rate = max(_of(mine, RATE)) / max(_of(others, RATE))
        wait = min(_of(mine, P99)) / min(_of(others, P99))
        demand = goal if said else gate
        yield demand(f"rate of the fastest rival {said}".strip(), rate, at_least=0.9, unit="x")
        yield demand(f"p99 of the best rival {said}".strip(), wait, at_most=1, unit="x")


def _of(rows: Sequence[Row], column: str) -> list[float]:
    return [figure for row in rows if (figure := row.get(column)) is not None]


def _once(each: Lock, rounds: int) -> Callable[[], Mapping[str, float]]:
    def once() -> Mapping[str, float]:
        least_s = min(_slice(each) for _ in range(SLICES))  # That was disturbed least.
        waits = dict(percentiles(_contended(each, rounds)))
        return {RATE: IN_A_SLICE / least_s, P50: waits["p50"], P99: waits["p99"]}

    return once


# --- one contender


def _slice(each: Lock) -> float:
    if isinstance(each, Tasks):
        return each.runner.run(_slice_of_tasks(each))
    lock = each.lock("sequential")
    began = time.perf_counter()
    for _ in range(IN_A_SLICE):
        with lock:
            pass
    return time.perf_counter() - began


async def _slice_of_tasks(each: Tasks) -> float:
    lock = each.lock("sequential")
    began = time.perf_counter()
    for _ in range(IN_A_SLICE):
        async with lock:
            pass
    return time.perf_counter() - began


# --- fifty contenders


def _contended(each: Lock, rounds: int) -> list[float]:
    """How long each of them waited, each time."""
    name = f"contended-{next(_names)}"
    if isinstance(each, Tasks):
        return each.runner.run(_contended_by_tasks(each, name, rounds))
    waits_ms: list[float] = []
    start = threading.Barrier(CONTENDERS)

    def contend(_: int) -> None:
        lock = each.lock(name)
        start.wait()
        for _ in range(rounds):
            began = time.perf_counter()
            with lock:
                waits_ms.append((time.perf_counter() - began) * 1000)
                time.sleep(HOLD_S)

    with ThreadPoolExecutor(CONTENDERS) as threads:
        list(threads.map(contend, range(CONTENDERS)))
    return waits_ms


async def _contended_by_tasks(each: Tasks, name: str, rounds: int) -> list[float]:
    waits_ms: list[float] = []

    async def contend() -> None:
        lock = each.lock(name)
        for _ in range(rounds):
            began = time.perf_counter()
            async with lock:
                waits_ms.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(HOLD_S)

    await asyncio.gather(*(contend() for _ in range(CONTENDERS)))
    return waits_ms
