from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from cronfleet import History, every
from cronfleet.clock import Clock
from cronfleet.engine.janitor import AT_ONCE, Janitor
from cronfleet.model import History as Bounds
from cronfleet.model import JobName
from tests.unit.engine.rig import EACH_SECOND, TIMES, Rig, job
from tests.unit.engine.scripted_store import Answer, ScriptedStore, gone, lost_request

HOURLY = every(timedelta(hours=1))
ROUND_S = TIMES.prune_ms / 1000


async def test_history_is_kept_within_its_bounds_behind_the_ends_of_runs(rig: Rig) -> None:
    kept = History(successes=5)
    async with rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND, history=kept)):
        await asyncio.sleep(2 * ROUND_S + 0.5)
        runs = await rig.store.runs("report", limit=200)
    assert 5 <= len(runs) <= 6


async def test_only_jobs_whose_runs_have_ended_are_pruned(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY)):
        await asyncio.sleep(3 * ROUND_S)
        assert rig.store.calls["prune"] == 0
        await rig.trigger()
        await asyncio.sleep(3 * ROUND_S)
        assert rig.store.calls["prune"] == 1


async def test_when_the_store_is_away_it_is_tried_again(rig: Rig) -> None:
    rig.store.next("prune", lost_request)
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY)):
        await rig.trigger()
        await asyncio.sleep(ROUND_S + 1)
        assert rig.store.calls["prune"] == 1
        await asyncio.sleep(ROUND_S)
        assert rig.store.calls["prune"] == 2


async def test_a_history_that_changed_while_the_store_was_away_is_the_one_that_counts(
    rig: Rig,
) -> None:
    jobs = {"report": job(rig.handlers.quick, history=History(successes=5))}
    janitor = Janitor(rig.store, jobs, TIMES)

    async def changed_and_lost(call: Callable[[], Awaitable[Answer]]) -> Answer:
        jobs["report"] = job(rig.handlers.quick, history=History(successes=9))
        janitor.run_ended(jobs["report"])
        return await lost_request(call)

    rig.store.next("prune", changed_and_lost)
    async with working(janitor):
        janitor.run_ended(jobs["report"])
        await asyncio.sleep(ROUND_S)
    assert {name: kept.successes for name, kept in janitor._touched.items()} == {"report": 9}


async def test_a_job_that_is_known_no_more_when_its_run_ends_is_pruned_as_it_ran(rig: Rig) -> None:
    """Meanwhile the instance has learned as many others as it remembers."""
    janitor = Janitor(rig.store, {}, TIMES)
    async with working(janitor):
        janitor.run_ended(job(rig.handlers.quick, history=History(successes=7)))
        assert janitor._touched["report"].successes == 7
        await asyncio.sleep(ROUND_S)
    assert rig.store.calls["prune"] == 1


class Refusing(ScriptedStore):
    """Prunes no part that has one of these jobs in it; notes the first name of each part."""

    def __init__(self, clock: Clock, *refused: JobName) -> None:
        super().__init__(clock)
        self.refused = set(refused)
        self.firsts: list[JobName] = []

    async def prune(self, kept: Mapping[JobName, Bounds], limit: int = 200) -> int:
        self.firsts.append(next(iter(kept)))
        if self.refused & kept.keys():
            raise gone("prune")
        return 0


FIRSTS = [f"job-{n:04}" for n in range(0, 5 * AT_ONCE, AT_ONCE)]


@asynccontextmanager
async def pruning_five_parts(rig: Rig, *refused: JobName) -> AsyncGenerator[Refusing]:
    store = Refusing(rig.clock, *refused)
    jobs = [job(rig.handlers.quick, f"job-{n:04}") for n in range(5 * AT_ONCE)]
    janitor = Janitor(store, {each.definition.name: each for each in jobs}, TIMES)
    async with working(janitor):
        for each in jobs:
            janitor.run_ended(each)
        await asyncio.sleep(ROUND_S)
        yield store


async def test_a_part_that_fails_keeps_no_other_from_being_pruned_and_goes_last(rig: Rig) -> None:
    async with pruning_five_parts(rig, "job-0007") as store:
        assert store.firsts == FIRSTS
        await asyncio.sleep(ROUND_S)
        assert store.firsts[5:] == FIRSTS[:1]
        store.refused.clear()
        await asyncio.sleep(3 * ROUND_S)
        assert store.firsts[6:] == FIRSTS[:1]


async def test_when_parts_fail_one_after_the_other_the_rest_goes_first_in_the_next_round(
    rig: Rig,
) -> None:
    async with pruning_five_parts(rig, FIRSTS[0], FIRSTS[1]) as store:
        assert store.firsts == FIRSTS[:2]
        await asyncio.sleep(ROUND_S)
        assert store.firsts[2:] == [*FIRSTS[2:], *FIRSTS[:2]]


@asynccontextmanager
async def working(janitor: Janitor) -> AsyncGenerator[None]:
    task = asyncio.create_task(janitor.work())
    await asyncio.sleep(1)
    yield
    task.cancel()
    await asyncio.wait({task})


@asynccontextmanager
async def at_work(rig: Rig) -> AsyncGenerator[Janitor]:
    janitor = Janitor(rig.store, {"report": job(rig.handlers.quick)}, TIMES)
    async with working(janitor):
        yield janitor


async def test_a_round_begins_early_when_many_runs_of_a_job_have_ended(rig: Rig) -> None:
    async with at_work(rig) as janitor:
        for number in range(TIMES.prune_at - 1):
            janitor.run_ended(job(rig.handlers.quick))
            janitor.run_ended(job(rig.handlers.quick, f"other-{number}"))
        await asyncio.sleep(1)
        assert rig.store.calls["prune"] == 0
        janitor.run_ended(job(rig.handlers.quick))
        await asyncio.sleep(1)
        assert rig.store.calls["prune"] == 1


async def test_a_round_goes_on_until_a_call_finds_less_than_it_could(rig: Rig) -> None:
    found = [AT_ONCE, AT_ONCE, AT_ONCE - 1]

    async def full(call: Callable[[], Awaitable[Answer]]) -> Answer:
        await call()
        return found.pop(0)  # pyright: ignore[reportReturnType] - what prune answers is a number

    rig.store.next("prune", full, full, full)
    async with at_work(rig) as janitor:
        janitor.run_ended(job(rig.handlers.quick))
        await asyncio.sleep(ROUND_S)
    assert rig.store.calls["prune"] == 3
