"""Real processes on real stores: killed, frozen, all switched off, and their store restarted."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from cronfleet import GapInfo, RunInfo, Scheduler
from tests.fleet.rig import Effect, Fleet, eventually
from tests.postgres_servers import Postgres
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

TTL_MS = 2_000
TTL_S = TTL_MS / 1000


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server | Postgres = request.getfixturevalue(f"{request.param}_server")
    return server.url


def history(store: str, job: str) -> tuple[list[RunInfo], list[GapInfo]]:
    async def look() -> tuple[list[RunInfo], list[GapInfo]]:
        scheduler = Scheduler(store, program="looker")
        try:
            return await scheduler.runs(job, limit=200), await scheduler.gaps(job, limit=200)
        finally:
            await scheduler.aclose()

    return asyncio.run(look())


def state_of(store: str, effect: Effect) -> str:
    runs, _ = history(store, effect.job)
    run_id = f"{effect.job}@{effect.fire_time}"
    return next((run.state for run in runs if run.id == run_id), "unknown")


def accounted_seconds(store: str, job: str) -> list[int]:
    """Every second that a run or a gap of the job speaks of."""
    runs, gaps = history(store, job)
    seconds = [round(run.fire_time.timestamp()) for run in runs]
    for gap in gaps:
        first, last = round(gap.first.timestamp()), round(gap.last.timestamp())
        assert gap.count == last - first + 1
        seconds += range(first, last + 1)
    return sorted(seconds)


def assert_started_once(effects: list[Effect]) -> None:
    entered = Counter((e.job, e.fire_time, e.attempt) for e in effects if e.what == "entered")
    assert [tick for tick, count in entered.items() if count > 1] == []


def test_three_instances_start_each_tick_once_or_record_a_gap(store: str) -> None:
    with Fleet(store, TTL_MS, "quick=0", "slow=1.4") as fleet:
        fleet.start(3)
        fleet.entered("quick", 6, within_s=20)
        for pid in list(fleet.processes):
            fleet.end(pid, signal.SIGTERM)
        assert_started_once(fleet.drain())
    for job in ("quick", "slow"):
        seconds = accounted_seconds(store, job)
        assert seconds == list(range(seconds[0], seconds[-1] + 1))
    reasons = {gap.reason for gap in history(store, "slow")[1]}
    assert "overlap" in reasons
    assert reasons <= {"overlap", "misfire"}  # An instance that is a second late skips for that.


def test_a_killed_instance_loses_its_started_run_within_the_bound(store: str) -> None:
    with Fleet(store, TTL_MS, "long=60") as fleet:
        fleet.start(2)
        (started,) = fleet.entered("long", 1, within_s=10)
        fleet.end(started.pid)
        took = eventually(lambda: state_of(store, started) == "lost", within_s=10)
        assert took <= TTL_S + TTL_S / 3 + 1
        fleet.entered("long", 1, within_s=5)
        assert_started_once(fleet.drain())


def test_the_others_serve_the_idle_jobs_of_a_killed_instance_in_time(store: str) -> None:
    jobs = [f"job{n}=0" for n in range(12)]
    with Fleet(store, TTL_MS, *jobs) as fleet:
        killed = fleet.start(2)[0]
        fleet.entered("job0", 2, within_s=10)
        fleet.end(killed)
        killed_at = time.time()
        for n in range(12):
            ticks = fleet.until(lambda e, job=f"job{n}": e.what == "entered" and e.job == job, 10)
            tick = next(tick for tick in ticks if tick.fire_time / 1000 > killed_at)
            assert tick.late_s < TTL_S / 2  # By a grace, long before the dead one is closed.
        assert_started_once(fleet.drain())


def test_a_lost_run_that_may_run_again_is_started_by_another(store: str) -> None:
    with Fleet(store, TTL_MS, "again!=60") as fleet:
        fleet.start(2)
        (first,) = fleet.entered("again", 1, within_s=10)
        fleet.end(first.pid)
        (second,) = fleet.entered("again", 1, within_s=10)
        assert (second.fire_time, second.attempt) == (first.fire_time, 2)
        assert second.token > first.token


def test_a_frozen_instance_starts_nothing_twice_and_its_late_outcome_is_kept(store: str) -> None:
    with Fleet(store, TTL_MS, "frozen=1") as fleet:
        fleet.start(3)
        started = freeze_in_a_run(fleet, store)
        eventually(lambda: state_of(store, started) == "lost", within_s=3 * TTL_S + 4)
        fleet.entered("frozen", 1, within_s=5)
        fleet.send(started.pid, signal.SIGCONT)
        fleet.next(lambda e: e.what == "ended" and e.fire_time == started.fire_time, 10)
        eventually(lambda: late_outcome(store, started) == "succeeded", within_s=10)
        fleet.entered("frozen", 3, within_s=10)
        assert_started_once(fleet.drain())
        assert state_of(store, started) == "lost"


def freeze_in_a_run(fleet: Fleet, store: str) -> Effect:
    """Freeze the instance that has just entered the handler; answers what it entered.

    On SQLite one that is frozen in a transaction keeps its lock, as the pages say: not that one.
    """
    while True:
        (started,) = fleet.entered("frozen", 1, within_s=10)
        fleet.send(started.pid, signal.SIGSTOP)
        if not is_locked(store):
            return started
        fleet.send(started.pid, signal.SIGCONT)


def is_locked(store: str) -> bool:
    """Whether anybody keeps writers out of an SQLite file: without a WAL, a reader does too."""
    if not store.startswith("sqlite"):
        return False
    path = store.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
    return False


def late_outcome(store: str, effect: Effect) -> str | None:
    runs, _ = history(store, effect.job)
    return next(r.late_outcome for r in runs if r.id == f"{effect.job}@{effect.fire_time}")


def test_a_fleet_that_was_switched_off_runs_what_is_due_at_once(store: str) -> None:
    with Fleet(store, TTL_MS, "daily=0") as fleet:
        (pid,) = fleet.start()
        fleet.entered("daily", 1, within_s=10)
        fleet.end(pid)
        last = fleet.drain()[-1].fire_time
        # Off for longer than a TTL: only real time can pass here.
        eventually(lambda: time.time() * 1000 > last + 2 * TTL_MS, within_s=3 * TTL_S)
        fleet.start()
        (first,) = fleet.entered("daily", 1, within_s=5)
        assert first.late_s < 2
        assert_started_once(fleet.drain())
    seconds = accounted_seconds(store, "daily")
    assert seconds == list(range(seconds[0], seconds[-1] + 1))
    assert "misfire" in {gap.reason for gap in history(store, "daily")[1]}
