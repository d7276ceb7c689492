"""The export: all of a store, on every store; whole, or by its own words not so."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from cronfleet import History, RunContext, Scheduler
from cronfleet.exporting import exported
from cronfleet.model import Gap, GapRecord, Kind, OnLost, Reason, RunId, RunRecord, RunState
from cronfleet.model import History as Kept
from cronfleet.store import MOST_GAPS, Store
from cronfleet.stores.memory import MemoryStore
from tests.postgres_servers import Postgres
from tests.servers import Server
from tests.unit.cli.commands import NEVER
from tests.unit.server.sites import ended_run, ended_shards, register_sharded

Object = dict[str, Any]


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server | Postgres = request.getfixturevalue(f"{request.param}_server")
    return server.url


@pytest.fixture
async def scheduler(store: str | Store) -> AsyncIterator[Scheduler]:
    """At work, with `report`, which succeeds, `broken`, which fails, and `sharded`."""

    async def fail(_: RunContext) -> None:
        raise RuntimeError("the printer is on fire")

    scheduler = Scheduler(store, program="test", fleet=secrets.token_hex(4))
    scheduler.add_job(lambda _: None, NEVER, "report", history=History(successes=3))
    scheduler.add_job(fail, NEVER, "broken")
    register_sharded(scheduler)
    async with scheduler:
        yield scheduler


async def lines_of(scheduler: Scheduler, what: str = "") -> list[Object]:
    written: list[str] = []
    await scheduler.export(written.append)
    lines = [json.loads(line) for line in written]
    return [line for line in lines if not what or line["line"] == what]


async def test_every_store_tells_all_that_it_knows(scheduler: Scheduler) -> None:
    await ended_run(scheduler, "report")
    await ended_run(scheduler, "broken")
    await ended_shards(scheduler)
    await scheduler.skip_next("report", who="anna", why="holidays")
    lines = await lines_of(scheduler)
    header, *_, end = lines
    assert (header["format"], header["version"]) == ("cronfleet-history", 1)
    assert (len(header["fleet"]), header["audit_after"]) == (8, -1)
    assert end == {"line": "end", "lines": len(lines) - 1}
    jobs = {line["job"]: line for line in lines if line["line"] == "job"}
    assert set(jobs) >= {"broken", "report", "sharded"}
    assert jobs["report"]["definition"]["schedule"]["expression"] == "0 0 1 1 *"
    assert (jobs["report"]["generation"], jobs["broken"]["generation"]) == (2, 1)
    runs = [line for line in lines if line["line"] == "run"]
    states = {(line["run"].partition("@")[0], line["state"]) for line in runs}
    assert {("report", "succeeded"), ("broken", "failed"), ("sharded", "failed")} <= states
    assert sum("/" in line["run"] for line in runs) == 3
    (gap,) = [line for line in lines if line["line"] == "gap"]
    assert (gap["job"], gap["reason"], gap["count"]) == ("report", "by_hand", 1)
    (skipped,) = [line for line in lines if line.get("verb") == "skip_next"]
    assert (skipped["who"], skipped["why"]) == ("anna", "holidays")
    sessions = {line["session"] for line in lines if line["line"] == "instance"}
    assert len(sessions) == 1


async def test_a_job_says_from_when_on_no_record_was_deleted(scheduler: Scheduler) -> None:
    await ended_run(scheduler, "report")
    month = 30 * 86_400_000
    before = {line["job"]: line for line in await lines_of(scheduler, "job")}
    assert before["report"]["whole_after"] == before["report"]["at"] - month
    for _ in range(3):
        await ended_run(scheduler, "report")
    after = {line["job"]: line for line in await lines_of(scheduler, "job")}
    runs = [line for line in await lines_of(scheduler, "run") if "report@" in line["run"]]
    assert after["report"]["whole_after"] == min(line["ended_at"] for line in runs)
    assert after["broken"]["whole_after"] == after["broken"]["at"] - month


# --- pages that shift ------------------------------------------------------------------------------


def a_run(number: int) -> RunRecord:
    return RunRecord(
        id=RunId("report", number * 1000),
        kind=Kind.TICK,
        state=RunState.SUCCEEDED,
        attempt=1,
        token=number,
        on_lost=OnLost.ABANDON,
        losses=0,
        created_at=number * 1000,
        not_before=0,
        ended_at=number * 1000,
    )


@dataclass
class Shifting:
    """A store whose runs change between any two pages; all else is a real one's."""

    real: MemoryStore
    found: list[RunRecord]
    added: int = 0
    dropped: int = 0
    pages: int = field(default=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def runs(self, job: str, limit: int, skip: int) -> list[RunRecord]:
        self.pages += 1
        if self.pages > 1:
            newest = self.found[0].id.fire_time // 1000
            new = [a_run(newest + n) for n in range(self.added, 0, -1)]
            self.found = new + self.found[self.dropped :]
        return self.found[skip : skip + limit]


@pytest.mark.parametrize(("added", "dropped"), [(0, 0), (7, 0), (0, 7), (0, 60), (90, 0), (5, 30)])
async def test_no_run_is_passed_over_while_others_come_and_go(added: int, dropped: int) -> None:
    """In this store those that go are the newest, which no real one drops first: the worst case."""
    real = MemoryStore()
    scheduler = Scheduler(real, program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with scheduler:
        pass
    store = Shifting(real, [a_run(number) for number in range(1000, 0, -1)], added, dropped)
    lines = [json.loads(line) async for line in exported(cast("Store", store), "default")]
    told = {line["run"] for line in lines if line["line"] == "run"}
    assert {str(run.id) for run in store.found if run.id.fire_time <= 1_000_000} <= told
    assert store.pages < 60


async def test_of_as_many_gaps_as_are_kept_older_ones_may_have_been_deleted() -> None:
    real = MemoryStore()
    scheduler = Scheduler(real, program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with scheduler:
        pass
    at = (await real.open()).now

    class Holed(Shifting):
        async def gaps(self, _: str, limit: int, skip: int) -> list[GapRecord]:
            kept = [Gap(at - n, at - n, 1, Reason.MISFIRE) for n in range(MOST_GAPS)]
            return [GapRecord("report", gap, 1, at) for gap in kept[skip : skip + limit]]

    lines = [json.loads(line) async for line in exported(cast("Store", Holed(real, [])), "x")]
    (job,) = [line for line in lines if line["line"] == "job"]
    assert job["whole_after"] == at - MOST_GAPS
    assert sum(line["line"] == "gap" for line in lines) == MOST_GAPS


async def test_what_is_kept_of_a_definition_that_is_gone_is_not_whole() -> None:
    real = MemoryStore()
    scheduler = Scheduler(real, program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with scheduler:
        await ended_run(scheduler, "report")

    class Forgetful(Shifting):
        async def definition(self, _: str) -> None:
            return None

    store = Forgetful(real, [replace(a_run(5), id=RunId("report", 5))])
    lines = [json.loads(line) async for line in exported(cast("Store", store), "default")]
    (job,) = [line for line in lines if line["line"] == "job"]
    assert (job["definition"], job["whole_after"]) == (None, job["at"])
    assert Kept(0, 0, 0).age_ms == 0
