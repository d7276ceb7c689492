"""Ticks that take the place of those under way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Claim, Outcome, Reason, RunId, RunState, SessionId
from cronfleet.store import CANCEL, CancelAsked, Granted, IfActive, PendingClaim, Store, Waiting
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.conformance.cancels import cancels
from cronfleet.testing.conformance.hints import SOON_S
from cronfleet.testing.conformance.overlap import pending, waiting_tick
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    TWO_PM,
    completed,
    granted,
    join,
    joined,
    order,
    renew,
    report,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)

ONE, TWO = RunId("report", ONE_PM), RunId("report", TWO_PM)


class ReplaceTests(StoreTests):
    @pytest.fixture
    async def dora(self, store: Store, clock: ManualClock, anna: SessionId) -> SessionId:
        """It is two o'clock, and noon's tick has yet to be claimed."""
        clock.leap(timedelta(hours=2))
        renew(store, anna)
        return await join(store, "dora")

    @pytest.fixture
    async def replaced(self, store: Store, anna: SessionId, dora: SessionId) -> Claim:
        """The tick of noon, started by anna."""
        return await started(store, anna, await granted(store, anna, tick()))

    async def test_the_holder_of_the_active_tick_is_asked_and_the_new_one_waits_for_its_end(
        self, store: Store, anna: SessionId, dora: SessionId, replaced: Claim
    ) -> None:
        assert await store.claim(dora, [waiting_tick(ONE_PM, IfActive.REPLACE)]) == [Waiting()]
        assert cancels(store, anna) == [CancelAsked(replaced.run, replaced.token)]
        assert (await the_job(store)).active == 1
        await completed(store, replaced, Outcome.CANCELLED)
        run = await the_run(store, replaced.run)
        assert run.error == f"asked to cancel, replaced by {ONE}"
        assert await pending(store) == [ONE]

    async def test_one_that_nobody_has_started_is_cancelled_and_the_new_one_granted(
        self, store: Store, anna: SessionId, dora: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        granted_one = await granted(store, dora, waiting_tick(ONE_PM, IfActive.REPLACE))
        run, job = await the_run(store, claim.run), await the_job(store)
        assert (run.state, run.error) == (RunState.CANCELLED, f"cancelled, replaced by {ONE}")
        assert (granted_one.run, job.active) == (ONE, 1)

    async def test_a_retry_that_waits_for_its_time_is_cancelled(
        self, store: Store, dora: SessionId, replaced: Claim
    ) -> None:
        await completed(store, replaced, Outcome.FAILED, retry_in_ms=60_000)
        await granted(store, dora, waiting_tick(ONE_PM, IfActive.REPLACE))
        assert (await the_run(store, replaced.run)).state is RunState.CANCELLED

    async def test_a_third_tick_takes_the_place_of_the_second(
        self, store: Store, anna: SessionId, dora: SessionId, replaced: Claim
    ) -> None:
        items = [waiting_tick(each, IfActive.REPLACE) for each in (ONE_PM, TWO_PM)]
        assert await store.claim(dora, items) == [Waiting(), Waiting()]
        second = await the_run(store, ONE)
        assert (second.state, second.reason) == (RunState.SKIPPED, Reason.OVERLAP)
        assert len(cancels(store, anna)) == 1
        await completed(store, replaced, Outcome.CANCELLED)
        assert await pending(store) == [TWO]

    async def test_of_two_in_one_claim_the_second_takes_the_place_of_the_first(
        self, store: Store, dora: SessionId
    ) -> None:
        items = [waiting_tick(each, IfActive.REPLACE) for each in (NOON, ONE_PM)]
        answers = await store.claim(dora, items)
        assert [isinstance(each, Granted) for each in answers] == [True, True]
        first = await the_run(store, RunId("report", NOON))
        assert (first.state, (await the_job(store)).active) == (RunState.CANCELLED, 1)

    async def test_what_a_person_asked_for_is_not_cancelled(
        self, store: Store, anna: SessionId, dora: SessionId
    ) -> None:
        by_hand = await triggered(store)
        await started(store, anna, await granted(store, anna, PendingClaim(by_hand)))
        assert await store.claim(dora, [waiting_tick(NOON, IfActive.REPLACE)]) == [Waiting()]
        assert cancels(store, anna) == []

    async def test_what_waits_by_hand_goes_on_before_it(
        self, store: Store, anna: SessionId, dora: SessionId
    ) -> None:
        await granted(store, anna, tick())
        by_hand = await triggered(store)
        assert await store.claim(dora, [waiting_tick(ONE_PM, IfActive.REPLACE)]) == [Waiting()]
        assert await pending(store) == [by_hand]
        assert (await the_job(store)).active == 1

    async def test_only_the_oldest_ends_where_several_may_be_active(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(limit=2))
        clock.leap(timedelta(hours=3))
        renew(store, anna)
        for each in (NOON, ONE_PM):
            await started(store, anna, await granted(store, anna, tick(fire_time=each)))
        for each in (TWO_PM, TWO_PM + HOUR_MS):
            await store.claim(anna, [waiting_tick(each, IfActive.REPLACE)])
        assert [each.run for each in cancels(store, anna)] == [RunId("report", NOON)]

    async def test_above_a_limit_that_was_lowered_as_many_end_as_there_must_be_room_for_one(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(limit=3))
        clock.leap(timedelta(hours=3))
        renew(store, anna)
        first = await started(store, anna, await granted(store, anna, tick()))
        for each in (ONE_PM, TWO_PM):
            await granted(store, anna, tick(fire_time=each))
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, limit=1)])
        last = waiting_tick(TWO_PM + HOUR_MS, IfActive.REPLACE, generation=2)
        assert await store.claim(anna, [last]) == [Waiting()]
        assert [each.run for each in cancels(store, anna)] == [first.run]
        states = [(await the_run(store, run)).state for run in (ONE, TWO)]
        assert states == [RunState.CANCELLED, RunState.CANCELLED]

    async def test_below_the_limit_nothing_is_cancelled(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(limit=2))
        clock.leap(timedelta(hours=1))
        renew(store, anna)
        first = await granted(store, anna, tick())
        await granted(store, anna, waiting_tick(ONE_PM, IfActive.REPLACE))
        assert (await the_run(store, first.run)).state is RunState.CLAIMED

    async def test_an_operator_has_asked_before_and_no_other_is_asked(
        self, store: Store, anna: SessionId, dora: SessionId, replaced: Claim
    ) -> None:
        await store.cancel(replaced.run, order(who="ops", why=""))
        await store.claim(dora, [waiting_tick(ONE_PM, IfActive.REPLACE)])
        assert (await the_run(store, replaced.run)).error == "asked to cancel by ops"

    async def test_whoever_holds_it_hears_a_hint(
        self, store: Store, dora: SessionId, replaced: Claim
    ) -> None:
        hints = store.hints(CANCEL)
        await store.claim(dora, [waiting_tick(ONE_PM, IfActive.REPLACE)])
        await asyncio.wait_for(hints.next(), SOON_S)
        hints.close()
