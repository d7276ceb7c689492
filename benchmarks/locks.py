"""`Scheduler.lock` beside the locks of others, in one run on one Redis server.

How many times a second one contender takes and gives back a lock that nobody else wants; and how
long each of fifty waits for one that all want. The runs alternate, so that a busy machine is busy
for all.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.rivals.locks import OURS, RIVALS, Tasks, Threads
from tests.servers import OwnServer, find_binary

SLICES, IN_A_SLICE, LEAST_DISTURBED = 30, 200, 20
CONTENDERS, ROUNDS = 50, 8
HOLD_S = 0.001
GATE = 0.9

_names = itertools.count()

Contestant = Threads | Tasks


def main() -> None:
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        server = OwnServer(find_binary("redis"), Path(folder))
        try:
            _compare(server)
        finally:
            server.stop()


def _compare(server: OwnServer) -> None:
    print(server)
    ours = [make(server.url) for make in OURS]
    rivals = _available(server.url)
    rates = _sequential([*ours, *rivals])
    waits_ms = {each.label: _contended(each) for each in [*ours, *rivals]}
    print(f"{'':28} {'sequential':>12} {CONTENDERS:>6} contenders: {'p50':>8} {'p99':>8}")
    for each in [*ours, *rivals]:
        p50, p99 = _percentile(waits_ms[each.label], 50), _percentile(waits_ms[each.label], 99)
        print(f"{each.label:28} {rates[each.label]:10,.0f}/s {p50:25,.1f} ms {p99:8,.1f} ms")
        each.close()
    _judge(ours, rivals, rates, waits_ms)


def _available(url: str) -> list[Contestant]:
    rivals: list[Contestant] = []
    for make in RIVALS:
        try:
            rivals.append(make(url))
        except (ImportError, subprocess.CalledProcessError) as error:
            print(f"without {make.__name__}: {error}")
    return rivals


def _judge(
    ours: list[Contestant],
    rivals: list[Contestant],
    rates: dict[str, float],
    waits_ms: dict[str, list[float]],
) -> None:
    p99 = {label: _percentile(waits, 99) for label, waits in waits_ms.items()}
    for kind in (Threads, Tasks, (Threads, Tasks)):
        mine = [each.label for each in ours if isinstance(each, kind)]
        others = [each.label for each in rivals if isinstance(each, kind)]
        ratio = max(rates[each] for each in mine) / max(rates[each] for each in others)
        longer = min(p99[each] for each in mine) / min(p99[each] for each in others)
        print(
            f"{' or '.join(mine)}: {ratio:.0%} of the rate of the fastest rival, "
            f"{longer:.0%} of the p99 of the best one"
        )
    print(f"gates, the last line: at least {GATE:.0%}, and below 100%")


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


# --- one contender


def _sequential(contestants: list[Contestant]) -> dict[str, float]:
    spent_s: dict[str, list[float]] = {each.label: [] for each in contestants}
    for _ in range(SLICES):
        for each in contestants:
            spent_s[each.label].append(_slice(each))
    return {
        label: IN_A_SLICE / _percentile(slices, LEAST_DISTURBED)
        for label, slices in spent_s.items()
    }


def _slice(each: Contestant) -> float:
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


def _contended(each: Contestant) -> list[float]:
    """How long each of them waited, each time."""
    name = f"contended-{next(_names)}"
    if isinstance(each, Tasks):
        return each.runner.run(_contended_by_tasks(each, name))
    waits_ms: list[float] = []
    start = threading.Barrier(CONTENDERS)

    def contend(_: int) -> None:
        lock = each.lock(name)
        start.wait()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            with lock:
                waits_ms.append((time.perf_counter() - began) * 1000)
                time.sleep(HOLD_S)

    with ThreadPoolExecutor(CONTENDERS) as threads:
        list(threads.map(contend, range(CONTENDERS)))
    return waits_ms


async def _contended_by_tasks(each: Tasks, name: str) -> list[float]:
    waits_ms: list[float] = []

    async def contend() -> None:
        lock = each.lock(name)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            async with lock:
                waits_ms.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(HOLD_S)

    await asyncio.gather(*(contend() for _ in range(CONTENDERS)))
    return waits_ms
