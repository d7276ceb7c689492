"""The main job on a bad day: wrong clocks, a freeze, a kill, the store restarted; then quiet.

CRONFLEET_TEST_LONG=1 lets each part of the day last six times as long: two minutes in all.
"""

from __future__ import annotations

import math
import os
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleet.rig import Effect, Fleet, eventually
from tests.fleet.test_fleet import TTL_MS, TTL_S, accounted_seconds, history, is_locked
from tests.fleet.test_store_restart import Said
from tests.postgres_servers import OwnPostgres
from tests.servers import OwnServer

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(400)]

CALM_TICKS = 28 if os.environ.get("CRONFLEET_TEST_LONG") else 5
"""Seconds between two faults; the others take over within four."""
OFF_MS = (-300, 0, 300)
FROZEN_TICKS = math.ceil(2 * TTL_S) + 1
ON_TIME_S = 3
"""A poll, a connection made anew, and a busy machine."""
JOBS = ("steady=0", "working=0.3", "again!=0.3")
TERMINAL = {"succeeded", "failed", "timed_out", "cancelled", "lost"}


@dataclass(frozen=True)
class OnServer:
    """A store that can be away, and comes back with its data."""

    url: str
    server: OwnServer | OwnPostgres | None


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def kept(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> OnServer:
    """SQLite is a file, which nobody restarts."""
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    if request.param == "sqlite":
        return OnServer(f"sqlite:///{tmp_path}/cronfleet.db", None)
    server: OwnServer | OwnPostgres = request.getfixturevalue(f"own_{request.param}")
    return OnServer(server.url, server)


def test_no_tick_is_started_twice_and_none_is_forgotten_on_a_bad_day(
    kept: OnServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with Fleet(kept.url, TTL_MS, *JOBS) as fleet:
        frozen, killed, _ = [fleet.start(off_ms=off)[0] for off in OFF_MS]
        calm(fleet)
        freeze_past_its_ttl(fleet, frozen, kept.url)
        calm(fleet)
        fleet.end(killed, signal.SIGKILL)
        fleet.start(off_ms=OFF_MS[-1])
        calm(fleet)
        if kept.server:
            restart(fleet, kept.server, Said(capfd))
        last = calm(fleet)
        eventually(lambda: unsettled(kept.url, last.fire_time) == [], within_s=3 * TTL_S + 10)
        assert ended_by_themselves(fleet) == []
        for pid in list(fleet.processes):
            fleet.end(pid, signal.SIGTERM)
        assert started_more_than_once(fleet.drain()) == []
        assert_all_is_on_record(kept.url, fleet.effects)


# --- what happens -----------------------------------------------------------------------------


def calm(fleet: Fleet) -> Effect:
    """Let ticks go by; answers the last."""
    return fleet.entered("steady", CALM_TICKS, within_s=CALM_TICKS + 30)[-1]


def freeze_past_its_ttl(fleet: Fleet, pid: int, url: str) -> None:
    """On SQLite one that is frozen in a transaction keeps its lock, as the pages say: not then."""
    fleet.send(pid, signal.SIGSTOP)
    while is_locked(url):
        fleet.send(pid, signal.SIGCONT)
        fleet.entered("steady", 1, within_s=30)
        fleet.send(pid, signal.SIGSTOP)
    fleet.entered("steady", FROZEN_TICKS, within_s=FROZEN_TICKS + 30)
    fleet.send(pid, signal.SIGCONT)


def restart(fleet: Fleet, server: OwnServer | OwnPostgres, said: Said) -> None:
    """Away for longer than a TTL; the next tick after that is entered in time."""
    server.stop()
    until = time.monotonic() + 1.5 * TTL_S
    eventually(lambda: said.has("waiting for the store"), within_s=30)
    # Only real time can pass here.
    eventually(lambda: time.monotonic() > until, within_s=2 * TTL_S + 30)
    server.start()
    back = time.time()
    assert fleet.next(after(back), within_s=30).late_s < ON_TIME_S


def after(instant: float) -> Callable[[Effect], bool]:
    return lambda e: (e.what, e.job) == ("entered", "steady") and e.fire_time / 1000 > instant


# --- what must hold ---------------------------------------------------------------------------


def started_more_than_once(effects: list[Effect]) -> list[Effect]:
    """By what the handlers did. A job that may run again may, as another attempt."""
    entered = [e for e in effects if e.what == "entered"]
    starts = Counter(start_of(effect) for effect in entered)
    return [effect for effect in entered if starts[start_of(effect)] > 1]


def start_of(effect: Effect) -> tuple[str, int, int]:
    return (effect.job, effect.fire_time, effect.attempt if effect.job == "again" else 1)


def ended_by_themselves(fleet: Fleet) -> list[int]:
    return [pid for pid, process in fleet.processes.items() if process.poll() is not None]


def unsettled(url: str, until: int) -> list[str]:
    """Runs of ticks up to that instant that have no outcome yet."""
    return [
        run.id
        for job in ("steady", "working", "again")
        for run in history(url, job)[0]
        if run.fire_time.timestamp() * 1000 <= until and run.state not in TERMINAL
    ]


def assert_all_is_on_record(url: str, effects: list[Effect]) -> None:
    """Every second of each job has a run or lies in a gap, and no run was made up."""
    entered = {(e.job, e.fire_time) for e in effects if e.what == "entered"}
    for job in ("steady", "working", "again"):
        seconds = accounted_seconds(url, job)
        assert seconds == list(range(seconds[0], seconds[-1] + 1))
        succeeded = {
            (job, round(run.fire_time.timestamp() * 1000))
            for run in history(url, job)[0]
            if run.state == "succeeded"
        }
        assert succeeded <= entered
