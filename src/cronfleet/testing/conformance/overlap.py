"""Ticks that find their job at its limit, and runs that wait for room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Claim, Gap, Kind, Outcome, Reason, RunId, RunState, SessionId
from cronfleet.store import (
    MOST_MADE,
    MOST_SHARDS,
    MOST_WAITING,
    Granted,
    IfActive,
    NotGranted,
    PendingClaim,
    Skipped,
    Store,
    TickClaim,
    Waiting,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    TWO_PM,
    bury,
    completed,
    fire,
    granted,
    join,
    joined,
    order,
    report,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)

TICKS = (NOON, ONE_PM, TWO_PM)
WANTED_UNTIL = TWO_PM + HOUR_MS
AT_ONCE = 200


def waiting_tick(
    fire_time: int,
    if_active: IfActive = IfActive.WAIT_ALL,
    until: int | None = WANTED_UNTIL,
    generation: int = 1,
) -> TickClaim:
    """The claim of an hourly tick that waits if its job is at its limit."""
    item = tick(fire_time=fire_time, generation=generation)
    return replace(item, if_active=if_active, wanted_until=until)


async def pending(store: Store) -> list[RunId]:
    return [each.run for each in (await store.peek(PROGRAM, limit=9)).pending]


async def states(store: Store, *fire_times: int) -> list[tuple[RunState, Reason | None]]:
    runs = [await the_run(store, RunId("report", each)) for each in fire_times]
    return [(run.state, run.reason) for run in runs]


class OverlapTests(StoreTests):
    @pytest.fixture
    async def running(self, store: Store, clock: ManualClock, anna: SessionId) -> Claim:
        """The tick of noon, started by anna; it is two o'clock."""
        claim = await started(store, anna, await granted(store, anna, tick()))
        clock.leap(timedelta(hours=2))
        return claim

    @pytest.fixture
    async def cora(self, store: Store, running: Claim) -> SessionId:
        return await join(store, "cora")

    async def test_at_the_limit_a_tick_that_may_wait_is_settled_and_its_run_waits(
        self, store: Store, cora: SessionId
    ) -> None:
        assert await store.claim(cora, [waiting_tick(ONE_PM)]) == [Waiting()]
        run, job = await the_run(store, RunId("report", ONE_PM)), await the_job(store)
        assert (run.kind, run.state, run.session) == (Kind.TICK, RunState.WAITING, None)
        assert (run.created_at, run.wanted_until, run.reason) == (TWO_PM, WANTED_UNTIL, None)
        assert (job.active, job.watermark, job.expected) == (1, ONE_PM, fire(TWO_PM))
        assert (await pending(store), await store.gaps("report")) == ([], [])

    async def test_below_the_limit_it_is_granted(self, store: Store, anna: SessionId) -> None:
        claim = await granted(store, anna, waiting_tick(NOON))
        run = await the_run(store, claim.run)
        assert (run.state, run.wanted_until) == (RunState.CLAIMED, None)

    async def test_of_many_rivals_at_the_limit_exactly_one_makes_the_tick_wait(
        self, store: Store, cora: SessionId
    ) -> None:
        rivals = [await join(store, f"rival-{n}") for n in range(20)]
        item = waiting_tick(ONE_PM)
        answers = [
            answer for (answer,) in await asyncio.gather(*(store.claim(r, [item]) for r in rivals))
        ]
        assert answers.count(Waiting()) == 1
        assert answers.count(NotGranted.LOST) == len(rivals) - 1

    async def test_the_newest_tick_waits_in_the_place_of_one_that_waited_before(
        self, store: Store, cora: SessionId
    ) -> None:
        for each in (ONE_PM, TWO_PM):
            await store.claim(cora, [waiting_tick(each, IfActive.WAIT)])
        replaced = await the_run(store, RunId("report", ONE_PM))
        assert (replaced.state, replaced.reason) == (RunState.SKIPPED, Reason.OVERLAP)
        assert (replaced.ended_at, replaced.wanted_until) == (TWO_PM, None)
        assert await states(store, TWO_PM) == [(RunState.WAITING, None)]

    async def test_so_it_does_when_both_stand_in_one_claim(
        self, store: Store, cora: SessionId, running: Claim
    ) -> None:
        items = [waiting_tick(each, IfActive.WAIT) for each in (ONE_PM, TWO_PM)]
        assert await store.claim(cora, items) == [Waiting(), Waiting()]
        await completed(store, running, Outcome.SUCCEEDED)
        assert await pending(store) == [RunId("report", TWO_PM)]

    async def test_what_a_person_asked_for_is_not_replaced_by_a_tick(
        self, store: Store, cora: SessionId
    ) -> None:
        by_hand = await triggered(store)
        await store.claim(cora, [waiting_tick(ONE_PM, IfActive.WAIT)])
        assert (await the_run(store, by_hand)).state is RunState.WAITING

    async def test_all_that_wait_go_on_in_order_one_after_the_other(
        self, store: Store, cora: SessionId, running: Claim
    ) -> None:
        await store.claim(cora, [waiting_tick(each) for each in (ONE_PM, TWO_PM)])
        by_hand = await triggered(store)
        went_on: list[RunId] = []
        for _ in range(3):
            await completed(store, running, Outcome.SUCCEEDED)
            (run,) = await pending(store)
            went_on.append(run)
            running = await started(store, cora, await granted(store, cora, PendingClaim(run)))
        assert went_on == [RunId("report", ONE_PM), RunId("report", TWO_PM), by_hand]
        assert (await the_job(store)).active == 1

    async def test_as_many_go_on_as_there_is_room_for(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(limit=2))
        clock.leap(timedelta(hours=3))
        cora = await join(store, "cora")
        items = [waiting_tick(each) for each in (*TICKS, TWO_PM + HOUR_MS)]
        answers = await store.claim(cora, items)
        assert [isinstance(each, Granted) for each in answers] == [True, True, False, False]
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, limit=4)])
        assert len(await pending(store)) == 2
        assert (await the_job(store)).active == 4

    async def test_of_very_much_room_a_part_is_given_by_the_end_of_a_run(
        self, store: Store, clock: ManualClock
    ) -> None:
        """No step makes more than so many runs, shards counted."""
        most = MOST_MADE // MOST_SHARDS
        anna = await joined(store, "anna", report(shards=MOST_SHARDS))
        claim = await granted(store, anna, tick())
        hours = [NOON - n * HOUR_MS for n in range(1, most + 3)]
        await store.backfill("report", hours, order(), again=False)
        roomy = report(edition=2, limit=2 * most, shards=MOST_SHARDS)
        await store.sync_jobs(anna, PROGRAM, [roomy])
        assert (await the_job(store)).active == 1 + most
        await store.cancel(claim.run.whole, order())
        assert (await the_job(store)).active == most + 2

    @pytest.mark.parametrize("outcome", Outcome)
    async def test_every_end_of_a_run_makes_room(
        self, store: Store, cora: SessionId, running: Claim, outcome: Outcome
    ) -> None:
        await store.claim(cora, [waiting_tick(ONE_PM)])
        await completed(store, running, outcome)
        run = await the_run(store, RunId("report", ONE_PM))
        assert (run.state, run.not_before, run.wanted_until) == (RunState.PENDING, TWO_PM, None)
        assert (await the_job(store)).active == 1

    async def test_the_sweep_of_a_lost_run_makes_room(
        self, store: Store, clock: ManualClock, anna: SessionId, cora: SessionId
    ) -> None:
        await store.claim(cora, [waiting_tick(ONE_PM)])
        await bury(store, clock, anna)
        assert await pending(store) == [RunId("report", ONE_PM)]

    async def test_a_retry_and_a_release_make_none(
        self, store: Store, cora: SessionId, running: Claim
    ) -> None:
        await store.claim(cora, [waiting_tick(ONE_PM)])
        await completed(store, running, Outcome.FAILED, retry_in_ms=0)
        again = await granted(store, cora, PendingClaim(running.run))
        await store.release([again])
        assert await pending(store) == [running.run]
        assert await states(store, ONE_PM) == [(RunState.WAITING, None)]

    @pytest.mark.parametrize(("late_ms", "state"), [(0, RunState.PENDING), (1, RunState.SKIPPED)])
    async def test_promoted_too_late_it_is_skipped(
        self,
        store: Store,
        clock: ManualClock,
        cora: SessionId,
        running: Claim,
        *,
        late_ms: int,
        state: RunState,
    ) -> None:
        await store.claim(cora, [waiting_tick(ONE_PM, until=TWO_PM + 5_000)])
        clock.advance(timedelta(milliseconds=5_000 + late_ms))
        await completed(store, running, Outcome.SUCCEEDED)
        reason = Reason.MISFIRE if late_ms else None
        assert await states(store, ONE_PM) == [(state, reason)]

    async def test_the_first_that_is_still_wanted_goes_on(
        self, store: Store, clock: ManualClock, cora: SessionId, running: Claim
    ) -> None:
        items = [waiting_tick(ONE_PM, until=TWO_PM), waiting_tick(TWO_PM)]
        await store.claim(cora, items)
        by_hand = await triggered(store)
        clock.advance(timedelta(milliseconds=1))
        await completed(store, running, Outcome.SUCCEEDED)
        assert await pending(store) == [RunId("report", TWO_PM)]
        assert (await the_run(store, by_hand)).state is RunState.WAITING
        assert await states(store, ONE_PM) == [(RunState.SKIPPED, Reason.MISFIRE)]

    async def test_when_none_is_wanted_any_more_the_room_stays(
        self, store: Store, clock: ManualClock, cora: SessionId, running: Claim
    ) -> None:
        await store.claim(cora, [waiting_tick(each, until=TWO_PM) for each in (ONE_PM, TWO_PM)])
        clock.advance(timedelta(milliseconds=1))
        await completed(store, running, Outcome.SUCCEEDED)
        assert (await pending(store), (await the_job(store)).active) == ([], 0)

    async def test_in_a_pause_what_waits_goes_on(
        self, store: Store, cora: SessionId, running: Claim
    ) -> None:
        await store.claim(cora, [waiting_tick(ONE_PM)])
        await store.pause("report", order())
        await completed(store, running, Outcome.SUCCEEDED)
        assert await pending(store) == [RunId("report", ONE_PM)]

    async def test_so_many_may_wait_and_further_ticks_are_gaps(
        self, store: Store, clock: ManualClock, running: Claim
    ) -> None:
        last = NOON + (MOST_WAITING + 2) * HOUR_MS
        clock.leap(timedelta(milliseconds=last - TWO_PM))
        cora = await join(store, "cora")
        items = [waiting_tick(each, until=None) for each in range(ONE_PM, last + 1, HOUR_MS)]
        answers: list[object] = []
        for first in range(0, len(items), AT_ONCE):  # All at once take longer than a call may.
            answers += await store.claim(cora, items[first : first + AT_ONCE])
        overlap = Skipped(Reason.OVERLAP)
        assert answers == [Waiting()] * MOST_WAITING + [overlap, overlap]
        (gap,) = await store.gaps("report")
        assert gap.gap == Gap(last - HOUR_MS, last, 2, Reason.OVERLAP)

    async def test_the_end_of_a_run_and_a_rivals_claim_leave_no_tick_behind(
        self, store: Store, clock: ManualClock, cora: SessionId, running: Claim
    ) -> None:
        """Whichever comes first: there is one active run, and it is the tick's."""

        async def claimed() -> None:
            for _ in range(1_000):  # It may be in the other's hand: instances come again, too.
                if await store.claim(cora, [waiting_tick(ONE_PM)]) != [NotGranted.LOST]:
                    break

        await asyncio.gather(claimed(), completed(store, running, Outcome.SUCCEEDED))
        state = (await the_run(store, RunId("report", ONE_PM))).state
        assert state in {RunState.PENDING, RunState.CLAIMED}
        assert (await the_job(store)).active == 1
