"""Real processes: two versions of one program in a fleet, and many that boot at once."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from cronfleet import GapInfo, RunInfo, Scheduler
from cronfleet.store import Store
from cronfleet.stores import open_store
from tests.fleet.rig import Effect, Fleet
from tests.postgres_servers import Postgres
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(600)]

LONG = bool(os.environ.get("CRONFLEET_TEST_LONG"))
TTL_MS = 3_000
INSTANCES = 2
CHANGES = 10 if LONG else 4
JOB = "tick"
V1, V2 = f"{JOB}=0", f"{JOB}=0@500"
"""Version 2 fires half a second after version 1: a fire time tells whose it is."""

DRAIN = signal.SIGINT
"""What ends a worker in good order."""

BOOTS = 10 if LONG else 1
AT_ONCE = 20
MANY = [f"job{number:02}=0" for number in range(100)]


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server | Postgres = request.getfixturevalue(f"{request.param}_server")
    return server.url


@pytest.fixture
def fleet_name(monkeypatch: pytest.MonkeyPatch) -> str:
    return new_fleet(monkeypatch)


def new_fleet(monkeypatch: pytest.MonkeyPatch) -> str:
    """From now on processes find an empty store."""
    name = secrets.token_hex(4)
    monkeypatch.setenv("CRONFLEET_FLEET", name)
    return name


class Watch:
    """Looks again and again which version is in force while version 2 is there."""

    def __init__(self, url: str, fleet: str) -> None:
        self._made_with = (url, fleet)
        self._over = threading.Event()
        self.second: set[int] = set()
        """The processes of version 2 that have declared it."""
        self.looks = 0
        self.wrong: list[str] = []

    @contextmanager
    def looking(self) -> Generator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._look_until_over()))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    async def _look_until_over(self) -> None:
        url, fleet = self._made_with
        store = open_store(url, fleet, 10_000)
        await store.open()
        try:
            while not self._over.wait(0.02):
                await self._look(store)
        finally:
            await store.aclose()

    async def _look(self, store: Store) -> None:
        declared = set(self.second)
        before = await pids(store)
        is_second = await anchor_in_force(store) == 500
        there = declared & before & await pids(store)
        self.looks += bool(there)
        if there and not is_second:
            self.wrong.append(f"version 1 is in force while {there} are there")


async def pids(store: Store) -> set[int]:
    return {int(each.label.rpartition(":")[2]) for each in await store.instances()}


async def anchor_in_force(store: Store) -> int:
    job = await store.job(JOB)
    definition = job and await store.definition(job.digest)
    return int(json.loads(definition or "{}")["schedule"]["anchor_ms"])


def test_two_versions_are_deployed_back_and_forth_and_the_newer_is_in_force_while_it_is_there(
    server: str, fleet_name: str
) -> None:
    watch = Watch(server, fleet_name)
    with Fleet(server, TTL_MS, V1) as fleet:
        running = fleet.start(INSTANCES, within_s=60)
        with watch.looking():
            for change in range(CHANGES):
                to = V1 if change % 2 else V2
                running = replaced(fleet, running, to, watch)
                fleet.next(lambda e, to=to: is_of(e, to), within_s=60)
        for pid in running:
            fleet.end(pid, DRAIN)
        effects = fleet.drain()
    assert watch.wrong == []
    assert watch.looks > CHANGES
    assert_started_once(effects)
    assert_all_accounted_for(server, effects)


def replaced(fleet: Fleet, running: list[int], by: str, watch: Watch) -> list[int]:
    """Replace instances one by one, as a rolling deploy does: first the new one is there."""
    new: list[int] = []
    for old in running:
        (pid,) = fleet.start(jobs=[by], within_s=60)
        if by == V2:
            watch.second.add(pid)
        new.append(pid)
        fleet.end(old, DRAIN)
    return new


def is_of(effect: Effect, version: str) -> bool:
    return effect.what == "entered" and effect.fire_time % 1000 == (500 if version == V2 else 0)


def assert_started_once(effects: list[Effect]) -> None:
    entered = Counter((e.job, e.fire_time) for e in effects if e.what == "entered")
    assert [tick for tick, count in entered.items() if count > 1] == []


def assert_all_accounted_for(url: str, effects: list[Effect]) -> None:
    """Each run has ended, each handler that was entered has its run, and no second is missing."""
    runs, gaps = history(url)
    assert {run.outcome for run in runs} == {"succeeded"}
    assert {run.fire_time.timestamp() * 1000 for run in runs} == {
        e.fire_time for e in effects if e.what == "entered"
    }
    spans = [(run.fire_time, run.fire_time) for run in runs]
    spans += [(gap.first, gap.last) for gap in gaps]
    for (_, last), (first, _) in pairwise(sorted(spans)):
        assert 0 < (first - last).total_seconds() <= 1.5
    assert {gap.reason for gap in gaps} <= {"misfire", "overlap"}


def history(url: str) -> tuple[list[RunInfo], list[GapInfo]]:
    async def look() -> tuple[list[RunInfo], list[GapInfo]]:
        scheduler = Scheduler(url, program="looker")
        try:
            return await scheduler.runs(JOB, limit=10_000), await scheduler.gaps(JOB, limit=500)
        finally:
            await scheduler.aclose()

    return asyncio.run(look())


def test_twenty_that_boot_at_once_define_each_job_once_and_run_no_tick_twice(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(BOOTS):
        name = new_fleet(monkeypatch)
        with Fleet(server, 10_000, *MANY) as fleet:
            fleet.start(AT_ONCE, within_s=120)
            for job in MANY:
                wanted = job.partition("=")[0]
                if not any(e.job == wanted for e in fleet.drain() if e.what == "entered"):
                    fleet.entered(wanted, 1, within_s=60)
            for pid in list(fleet.processes):
                fleet.end(pid)
            assert_started_once(fleet.drain())
        assert asyncio.run(odd_jobs(server, name)) == []


async def odd_jobs(url: str, fleet: str) -> list[str]:
    """What is not as if one instance had declared it."""
    store = open_store(url, fleet, 10_000)
    await store.open()
    try:
        jobs = await store.jobs()
        names = [job.partition("=")[0] for job in MANY]
        assert [job.name for job in jobs] == names
        faults = [fault for name in names for fault in await store.check(name)]
        changed = [job.name for job in jobs if (job.generation, job.edition) != (1, 1)]
        return [*changed, *map(str, faults)]
    finally:
        await store.aclose()
