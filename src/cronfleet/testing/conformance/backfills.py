"""Runs made by hand of fire times that have passed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Backfill,
    Gap,
    History,
    Kind,
    Outcome,
    Reason,
    RunId,
    RunState,
    SessionId,
)
from cronfleet.store import (
    MOST_BACKFILLED,
    MOST_WAITING,
    Backfilled,
    Moved,
    Ordered,
    PendingClaim,
    Store,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.conformance.overlap import pending
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    completed,
    granted,
    joined,
    order,
    report,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)

ELEVEN, TEN = NOON - HOUR_MS, NOON - 2 * HOUR_MS
LATER = Backfilled(made=0, had_run=1, paused=False)


async def backfilled(store: Store, *fire_times: int, again: bool = False) -> Backfilled:
    answer = await store.backfill("report", fire_times, order(), again=again)
    assert isinstance(answer, Backfilled)
    return answer


class BackfillTests(StoreTests):
    async def test_a_fire_time_gets_a_run_beside_that_of_its_tick(
        self, store: Store, anna: SessionId
    ) -> None:
        assert await backfilled(store, NOON) == Backfilled(made=1, had_run=0, paused=False)
        run = await the_run(store, RunId("report", NOON, 1))
        assert (run.kind, run.state, run.wanted_until) == (Kind.BACKFILL, RunState.PENDING, None)
        assert (run.created_at, run.not_before, (await the_job(store)).active) == (NOON, NOON, 1)
        await store.cancel(run.id, order())
        assert (await granted(store, anna, tick())).run == RunId("report", NOON)

    async def test_they_go_on_one_after_the_other_by_fire_time(
        self, store: Store, anna: SessionId
    ) -> None:
        await backfilled(store, TEN, ELEVEN)
        await backfilled(store, TEN - HOUR_MS)
        went_on: list[int] = []
        for _ in range(3):
            (run,) = await pending(store)
            went_on.append(run.fire_time)
            claim = await started(store, anna, await granted(store, anna, PendingClaim(run)))
            assert claim.kind is Kind.BACKFILL
            await completed(store, claim, Outcome.SUCCEEDED)
        assert went_on == [TEN, TEN - HOUR_MS, ELEVEN]

    async def test_without_a_limit_all_are_pending_at_once(self, store: Store) -> None:
        await joined(store, "anna", report(limit=0))
        await backfilled(store, TEN, ELEVEN)
        assert (len(await pending(store)), (await the_job(store)).active) == (2, 2)

    @pytest.mark.parametrize("outcome", Outcome)
    async def test_what_has_run_is_passed_over_however_it_ended(
        self, store: Store, anna: SessionId, outcome: Outcome
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, claim, outcome)
        assert await backfilled(store, NOON) == LATER

    async def test_what_may_yet_run_is_passed_over(self, store: Store, anna: SessionId) -> None:
        await backfilled(store, TEN, ELEVEN)
        assert await backfilled(store, TEN, ELEVEN) == replace(LATER, had_run=2)

    async def test_what_was_cancelled_before_it_was_started_has_not_run(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        await store.cancel(claim.run, order())
        assert (await backfilled(store, NOON)).made == 1
        await store.cancel(RunId("report", NOON, 1), order())
        assert (await backfilled(store, NOON)).made == 1
        assert (await the_run(store, RunId("report", NOON, 2))).kind is Kind.BACKFILL

    async def test_a_run_by_hand_at_the_very_fire_time_is_not_its_run(
        self, store: Store, anna: SessionId
    ) -> None:
        by_hand = await triggered(store)
        assert by_hand == RunId("report", NOON, 1)
        assert (await backfilled(store, NOON)).made == 1
        assert (await the_run(store, RunId("report", NOON, 2))).kind is Kind.BACKFILL

    async def test_what_is_to_run_again_does(self, store: Store, anna: SessionId) -> None:
        for number in (1, 2, 3):
            assert (await backfilled(store, ELEVEN, again=True)).made == 1
            assert (await the_run(store, RunId("report", ELEVEN, number))).attempt == 1

    async def test_the_same_key_fills_once(self, store: Store, anna: SessionId) -> None:
        first = await store.backfill("report", [TEN], order("key"), again=True)
        assert await store.backfill("report", [ELEVEN], order("key"), again=True) == first
        assert [run.id.fire_time for run in await store.runs("report")] == [TEN]

    async def test_of_many_at_once_one_makes_the_runs(self, store: Store, anna: SessionId) -> None:
        answers = await asyncio.gather(*(backfilled(store, TEN, ELEVEN) for _ in range(10)))
        assert sorted(answer.made for answer in answers) == [0] * 9 + [2]
        assert len(await store.runs("report")) == 2

    async def test_all_are_made_or_none(self, store: Store, anna: SessionId) -> None:
        step = MOST_BACKFILLED
        times = [NOON - n * HOUR_MS for n in range(1, MOST_WAITING + 3)]
        for at in range(0, MOST_WAITING, step):
            assert (await backfilled(store, *times[at : at + step])).made == step
        before = await the_job(store)
        two = await store.backfill("report", times[-2:], order(), again=False)
        assert (two, await the_job(store)) == (Ordered.FULL, before)
        assert (await backfilled(store, times[-1])).made == 1

    async def test_a_job_that_nobody_knows_is_unknown(self, store: Store, anna: SessionId) -> None:
        answer = await store.backfill("nobody", [TEN], order(), again=False)
        assert (answer, await store.backfills("nobody")) == (Ordered.UNKNOWN, [])

    @pytest.mark.parametrize("count", [0, MOST_BACKFILLED + 1])
    async def test_none_and_too_many_are_the_callers_error(
        self, store: Store, anna: SessionId, count: int
    ) -> None:
        with pytest.raises(ValueError, match="fire times"):
            await store.backfill("report", range(count), order(), again=False)

    async def test_what_was_filled_is_remembered_longer_than_its_runs(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await backfilled(store, TEN, ELEVEN)
        await backfilled(store, NOON)
        for run in await store.runs("report"):
            await store.cancel(run.id, order())
        assert await store.prune({"report": History(successes=0, failures=0)}) == 3
        assert await store.runs("report") == []
        filled = [Backfill(NOON, NOON, NOON), Backfill(TEN, ELEVEN, NOON)]
        assert await store.backfills("report") == filled

    async def test_a_job_knows_the_first_fire_time_that_was_ever_settled(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        assert (await the_job(store)).since == -1
        clock.leap(timedelta(hours=2))
        gap = Gap(NOON, NOON + HOUR_MS, 2, Reason.MISFIRE)
        item = replace(tick(fire_time=NOON + 2 * HOUR_MS, expected=NOON), gap=gap)
        await granted(store, await joined(store, "ben", report()), item)
        assert (await the_job(store)).since == NOON
        last = Gap(NOON + 3 * HOUR_MS, NOON + 3 * HOUR_MS, 1, Reason.BY_HAND)
        await store.skip_next("report", Moved(1, last.first, None, last), order())
        assert (await the_job(store)).since == NOON

    async def test_a_tick_skipped_by_hand_is_settled_like_any_other(
        self, store: Store, anna: SessionId
    ) -> None:
        gap = Gap(NOON, NOON, 1, Reason.BY_HAND)
        await store.skip_next("report", Moved(1, NOON, None, gap), order())
        assert (await the_job(store)).since == NOON

    async def test_a_gap_stays_a_gap(self, store: Store, anna: SessionId) -> None:
        """It tells what became of the tick, not of the fire time."""
        gap = Gap(NOON, NOON, 1, Reason.MISFIRE)
        await store.claim(anna, [replace(tick(), fire_time=None, gap=gap)])
        assert (await backfilled(store, NOON)).made == 1
        assert [record.gap for record in await store.gaps("report")] == [gap]
