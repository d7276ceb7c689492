"""Several instances on one store. However they are ranked, no tick is started twice or forgotten."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from cronfleet.engine.ranking import Ranking
from cronfleet.model import JobName, RunState
from tests.unit.engine.rig import EACH_SECOND, TTL_S, Rig, job
from tests.unit.engine.scripted_store import (
    Fault,
    late_answer,
    late_request,
    lost_answer,
    lost_request,
    zombie,
)

OPERATIONS = (
    "claim",
    "start",
    "complete",
    "peek",
    "held",
    "release",
    "sync_jobs",
    "close",
    "sweep",
)


def faults(chance: random.Random) -> list[Fault]:
    return [
        lost_request,
        lost_answer,
        late_answer(chance.uniform(0, 4)),
        late_request(chance.uniform(0, 4)),
        zombie(chance.uniform(0, 4)),
    ]


@pytest.fixture
def random_ranks(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Every look at a rank gives another, so that two go first and nobody does."""
    chance = random.Random(1)

    def rank(_: Ranking, __: JobName) -> int:
        return chance.randrange(4)

    monkeypatch.setattr(Ranking, "rank", rank)
    return chance


@pytest.mark.parametrize("count", [2, 5])
async def test_with_random_ranks_every_tick_is_started_once(
    rig: Rig, random_ranks: random.Random, count: int
) -> None:
    jobs = [job(rig.handlers.quick, f"job-{n}", EACH_SECOND) for n in range(5)]
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(rig.at_work(*jobs))
        await asyncio.sleep(60.5)
    assert len(rig.handlers.ticks) == len(set(rig.handlers.ticks)) == 5 * 60


async def test_rivals_share_the_work(rig: Rig) -> None:
    jobs = [job(rig.handlers.quick, f"job-{n}") for n in range(60)]
    async with rig.at_work(*jobs) as anna, rig.at_work(*jobs) as bert:
        await asyncio.sleep(61)
        done = [await rig.store.runs(f"job-{n}") for n in range(60)]
        firsts = [each._session.ranking for each in (anna, bert)]
        by_anna = sum(firsts[0].rank(f"job-{n}") == 0 for n in range(60))
    assert all(run.state is RunState.SUCCEEDED for runs in done for run in runs)
    assert 10 < by_anna < 50


async def test_the_ticks_of_a_dead_instance_come_a_grace_later(rig: Rig) -> None:
    """Not an election later, nor a TTL."""
    jobs = [job(rig.handlers.quick, f"job-{n}", EACH_SECOND) for n in range(20)]
    async with rig.at_work(*jobs) as anna:
        dead = await rig.stranger()
        await rig.store.sync_jobs(
            dead, "app", [each.declaration(rig.clock.wall_ms()) for each in jobs]
        )
        await rig.until(lambda: dead in anna._session.ranking._others)
        rig.handlers.entered.clear()
        await asyncio.sleep(3)
        runs = [run for each in jobs for run in await rig.store.runs(each.definition.name, 2)]
        late = [run.started_at - run.id.fire_time for run in runs if run.started_at]
    assert 45 <= max(late) <= 60
    assert min(late) <= 2


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_goes_wrong_with_the_calls_no_tick_is_started_twice_or_forgotten(
    rig: Rig, random_ranks: random.Random, seed: int
) -> None:
    chance = random.Random(seed)
    jobs = [
        job(rig.handlers.quick, f"job-{n}", EACH_SECOND, misfire_grace=timedelta(minutes=5))
        for n in range(3)
    ]
    async with AsyncExitStack() as stack:
        instances = [await stack.enter_async_context(rig.at_work(*jobs)) for _ in range(3)]
        for _ in range(60):
            await asyncio.sleep(chance.uniform(0, 1))
            rig.store.next(chance.choice(OPERATIONS), chance.choice(faults(chance)))
            if chance.random() < 0.05:
                rig.store.is_away = True
                await asyncio.sleep(chance.uniform(0, 2 * TTL_S))
                rig.store.is_away = False
            if chance.random() < 0.05:
                await rig.store.leave(chance.choice(instances)._session.id)
            if chance.random() < 0.02:
                rig.clock.leap(round(chance.uniform(-30_000, 90_000)))
        for pending in rig.store._faults.values():
            pending.clear()
        await asyncio.sleep(4 * TTL_S)
        assert [each.trouble for each in instances] == [""] * 3
        await assert_nothing_is_forgotten(rig)
    assert len(rig.handlers.ticks) == len(set(rig.handlers.ticks))


async def assert_nothing_is_forgotten(rig: Rig) -> None:
    """Every tick from the first to the watermark has a run or is in one gap; all runs have ended."""
    now = rig.clock.wall_ms()
    for record in await rig.store.jobs():
        runs = await rig.store.runs(record.name, limit=10_000)
        gaps = [each.gap for each in await rig.store.gaps(record.name, limit=10_000)]
        ticks = {run.id.fire_time for run in runs}
        skipped = [t for gap in gaps for t in range(gap.first, gap.last + 1, 1_000)]
        assert len(skipped) == len(set(skipped)) == sum(gap.count for gap in gaps)
        assert not ticks & set(skipped)
        first = min(ticks | set(skipped))
        assert ticks | set(skipped) == set(range(first, record.watermark + 1, 1_000))
        assert now - record.watermark <= 2_000
        late = [run for run in runs if run.id.fire_time < now - 5_000]
        assert {run.state for run in late} <= {RunState.SUCCEEDED, RunState.LOST}
