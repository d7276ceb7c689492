"""A tick in sixteen shards over four processes, two of which are killed at it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from cronfleet import RunInfo, Scheduler
from tests.fleet.rig import Effect, Fleet, eventually
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

TTL_MS = 2_000
SHARDS = 16


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server.url


def runs_of(store: str, tick: int) -> dict[int | None, RunInfo]:
    """The tick, by None, and its shards."""

    async def look() -> list[RunInfo]:
        scheduler = Scheduler(store, program="looker")
        try:
            return await scheduler.runs("split", limit=200)
        finally:
            await scheduler.aclose()

    runs = asyncio.run(look())
    return {run.shard: run for run in runs if run.id.partition("/")[0] == f"split@{tick}"}


def all_entered(fleet: Fleet) -> list[Effect]:
    """All shards of the first tick that instances share.

    Who has only just joined, or gets no processor, leaves a tick or two to another.
    """
    joined_at = time.time() * 1000
    ticks: defaultdict[int, dict[str, Effect]] = defaultdict(dict)
    for effect in fleet.until(lambda e: e.what == "entered" and e.fire_time > joined_at, 40):
        entered = ticks[effect.fire_time]
        assert effect.job not in entered
        entered[effect.job] = effect
        if len(entered) == SHARDS and len({each.pid for each in entered.values()}) > 1:
            return list(entered.values())
    raise AssertionError("one instance took all shards of each tick")


def ended_tick(store: str, tick: int) -> dict[int | None, RunInfo]:
    eventually(lambda: runs_of(store, tick)[None].state != "sharded", within_s=40)
    return runs_of(store, tick)


def starts(fleet: Fleet, tick: int) -> Counter[tuple[str, int]]:
    """How often each attempt at a shard of the tick was entered."""
    effects = [e for e in fleet.drain() if e.what == "entered" and e.fire_time == tick]
    return Counter((effect.job, effect.attempt) for effect in effects)


def test_two_instances_are_killed_and_their_shards_alone_are_lost(store: str) -> None:
    with Fleet(store, TTL_MS, f"split#{SHARDS}=5") as fleet:
        fleet.start(4)
        entered = all_entered(fleet)
        tick = entered[0].fire_time
        shares = Counter(effect.pid for effect in entered)
        killed = list(shares)[:2]
        for pid in killed:
            fleet.end(pid)
        fleet.start()
        runs = ended_tick(store, tick)
        assert set(starts(fleet, tick).values()) == {1}
        assert len(starts(fleet, tick)) == SHARDS
    lost = {e.job for e in entered if e.pid in killed}
    whole = runs.pop(None)
    assert {f"split/{n}" for n, run in runs.items() if run.state == "lost"} == lost
    assert whole.outcome == "lost"
    tally = whole.tally or {}
    assert (tally["lost"], tally["succeeded"]) == (len(lost), SHARDS - len(lost))


def test_shards_that_may_run_again_do_until_all_have_succeeded(store: str) -> None:
    # A disk that stands still for most of a TTL makes the living stop and run again, too.
    with Fleet(store, 2 * TTL_MS, f"split#{SHARDS}!=5") as fleet:
        fleet.start(4)
        entered = all_entered(fleet)
        tick = entered[0].fire_time
        fleet.end(entered[0].pid)
        fleet.start()
        is_again = fleet.until(lambda e: e.fire_time == tick and e.attempt == 2, 20)
        fleet.end(next(is_again).pid)
        runs = ended_tick(store, tick)
        started = starts(fleet, tick)
    assert set(started.values()) == {1}
    assert {job for job, _ in started} == {f"split/{n}" for n in range(SHARDS)}
    assert max(attempt for _, attempt in started) == 3
    assert (runs[None].outcome, runs[None].shards) == ("succeeded", SHARDS)
    assert (runs[None].tally or {})["succeeded"] == SHARDS


def test_four_instances_share_the_shards(store: str) -> None:
    with Fleet(store, TTL_MS, f"split#{SHARDS}=0") as fleet:
        fleet.start(4)
        assert {each.job for each in all_entered(fleet)} == {f"split/{n}" for n in range(SHARDS)}
