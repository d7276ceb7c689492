"""Runs that are cancelled: where nobody has started them, and by whoever holds them."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Claim, OnLost, Outcome, RunId, RunState, SessionId
from cronfleet.store import (
    CANCEL,
    CancelAsked,
    IfActive,
    NotGranted,
    Order,
    Ordered,
    PendingClaim,
    Recorded,
    Start,
    Store,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.conformance.hints import SOON_S
from cronfleet.testing.samples import (
    NOON,
    PROGRAM,
    bury,
    completed,
    granted,
    join,
    joined,
    order,
    report,
    start_id,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)


def cancels(store: Store, session: SessionId) -> list[CancelAsked]:
    """What the answer to a renewal asks the session to cancel."""
    with closing(store.renewer()) as renewer:
        renewal = renewer.renew(session)
    assert renewal is not None
    return list(renewal.cancels)


class CancelTests(StoreTests):
    @pytest.fixture
    async def under_way(self, store: Store, anna: SessionId) -> Claim:
        return await started(store, anna, await granted(store, anna, tick()))

    async def test_what_nobody_has_started_is_cancelled_and_says_by_whom_and_why(
        self, store: Store, anna: SessionId
    ) -> None:
        run = await triggered(store)
        assert await store.cancel(run, order(who="ops", why="a mistake")) is Ordered.DONE
        cancelled = await the_run(store, run)
        assert (cancelled.state, cancelled.ended_at) == (RunState.CANCELLED, NOON)
        assert cancelled.error == "cancelled by ops: a mistake"
        assert (await the_job(store)).active == 0
        assert list((await store.peek(PROGRAM, limit=9)).pending) == []

    async def test_a_cancelled_claim_is_not_started(self, store: Store, anna: SessionId) -> None:
        claim = await granted(store, anna, tick())
        await store.cancel(claim.run, order())
        assert await store.start(anna, [Start(claim.run, claim.token, start_id())]) == [False]
        assert await store.release([claim]) == [False]
        assert await store.held(anna) == []

    async def test_of_a_start_and_a_cancel_at_once_one_comes_first(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        start = Start(claim.run, claim.token, start_id())
        (is_started,), answer = await asyncio.gather(
            store.start(anna, [start]), store.cancel(claim.run, order())
        )
        assert (is_started, answer) in {(True, Ordered.ASKED), (False, Ordered.DONE)}
        state = (await the_run(store, claim.run)).state
        assert state is (RunState.STARTED if is_started else RunState.CANCELLED)

    async def test_the_holder_of_a_started_run_hears_of_it_with_each_renewal(
        self, store: Store, anna: SessionId, ben: SessionId, under_way: Claim
    ) -> None:
        assert cancels(store, anna) == []
        assert await store.cancel(under_way.run, order()) is Ordered.ASKED
        asked = CancelAsked(under_way.run, under_way.token)
        assert [cancels(store, anna), cancels(store, anna)] == [[asked], [asked]]
        assert cancels(store, ben) == []
        run = await the_run(store, under_way.run)
        assert (run.state, run.cancel_asked_at) == (RunState.STARTED, NOON)

    async def test_when_it_has_ended_it_is_asked_for_no_more(
        self, store: Store, anna: SessionId, under_way: Claim
    ) -> None:
        await store.cancel(under_way.run, order())
        assert await completed(store, under_way, Outcome.CANCELLED) is Recorded.DONE
        assert cancels(store, anna) == []

    async def test_several_are_asked_for_in_the_order_of_their_ids(self, store: Store) -> None:
        names = [f"job-{n}" for n in range(12)]
        anna = await joined(store, "anna", *(report(name) for name in names))
        claims = [await granted(store, anna, tick(name)) for name in names]
        for claim in claims:
            await started(store, anna, claim)
            await store.cancel(claim.run, order())
        assert [each.run.job for each in cancels(store, anna)] == sorted(names)

    async def test_cancelled_by_its_holder_it_says_who_asked_for_it(
        self, store: Store, under_way: Claim
    ) -> None:
        await store.cancel(under_way.run, Order("key", "ops", "why not"))
        await completed(store, under_way, Outcome.CANCELLED)
        run = await the_run(store, under_way.run)
        assert (run.state, run.error) == (RunState.CANCELLED, "asked to cancel by ops: why not")

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
    async def test_what_its_handler_said_is_kept(
        self, store: Store, under_way: Claim, outcome: Outcome
    ) -> None:
        await store.cancel(under_way.run, order())
        await completed(store, under_way, outcome, error="its own words")
        run = await the_run(store, under_way.run)
        assert (run.state.value, run.error) == (outcome.value, "its own words")

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED])
    async def test_asked_to_cancel_it_is_not_tried_again(
        self, store: Store, under_way: Claim, outcome: Outcome
    ) -> None:
        await store.cancel(under_way.run, order())
        await completed(store, under_way, outcome, retry_in_ms=0)
        assert (await the_run(store, under_way.run)).state.value == outcome.value

    async def test_asked_to_cancel_and_lost_it_is_not_run_again(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await started(store, anna, await granted(store, anna, tick()))
        await store.cancel(claim.run, order())
        await bury(store, clock, anna)
        run = await the_run(store, claim.run)
        assert (run.state, run.losses) == (RunState.LOST, 1)

    async def test_every_cancelled_run_makes_room(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        clock.leap(timedelta(hours=1))
        cora = await join(store, "cora")
        later = replace(tick(fire_time=NOON + 3_600_000), if_active=IfActive.WAIT)
        await store.claim(cora, [later])
        await store.cancel(claim.run, order())
        waited = await the_run(store, RunId("report", NOON + 3_600_000))
        assert (waited.state, (await the_job(store)).active) == (RunState.PENDING, 1)
        await store.cancel(waited.id, order())
        assert (await the_job(store)).active == 0

    async def test_a_waiting_run_that_is_cancelled_does_not_go_on(
        self, store: Store, anna: SessionId, under_way: Claim
    ) -> None:
        first, second = await triggered(store), await triggered(store)
        await store.cancel(first, order())
        await completed(store, under_way, Outcome.SUCCEEDED)
        assert [each.run for each in (await store.peek(PROGRAM, limit=9)).pending] == [second]
        assert (await the_run(store, first)).state is RunState.CANCELLED

    async def test_a_cancelled_tick_does_not_come_back(self, store: Store, anna: SessionId) -> None:
        claim = await granted(store, anna, tick())
        await store.cancel(claim.run, order())
        for item in (tick(), PendingClaim(claim.run)):
            assert await store.claim(anna, [item]) == [NotGranted.LOST]

    async def test_what_has_ended_stays_as_it_is(self, store: Store, under_way: Claim) -> None:
        await completed(store, under_way, Outcome.SUCCEEDED)
        before = await the_run(store, under_way.run)
        assert await store.cancel(under_way.run, order()) is Ordered.ENDED
        assert (await the_run(store, under_way.run), await store.audit()) == (before, [])

    async def test_that_a_holder_is_asked_is_hinted_at(
        self, store: Store, under_way: Claim
    ) -> None:
        hints = store.hints(CANCEL)
        await store.cancel(under_way.run, order())
        await asyncio.wait_for(hints.next(), SOON_S)
        hints.close()
