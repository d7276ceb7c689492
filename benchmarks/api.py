"""Requests to the server of an instance that is busy with 500 ticks a second, on Redis.

A few clients ask for one thing, one request after the other, from the same two cores; beside it, how
late the ticks are meanwhile.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.carrying import Load
from benchmarks.load.contesting import P99
from benchmarks.load.place import LOOK_S, Place
from benchmarks.load.requesting import CONNECTIONS, asked
from benchmarks.load.schedulers import SERVED
from benchmarks.load.workers.given import ENTRY
from benchmarks.measuring.report import Column, Report
from benchmarks.measuring.rounds import Contestant, FailedRoundError, Options, take_turns
from benchmarks.measuring.servers import own_redis
from tests.chaos.figures import percentiles
from tests.servers import free_port, quick_place

RATE, SPENT_P50, SPENT_P99, TICKS_LATE = "requests/s", "p50, ms", "p99, ms", f"ticks {P99}"
COLUMNS = (
    Column(RATE, f"{CONNECTIONS} clients; more is better"),
    Column(SPENT_P50),
    Column(SPENT_P99),
    Column(TICKS_LATE, "meanwhile; less is better"),
)
TICKS_A_SECOND = 500
PATHS = ("/health-check", "/api/v1/jobs", "/api/v1/jobs/job-0/runs", "/")
STARTS_WITHIN_S = 30
WARM_S = 3


@dataclass(frozen=True, slots=True)
class Served:
    """An instance at work, with its server."""

    port: int
    entries: Path


def measure(options: Options) -> Report:
    seconds = options.size(10, 2)
    with own_redis() as server, _served(server.url) as served:
        contestants = [Contestant("no requests", _late_while(served, lambda: time.sleep(seconds)))]
        contestants += [
            Contestant(f"GET {path}", _asking(served, path, seconds), is_ours=True)
            for path in PATHS
        ]
        rows = take_turns(contestants, options.rounds)
        about = [str(server)]
    title = f"Requests to an instance with {TICKS_A_SECOND} ticks a second"
    return Report(title, COLUMNS, rows, (), about)


@contextlib.contextmanager
def _served(url: str) -> Generator[Served]:
    load = Load(TICKS_A_SECOND, 1 / TICKS_A_SECOND, recurs=TICKS_A_SECOND)
    port = free_port()
    with tempfile.TemporaryDirectory(dir=quick_place()) as folder:
        variables = {"CRONFLEET_STORE": url, "PORT": str(port)}
        place = Place(SERVED, Path(folder), load.variables(url, time.time()) | variables)
        with place.at_work(1):
            _await_port(port, place)
            time.sleep(WARM_S)
            yield Served(port, place.entries)


def _await_port(port: int, place: Place) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(LOOK_S)
    raise FailedRoundError(f"no server on port {port}: {place.said()}")


def _asking(served: Served, path: str, seconds: float) -> Callable[[], Mapping[str, float]]:
    def once() -> Mapping[str, float]:
        spent: list[float] = []
        began = time.perf_counter()
        late = _late_while(served, lambda: spent.extend(asked(served.port, path, seconds)))()
        took_s = time.perf_counter() - began
        told = dict(percentiles(spent))
        rate = len(spent) / took_s
        return {RATE: rate, SPENT_P50: told["p50"], SPENT_P99: told["p99"], **late}

    return once


def _late_while(served: Served, act: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    """How late the ticks are that are entered while something is done."""

    def once() -> Mapping[str, float]:
        before = served.entries.stat().st_size
        act()
        data = served.entries.read_bytes()[before:]
        whole = data[: len(data) // ENTRY.size * ENTRY.size]
        late_ms = [(at_s - due_s) * 1000 for due_s, at_s in ENTRY.iter_unpack(whole)]
        return {TICKS_LATE: dict(percentiles(late_ms))["p99"]}

    return once
