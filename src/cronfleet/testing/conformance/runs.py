"""Runs in somebody's hands: started, completed, swept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Claim,
    JobState,
    OnLost,
    Outcome,
    Reason,
    RunState,
    SessionId,
)
from cronfleet.store import PendingClaim, Recorded, Start, Store, TickClaim
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    NOON,
    TTL,
    bury,
    completed,
    granted,
    join,
    joined,
    report,
    start_id,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)

ENDS = [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED, Outcome.LOST]


class StartTests(StoreTests):
    async def test_only_the_same_start_id_may_be_repeated(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        start = Start(claim.run, claim.token, start_id())
        other = Start(claim.run, claim.token, start_id())
        answers = [(await store.start(anna, [each]))[0] for each in (start, start, other)]
        assert answers == [True, True, False]
        run = await the_run(store, claim.run)
        assert (run.start_id, run.started_at) == (start.start_id, NOON)

    async def test_no_start_comes_before_its_claim_though_the_clock_was_set_back(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.advance(timedelta(milliseconds=500))
        claim = await granted(store, anna, tick())
        clock.leap(timedelta(milliseconds=-500))
        run = await the_run(store, (await started(store, anna, claim)).run)
        assert (run.claimed_at, run.started_at) == (NOON + 500, NOON + 500)

    async def test_an_expired_session_starts_nothing(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        clock.advance(TTL)
        assert await store.start(anna, [Start(claim.run, claim.token, start_id())]) == [False]

    async def test_a_started_run_may_not_be_started_again_after_the_expiry(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        start = Start(claim.run, claim.token, start_id())
        await store.start(anna, [start])
        clock.advance(TTL)
        assert await store.start(anna, [start]) == [False]

    async def test_nobody_starts_what_another_claimed(
        self, store: Store, anna: SessionId, ben: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        assert await store.start(ben, [Start(claim.run, claim.token, start_id())]) == [False]

    async def test_many_starts_are_answered_one_by_one(self, store: Store) -> None:
        names = [f"job-{n}" for n in range(3)]
        anna = await joined(store, "anna", *(report(name) for name in names))
        claims = [await granted(store, anna, tick(name)) for name in names]
        starts = [Start(claim.run, claim.token, start_id()) for claim in claims]
        starts[1] = Start(claims[1].run, claims[1].token + 1, start_id())
        assert await store.start(anna, starts) == [True, False, True]


class CompleteTests(StoreTests):
    @pytest.mark.parametrize("outcome", ENDS)
    async def test_an_outcome_ends_the_run_and_makes_room(
        self, store: Store, clock: ManualClock, anna: SessionId, outcome: Outcome
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        clock.advance(timedelta(seconds=3))
        assert await completed(store, claim, outcome, error="why") is Recorded.DONE
        run = await the_run(store, claim.run)
        assert (run.state, run.outcome, run.ended_at) == (RunState(outcome), outcome, NOON + 3_000)
        assert (run.error, run.session) == ("why", None)
        assert (await the_job(store)).active == 0
        assert await store.held(anna) == []

    @pytest.mark.parametrize("outcome", ENDS)
    async def test_the_same_outcome_again_is_done_and_another_is_not(
        self, store: Store, anna: SessionId, outcome: Outcome
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, claim, outcome)
        assert await completed(store, claim, outcome) is Recorded.DONE
        other = Outcome.SUCCEEDED if outcome is not Outcome.SUCCEEDED else Outcome.FAILED
        late = Recorded.LATE if outcome is Outcome.LOST else Recorded.REFUSED
        assert await completed(store, claim, other) is late
        assert (await the_job(store)).active == 0

    async def test_an_expired_session_may_still_complete(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        clock.advance(10 * TTL)
        assert await completed(store, claim, Outcome.SUCCEEDED) is Recorded.DONE

    async def test_a_retry_is_the_next_attempt_after_the_delay(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        clock.advance(timedelta(seconds=2))
        assert await completed(store, claim, Outcome.FAILED, 5_000, "no") is Recorded.DONE
        run = await the_run(store, claim.run)
        assert (run.state, run.attempt, run.not_before) == (RunState.PENDING, 2, NOON + 7_000)
        assert (run.outcome, run.error, run.start_id) == (Outcome.FAILED, "no", None)
        assert (await the_job(store)).active == 1

    async def test_a_repeated_retry_makes_no_second_attempt(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        answers = [await completed(store, claim, Outcome.FAILED, 5_000) for _ in range(2)]
        assert answers == [Recorded.DONE, Recorded.DONE]
        assert (await the_run(store, claim.run)).attempt == 2

    async def test_a_claim_that_was_never_started_completes_nothing_even_after_a_retry(
        self, store: Store, anna: SessionId
    ) -> None:
        first = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, first, Outcome.FAILED, 0)
        second = await granted(store, anna, PendingClaim(first.run))
        await store.release([second])
        assert await completed(store, second, Outcome.FAILED) is Recorded.REFUSED

    async def test_a_long_error_is_cut(self, store: Store, anna: SessionId) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, claim, Outcome.FAILED, error="x" * 5_000)
        assert (await the_run(store, claim.run)).error == "x" * 2_000

    async def test_the_end_of_a_run_lets_the_oldest_waiting_one_go(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        waiting = [await triggered(store), await triggered(store)]
        clock.advance(timedelta(seconds=1))
        waiting.append(await triggered(store))
        await completed(store, claim, Outcome.SUCCEEDED)
        states = [(await the_run(store, run)).state for run in waiting]
        assert states == [RunState.PENDING, RunState.WAITING, RunState.WAITING]
        assert (await the_job(store)).active == 1
        assert (await the_run(store, waiting[0])).not_before == NOON + 1_000

    async def test_hundreds_of_completions_are_answered_in_order(self, store: Store) -> None:
        names = [f"job-{n}" for n in range(450)]
        anna = await joined(store, "anna", *(report(name) for name in names))
        claims = [await granted(store, anna, tick(name)) for name in names[::50]]
        for claim in claims:
            await started(store, anna, claim)
        answers = [await completed(store, claim, Outcome.SUCCEEDED) for claim in claims]
        assert answers == [Recorded.DONE] * len(claims)


class SweepTests(StoreTests):
    async def test_a_swept_claim_goes_back_and_its_token_is_stale_once_claimed_anew(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        await bury(store, clock, anna)
        run = await the_run(store, claim.run)
        assert (run.state, run.attempt, run.session) == (RunState.PENDING, 1, None)
        assert await store.start(anna, [Start(claim.run, claim.token, start_id())]) == [False]
        ben = await join(store, "ben")
        assert (await granted(store, ben, PendingClaim(claim.run))).token > claim.token

    async def test_a_started_run_of_a_swept_session_is_lost_and_stays_lost(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        """The late outcome is kept beside it: what happened is not unsaid."""
        claim = await started(store, anna, await granted(store, anna, tick()))
        await bury(store, clock, anna)
        assert (await the_job(store)).active == 0
        assert await completed(store, claim, Outcome.SUCCEEDED) is Recorded.LATE
        assert await completed(store, claim, Outcome.FAILED) is Recorded.LATE
        run = await the_run(store, claim.run)
        assert (run.state, run.late_outcome) == (RunState.LOST, Outcome.SUCCEEDED)

    async def test_a_lost_run_that_may_run_again_is_the_next_attempt(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await started(store, anna, await granted(store, anna, tick()))
        await bury(store, clock, anna)
        run = await the_run(store, claim.run)
        assert (run.state, run.attempt, run.losses) == (RunState.PENDING, 2, 1)
        assert await completed(store, claim, Outcome.SUCCEEDED) is Recorded.REFUSED

    async def test_whether_a_lost_run_may_run_again_is_said_by_the_definition_it_was_granted_under(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await started(store, anna, await granted(store, anna, tick()))
        await bury(store, clock, anna)
        ben = await joined(store, "ben", report(edition=2, on_lost=OnLost.ABANDON))
        again = await started(store, ben, await granted(store, ben, PendingClaim(claim.run)))
        assert (await the_run(store, claim.run)).on_lost is OnLost.ABANDON
        await bury(store, clock, ben)
        run = await the_run(store, again.run)
        assert (run.state, run.attempt) == (RunState.LOST, 2)

    async def test_the_third_loss_in_a_row_poisons_the_job(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await self._lose(store, clock, tick())
        for _ in range(2):
            claim = await self._lose(store, clock, PendingClaim(claim.run))
        job = await the_job(store)
        assert (await the_run(store, claim.run)).state is RunState.LOST
        assert (job.state, job.paused_reason, job.generation) == (
            JobState.PAUSED,
            Reason.POISONED,
            2,
        )
        assert str(claim.run) in job.paused_why

    async def test_a_loss_told_by_an_instance_that_lives_poisons_nothing(
        self, store: Store
    ) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await started(store, anna, await granted(store, anna, tick()))
        for _ in range(5):
            await completed(store, claim, Outcome.LOST)
            pending = PendingClaim(claim.run)
            claim = await started(store, anna, await granted(store, anna, pending))
        run, job = await the_run(store, claim.run), await the_job(store)
        assert (run.attempt, run.losses, job.state) == (6, 0, JobState.SCHEDULED)

    async def test_a_failure_between_losses_begins_the_count_anew(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await started(store, anna, await granted(store, anna, tick()))
        await bury(store, clock, anna)
        ben = await joined(store, "ben", report(on_lost=OnLost.RERUN))
        again = await started(store, ben, await granted(store, ben, PendingClaim(claim.run)))
        assert (await the_run(store, claim.run)).losses == 1
        await completed(store, again, Outcome.FAILED, 0)
        assert (await the_run(store, claim.run)).losses == 0

    async def test_a_sweep_takes_no_more_than_it_is_told(self, store: Store) -> None:
        names = [f"job-{n}" for n in range(5)]
        anna = await joined(store, "anna", *(report(name) for name in names))
        for name in names:
            await granted(store, anna, tick(name))
        await store.leave(anna)
        assert [len(await store.sweep(limit=2)) for _ in range(4)] == [2, 2, 1, 0]

    async def _lose(
        self, store: Store, clock: ManualClock, item: TickClaim | PendingClaim
    ) -> Claim:
        session = await join(store, "unlucky")
        claim = await started(store, session, await granted(store, session, item))
        await bury(store, clock, session)
        return claim
