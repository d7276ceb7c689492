"""Requests to the server of an instance that is busy with 500 ticks a second, on Redis.

A few clients ask for one thing, one request after the other, from the same two cores; beside it, how
late the ticks are meanwhile. Then 500 event streams are read, and 200 requests a second are asked: of
that instance's server, and of one in a process of its own.
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
from benchmarks.load.listening import heard_and_asked
from benchmarks.load.place import LOOK_S, Place
from benchmarks.load.requesting import CONNECTIONS, asked
from benchmarks.load.schedulers import ASIDE, SERVED, Loaded
from benchmarks.load.workers.given import ENTRY
from benchmarks.measuring.report import Column, Report, gate, goal
from benchmarks.measuring.rounds import Contestant, FailedRoundError, Options, medians, take_turns
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
ONE_JOB = "/api/v1/jobs/job-0"
STREAMS, ASKED_A_SECOND = 500, 200
UNDISTURBED, BESIDE, WITHIN = "no requests", "streams, a server of its own", "streams"
STARTS_WITHIN_S = 30
WARM_S = 3


@dataclass(frozen=True, slots=True)
class Served:
    """An instance at work, with its server."""

    port: int
    entries: Path


def measure(options: Options) -> Report:
    seconds = options.size(10, 2)
    with own_redis() as server, _served(server.url) as served, _aside(server.url) as port:
        contestants = [Contestant(UNDISTURBED, _late_while(served, lambda: time.sleep(seconds)))]
        contestants += [
            Contestant(f"GET {path}", _asking(served, path, seconds), is_ours=True)
            for path in PATHS
        ]
        contestants += [
            Contestant(name, _heard(served, at, options.size(STREAMS, 20), seconds), is_ours=True)
            for name, at in ((WITHIN, served.port), (BESIDE, port))
        ]
        rows = take_turns(contestants, options.rounds)
        about = [str(server)]
    title = f"Requests to an instance with {TICKS_A_SECOND} ticks a second"
    late = medians(rows, TICKS_LATE)
    demands = [
        of(f"{name}: later than {UNDISTURBED}", _more(late, name), at_most=5, unit=" ms")
        for of, name in ((gate, BESIDE), (goal, WITHIN))
    ]
    about.append(f"streams: {STREAMS} of them, and {ASKED_A_SECOND} requests/s for {ONE_JOB}")
    return Report(title, COLUMNS, rows, demands, about)


def _more(late: Mapping[str, float], name: str) -> float | None:
    return late[name] - late[UNDISTURBED] if name in late and UNDISTURBED in late else None


@contextlib.contextmanager
def _served(url: str) -> Generator[Served]:
    load = Load(TICKS_A_SECOND, 1 / TICKS_A_SECOND, recurs=TICKS_A_SECOND)
    with _listens(SERVED, url, load.variables(url, time.time())) as (port, place):
        time.sleep(WARM_S)
        yield Served(port, place.entries)


@contextlib.contextmanager
def _aside(url: str) -> Generator[int]:
    """The port of a server in a process of its own."""
    with _listens(ASIDE, url, {}) as (port, _):
        yield port


@contextlib.contextmanager
def _listens(who: Loaded, url: str, load: Mapping[str, str]) -> Generator[tuple[int, Place]]:
    port = free_port()
    with tempfile.TemporaryDirectory(dir=quick_place()) as folder:
        place = Place(who, Path(folder), {**load, "CRONFLEET_STORE": url, "PORT": str(port)})
        with place.at_work(1):
            _await_port(port, place)
            yield port, place


def _await_port(port: int, place: Place) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(LOOK_S)
    raise FailedRoundError(f"no server on port {port}: {place.said()}")


def _asking(served: Served, path: str, seconds: float) -> Callable[[], Mapping[str, float]]:
    return _spending(served, lambda: asked(served.port, path, seconds))


def _heard(
    served: Served, port: int, streams: int, seconds: float
) -> Callable[[], Mapping[str, float]]:
    return _spending(
        served, lambda: heard_and_asked(port, streams, ONE_JOB, ASKED_A_SECOND, seconds)
    )


def _spending(served: Served, ask: Callable[[], list[float]]) -> Callable[[], Mapping[str, float]]:
    """`ask` answers how long each request took, in ms."""

    def once() -> Mapping[str, float]:
        spent: list[float] = []
        began = time.perf_counter()
        late = _late_while(served, lambda: spent.extend(ask()))()
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
