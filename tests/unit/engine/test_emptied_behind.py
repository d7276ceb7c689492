"""A store that was emptied when its clock had been set back: what has run seems still to come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta

import pytest

from cronfleet.adopting import adopt
from cronfleet.changing import remove
from cronfleet.engine.instance import Instance
from cronfleet.schedule import due_of
from cronfleet.store import Order
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.resetting import (
    RENEWAL_S,
    adopted_by_hand,
    assert_nothing_ran_twice,
    stopped,
)
from tests.unit.engine.rig import EACH_MINUTE, TTL_S, Rig, job
from tests.unit.engine.scripted_store import Answer, first, late_request


@pytest.fixture
async def behind(rig: Rig) -> AsyncGenerator[Instance]:
    """It ran a job until its store was emptied, whose clock is five minutes back."""
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(600)
        rig.clock.leap(-300_000)
        await asyncio.sleep(2 * TTL_S)  # The instance has come to know the clock as it is now.
        rig.store.empty()
        await stopped(rig, instance)
        yield instance


async def test_an_emptied_store_whose_clock_is_behind_runs_no_tick_again(rig: Rig) -> None:
    """Of what others ran this instance knows only that it had come by then."""
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick) as anna, rig.at_work(quick):
        await asyncio.sleep(600)
        rig.store.empty()
        rig.clock.leap(-300_000)
        await stopped(rig, anna)
        before = len(rig.handlers.entered)
        await adopted_by_hand(rig)
        await asyncio.sleep(240)
        assert len(rig.handlers.entered) == before
        await asyncio.sleep(180)
    assert len(rig.handlers.entered) > before
    assert_nothing_ran_twice(rig)


async def test_a_store_that_is_emptied_when_its_clock_was_set_back_runs_no_tick_again(
    rig: Rig, behind: Instance
) -> None:
    before = len(rig.handlers.entered)
    await adopted_by_hand(rig)
    await asyncio.sleep(200)
    assert len(rig.handlers.entered) == before
    await asyncio.sleep(220)
    assert len(rig.handlers.entered) > before
    assert_nothing_ran_twice(rig)


async def test_no_tick_runs_again_when_an_instance_that_knows_less_declared_the_job_otherwise(
    rig: Rig, behind: Instance
) -> None:
    before = len(rig.handlers.entered)
    async with rig.at_work(job(rig.handlers.quick, overlap="allow")):
        await adopted_by_hand(rig)
        await rig.until(lambda: not behind.trouble, 2 * RENEWAL_S)
        assert await rig.store.gaps("report")  # While the other's definition is in force.
    await asyncio.sleep(200)
    assert len(rig.handlers.entered) == before
    await asyncio.sleep(220)
    assert len(rig.handlers.entered) > before
    assert_nothing_ran_twice(rig)


async def assert_what_ran_does_not_run_again(rig: Rig) -> None:
    before = len(rig.handlers.entered)
    await asyncio.sleep(480)
    assert len(rig.handlers.entered) > before
    assert_nothing_ran_twice(rig)


async def test_no_tick_runs_again_when_the_job_is_removed_and_a_fresh_instance_declares_it(
    rig: Rig, behind: Instance
) -> None:
    await adopted_by_hand(rig)
    await asyncio.sleep(2 * RENEWAL_S)
    await remove(rig.store, "report", Order("remove", "ops", "moved"))
    async with rig.at_work(job(rig.handlers.quick)):
        await assert_what_ran_does_not_run_again(rig)


@pytest.fixture
async def emptied(rig: Rig) -> AsyncGenerator[None]:
    """An instance ran a job until its store was emptied, and has stopped; the clock is right."""
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(600)
        rig.store.empty()
        await stopped(rig, instance)
        yield


async def test_no_tick_runs_again_that_ran_in_a_store_which_was_lost_before_anybody_adopted_it(
    rig: Rig, emptied: None
) -> None:
    """Whoever knew the one before it has only seen its time."""
    rig.clock.leap(300_000)
    async with rig.at_work(job(rig.handlers.quick)):  # It came after the reset.
        await asyncio.sleep(120)
    rig.clock.leap(-300_000)
    rig.store.empty()
    await asyncio.sleep(2 * RENEWAL_S)
    await adopted_by_hand(rig)
    await assert_what_ran_does_not_run_again(rig)


async def test_the_clock_of_a_store_in_which_nobody_worked_holds_nothing_back(
    rig: Rig, emptied: None
) -> None:
    """As when a server comes up empty, and its clock is set right before somebody adopts it."""
    rig.clock.leap(3_600_000)
    await asyncio.sleep(2 * RENEWAL_S)
    rig.clock.leap(-3_600_000)
    await asyncio.sleep(2 * RENEWAL_S)
    before = len(rig.handlers.entered)
    await adopted_by_hand(rig)
    await asyncio.sleep(180)
    assert len(rig.handlers.entered) > before


async def declared_by_one_that_knows_less(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        pass


async def test_no_tick_runs_again_when_a_fresh_instance_is_the_first_to_declare_its_job(
    rig: Rig, behind: Instance
) -> None:
    rig.store.next("sync_jobs", first(lambda: declared_by_one_that_knows_less(rig)))
    await adopted_by_hand(rig)
    await assert_what_ran_does_not_run_again(rig)


async def test_nothing_is_claimed_before_all_that_ran_is_settled(
    rig: Rig, behind: Instance
) -> None:
    rig.store.next("sync_jobs", first(lambda: declared_by_one_that_knows_less(rig)))
    rig.store.next("settle", late_request(90))
    await adopted_by_hand(rig)
    await assert_what_ran_does_not_run_again(rig)


async def test_what_is_settled_in_a_store_that_is_replaced_meanwhile_is_settled_in_the_next(
    rig: Rig, behind: Instance
) -> None:
    async def replaced(call: Callable[[], Awaitable[Answer]]) -> Answer:
        old = rig.store.copy()
        answer = await call()
        rig.store.restore(old)
        id_seen = (await MemoryStore.open(rig.store)).id
        await adopt(rig.store, id_seen, Order("again", "ops", "restored"))
        await asyncio.sleep(2 * RENEWAL_S)
        return answer

    rig.store.next("sync_jobs", first(lambda: declared_by_one_that_knows_less(rig)))
    rig.store.next("settle", replaced)
    await adopted_by_hand(rig)
    await assert_what_ran_does_not_run_again(rig)


async def test_no_tick_runs_again_when_it_is_declared_with_more_jitter(rig: Rig) -> None:
    """By when it was due an instance cannot tell whether it has run: another definition may say so."""
    jitter = timedelta(seconds=59)
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await rig.next_due()
        await asyncio.sleep(0.1)
        due = due_of(EACH_MINUTE, "report", rig.handlers.entered[-1].fire_time, jitter)
        assert due.timestamp() * 1000 > rig.clock.wall_ms()
        rig.clock.leap(-50_000)
        await asyncio.sleep(2 * TTL_S)
        rig.store.empty()
        await stopped(rig, anna)
        async with rig.at_work(job(rig.handlers.quick, jitter=jitter)):
            await adopted_by_hand(rig)
            await rig.until(lambda: not anna.trouble, 2 * TTL_S)
            assert await rig.store.gaps("report")
        before = len(rig.handlers.entered)
        await asyncio.sleep(420)
    assert len(rig.handlers.entered) > before
    assert_nothing_ran_twice(rig)
