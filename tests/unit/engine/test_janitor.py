from __future__ import annotations

import asyncio
from datetime import timedelta

from cronfleet import every
from cronfleet.engine.janitor import AT_ONCE, BETWEEN_ROUNDS_MS, ROUND_AT, Janitor
from cronfleet.model import History
from cronfleet.registry import History as Kept
from tests.unit.engine.rig import EACH_SECOND, Rig, job
from tests.unit.engine.scripted_store import lost_request

ROUND_S = BETWEEN_ROUNDS_MS / 1000


class Pruned:
    """Answers how many were pruned as it is told to."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, History, int]] = []


async def test_history_is_kept_within_its_bounds_behind_the_ends_of_runs(rig: Rig) -> None:
    async with rig.at_work(
        job(rig.handlers.quick, schedule=EACH_SECOND, history=Kept(successes=5))
    ):
        await asyncio.sleep(2 * ROUND_S + 0.5)
        kept = await rig.store.runs("report", limit=200)
    assert 5 <= len(kept) <= 6
    assert kept[0].created_at > kept[-1].created_at


async def test_only_jobs_whose_runs_have_ended_are_pruned(rig: Rig) -> None:
    hourly = every(timedelta(hours=1))
    async with rig.at_work(job(rig.handlers.quick, schedule=hourly)):
        await asyncio.sleep(3 * ROUND_S)
        assert rig.store.calls["prune"] == 0
        await rig.trigger()
        await asyncio.sleep(3 * ROUND_S)
        assert rig.store.calls["prune"] == 1


async def test_when_the_store_is_away_it_is_tried_again(rig: Rig) -> None:
    rig.store.next("prune", lost_request)
    async with rig.at_work(job(rig.handlers.quick, schedule=every(timedelta(hours=1)))):
        await rig.trigger()
        await asyncio.sleep(ROUND_S + 1)
        assert rig.store.calls["prune"] == 1
        await asyncio.sleep(ROUND_S)
        assert rig.store.calls["prune"] == 2


async def test_after_many_ends_a_round_begins_early_and_goes_on_until_all_is_pruned(
    rig: Rig,
) -> None:
    known = job(rig.handlers.quick, history=Kept(successes=0), schedule=every(timedelta(hours=1)))
    async with rig.at_work(known):
        await asyncio.sleep(0.1)
        for _ in range(2 * AT_ONCE + 50):
            await rig.trigger()
        await asyncio.sleep(ROUND_S - 1)
        assert rig.store.calls["prune"] == 0
    janitor = Janitor(rig.store, {"report": known})
    working = asyncio.create_task(janitor.work())
    await asyncio.sleep(1)
    for _ in range(ROUND_AT):
        janitor.run_ended("report")
    await asyncio.sleep(1)
    working.cancel()
    assert rig.store.calls["prune"] >= 1
