"""A store that was emptied, restored or replaced under instances at work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from cronfleet.model import Gap, Reason, RunState
from tests.unit.engine.resetting import (
    RENEWAL_S,
    adopted_by_hand,
    assert_nothing_ran_twice,
    stopped,
)
from tests.unit.engine.rig import EACH_SECOND, TTL_S, Rig, job
from tests.unit.engine.scripted_store import Answer, gone, late_answer
from tests.virtual_time import START_MS

MINUTE_MS = 60_000
AN_HOUR_S = 3_600


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


# --- emptied


async def test_an_emptied_store_stops_all_and_its_adoption_goes_on(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick) as anna, rig.at_work(quick) as bert:
        await asyncio.sleep(301)
        assert len(rig.handlers.entered) == 5
        rig.store.empty()
        await stopped(rig, anna, bert)
        assert said(caplog, "claiming stopped") == 2
        assert "`cronfleet store adopt`" in anna.trouble
        await asyncio.sleep(300)
        assert len(rig.handlers.entered) == 5
        await adopted_by_hand(rig)
        await rig.until(lambda: not anna.trouble and not bert.trouble, 2 * RENEWAL_S)
        assert said(caplog, "the store was adopted: going on") == 2
        assert len(await rig.store.instances()) == 2
        await asyncio.sleep(300)
    assert len(rig.handlers.entered) == 10
    assert_nothing_ran_twice(rig)
    assert [each.verb for each in await rig.store.audit()] == ["adopt"]


async def test_a_store_that_is_emptied_while_an_instance_joins_can_be_adopted(rig: Rig) -> None:
    async def emptied(call: Callable[[], Awaitable[Answer]]) -> Answer:
        rig.store.empty()
        raise gone("it restarts")

    rig.store.next("join", emptied)
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await stopped(rig, instance)
        await adopted_by_hand(rig)
        await rig.until_run(RunState.SUCCEEDED)


async def test_with_continue_an_instance_adopts_an_emptied_store_itself_and_says_so(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    quick = job(rig.handlers.quick, schedule=EACH_SECOND)
    async with (
        rig.at_work(quick, adopts=True) as anna,
        rig.at_work(quick, adopts=True) as bert,
        rig.at_work(quick) as cara,
    ):
        await asyncio.sleep(30)
        rig.store.empty()
        await asyncio.sleep(4 * RENEWAL_S)
        assert [each.trouble for each in (anna, bert, cara)] == ["", "", ""]
        before = len(rig.handlers.entered)
        await asyncio.sleep(30)
        assert len(rig.handlers.entered) >= before + 29
    assert_nothing_ran_twice(rig)
    assert said(caplog, "adopting the store without a person") >= 1
    (record,) = await rig.store.audit()
    assert (record.verb, record.who, record.why) == ("adopt", "anna", "on_store_reset")


async def test_a_handler_at_work_while_the_store_is_emptied_ends_and_its_outcome_is_refused(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.at_work(job(rig.handlers.gated)) as anna:
        await rig.until(lambda: bool(rig.handlers.entered))
        rig.store.empty()
        await stopped(rig, anna)
        rig.handlers.gate.set()
        await rig.until(lambda: bool(rig.handlers.ended))
        await rig.until(lambda: bool(said(caplog, "came too late")))


# --- restored


async def test_an_old_copy_stops_all_and_after_its_adoption_no_settled_tick_runs_again(
    rig: Rig,
) -> None:
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick) as anna, rig.at_work(quick) as bert:
        await asyncio.sleep(90)
        backup = rig.store.copy()
        await asyncio.sleep(600)
        before = len(rig.handlers.entered)
        rig.store.restore(backup)
        await stopped(rig, anna, bert)
        await asyncio.sleep(120)
        assert len(rig.handlers.entered) == before
        done = await adopted_by_hand(rig)
        assert (done.jobs_settled, done.runs_cancelled) == (1, 0)
        await asyncio.sleep(120)
        assert (anna.trouble, bert.trouble) == ("", "")
    assert len(rig.handlers.entered) == before + 2
    assert_nothing_ran_twice(rig)
    (record,) = await rig.store.gaps("report")
    first = START_MS + 2 * MINUTE_MS
    assert record.gap == Gap(first, first + 11 * MINUTE_MS, 12, Reason.BY_HAND)


async def test_sessions_that_are_not_in_the_old_copy_see_it_when_they_join_anew(rig: Rig) -> None:
    quick = job(rig.handlers.quick)
    await rig.declare(quick)
    await asyncio.sleep(TTL_S)
    backup = rig.store.copy()
    async with rig.at_work(quick) as anna:
        await asyncio.sleep(300)
        before = len(rig.handlers.entered)
        rig.store.restore(backup)
        await stopped(rig, anna)
        await asyncio.sleep(300)
        assert len(rig.handlers.entered) == before
        await adopted_by_hand(rig)
        await asyncio.sleep(120)
    assert len(rig.handlers.entered) == before + 2
    assert_nothing_ran_twice(rig)


async def test_what_waits_in_an_old_copy_is_cancelled_and_what_was_started_is_swept(
    rig: Rig,
) -> None:
    async with rig.at_work(job(rig.handlers.gated)) as anna:
        await rig.until_run(RunState.STARTED)
        await rig.trigger()
        await asyncio.sleep(5)
        backup = rig.store.copy()
        rig.handlers.gate.set()
        await asyncio.sleep(600)
        rig.store.restore(backup)
        await stopped(rig, anna)
        before = len(rig.handlers.entered)
        states = [run.state for run in await rig.runs()]
        assert states == [RunState.WAITING, RunState.STARTED]
        assert (await adopted_by_hand(rig)).runs_cancelled == 1
        await asyncio.sleep(2 * TTL_S)
        states = [run.state for run in (await rig.runs())[-2:]]
        assert states == [RunState.CANCELLED, RunState.LOST]
        assert len(rig.handlers.entered) == before
        await asyncio.sleep(60)
        assert len(rig.handlers.entered) > before
    assert_nothing_ran_twice(rig)


async def test_with_continue_an_instance_adopts_an_old_copy_itself(rig: Rig) -> None:
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick, adopts=True) as anna, rig.at_work(quick, adopts=True) as bert:
        await asyncio.sleep(90)
        backup = rig.store.copy()
        await asyncio.sleep(AN_HOUR_S)
        before = len(rig.handlers.entered)
        rig.store.restore(backup, epoch=1)
        await asyncio.sleep(120)
        assert (anna.trouble, bert.trouble) == ("", "")
    assert len(rig.handlers.entered) >= before + 1
    assert_nothing_ran_twice(rig)


async def test_a_claim_that_was_answered_by_an_old_copy_is_not_begun(rig: Rig) -> None:
    """Its request was on the way when the renewal told what the store is."""
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(50)
        rig.store.next("claim", late_answer(0.5))
        await rig.until(lambda: rig.store.calls["claim"] == 1)
        anna._session._succession.trouble = "told by a renewal"
        await rig.until_run(RunState.PENDING, within_s=0.6)
        assert rig.handlers.entered == []


async def test_a_start_that_was_answered_by_an_old_copy_enters_no_handler(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(50)
        rig.store.next("start", late_answer(0.5))
        await rig.until(lambda: rig.store.calls["start"] == 1)
        anna._session._succession.trouble = "told by a renewal"
        await rig.until_run(RunState.LOST, within_s=0.6)
        assert rig.handlers.entered == []


# --- what is no reset


async def test_a_failover_that_lost_seconds_goes_on_and_says_what_it_lost(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(90)
        backup = rig.store.copy()
        await asyncio.sleep(5)
        rig.store.restore(backup, epoch=1)
        await asyncio.sleep(60)
        assert anna.trouble == ""
    assert len(rig.handlers.entered) == 2
    assert said(caplog, "a failover lost about the last") == 1


async def test_an_old_copy_of_seconds_ago_in_the_same_epoch_is_no_failover(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(90)
        backup = rig.store.copy()
        await asyncio.sleep(5)
        rig.store.restore(backup)
        await stopped(rig, anna)


async def test_a_failover_that_lost_minutes_is_an_old_copy(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(90)
        backup = rig.store.copy()
        await asyncio.sleep(90)
        rig.store.restore(backup, epoch=1)
        await stopped(rig, anna)


async def test_a_fleet_of_rare_jobs_is_not_stopped_by_a_failover_that_lost_its_last_claim(
    rig: Rig,
) -> None:
    """The token went back by an hour, the store by seconds."""
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        backup = rig.store.copy()
        await asyncio.sleep(1)
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
        rig.store.restore(backup, epoch=1)
        await asyncio.sleep(2 * RENEWAL_S)
        assert anna.trouble == ""


async def test_the_right_store_put_back_is_gone_on_with(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(90)
        right = rig.store.copy()
        rig.store.empty()
        await stopped(rig, anna)
        rig.store.restore(right, epoch=1)
        await asyncio.sleep(100)
        assert anna.trouble == ""
        assert len(rig.handlers.entered) >= 2
    assert said(caplog, "the store is the one it was again") == 1
    assert_nothing_ran_twice(rig)


async def test_one_that_slept_through_the_reset_goes_on_with_the_adopted_store(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as anna:
        await asyncio.sleep(90)
        rig.store.empty()
        await adopted_by_hand(rig)
        await asyncio.sleep(90)
        assert anna.trouble == ""
        assert len(rig.handlers.entered) >= 2
    assert [each.levelno for each in caplog.records].count(logging.ERROR) == 0
    assert_nothing_ran_twice(rig)


async def test_an_adoption_while_all_is_well_costs_nothing_but_a_session(rig: Rig) -> None:
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick) as anna, rig.at_work(quick):
        await asyncio.sleep(90)
        await adopted_by_hand(rig)
        await asyncio.sleep(120)
        assert anna.trouble == ""
        assert len(await rig.store.instances()) == 2
    assert len(rig.handlers.entered) == 3
    assert_nothing_ran_twice(rig)
