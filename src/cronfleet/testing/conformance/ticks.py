"""Ticks: seen when due, claimed once, settled for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Gap, JobState, Kind, Outcome, Reason, RunId, RunState, SessionId
from cronfleet.store import (
    MOST_SOON,
    ClaimItem,
    Granted,
    NotGranted,
    PendingClaim,
    Skipped,
    Store,
    TickClaim,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    TTL,
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

AN_HOUR = timedelta(hours=1)


def misfire(first: int, last: int, count: int) -> Gap:
    return Gap(first, last, count, Reason.MISFIRE)


async def gaps(store: Store, name: str = "report") -> list[Gap]:
    return [record.gap for record in await store.gaps(name)]


class PeekTests(StoreTests):
    async def test_peeking_reserves_nothing(self, store: Store, anna: SessionId) -> None:
        first = await store.peek(PROGRAM, limit=10)
        assert [each.job for each in first.due] == ["report"]
        assert await store.peek(PROGRAM, limit=10) == first

    async def test_what_is_due_soon_and_later_is_told_apart(
        self, store: Store, clock: ManualClock
    ) -> None:
        firsts = {"now": NOON, "soon": NOON + 1, "edge": NOON + 2_000, "later": NOON + 2_001}
        await joined(store, "anna", *(report(name, first=first) for name, first in firsts.items()))
        seen = await store.peek(PROGRAM, limit=10)
        assert [each.job for each in seen.due] == ["now"]
        assert [each.job for each in seen.soon] == ["soon", "edge"]
        assert (seen.now, seen.next_due) == (NOON, NOON + 1)

    async def test_the_soonest_due_comes_first_and_pages_go_on(self, store: Store) -> None:
        firsts = [NOON - 5, NOON - 1, NOON - 9, NOON - 3]
        await joined(store, "anna", *(report(f"at{first}", first=first) for first in firsts))
        pages = [await store.peek(PROGRAM, limit=2, skip=skip) for skip in (0, 2, 4)]
        found = [each.expected.fire_time for page in pages for each in page.due]
        assert found == sorted(firsts)

    async def test_of_what_is_due_soon_the_first_are_seen_whatever_is_passed_over(
        self, store: Store
    ) -> None:
        firsts = [NOON + 1 + n for n in range(MOST_SOON + 2)]
        await joined(store, "anna", *(report(f"at{first}", first=first) for first in firsts))
        for limit, skip, most in ((2, 0, 2), (2, 9, 2), (1_000, 0, MOST_SOON)):
            soon = (await store.peek(PROGRAM, limit, skip)).soon
            assert [each.expected.due for each in soon] == firsts[:most]

    async def test_other_programs_see_nothing_of_ours(self, store: Store, anna: SessionId) -> None:
        await triggered(store)
        seen = await store.peek("billing", limit=10)
        assert (seen.due, seen.soon, seen.pending, seen.next_due) == ([], [], [], None)

    async def test_a_paused_job_is_not_due_and_its_pending_runs_are(
        self, store: Store, anna: SessionId
    ) -> None:
        run = await triggered(store)
        await store.pause("report", order())
        seen = await store.peek(PROGRAM, limit=10)
        assert (seen.due, seen.next_due) == ([], None)
        assert [(each.run, each.digest) for each in seen.pending] == [(run, report().digest)]

    async def test_a_retry_is_seen_when_its_time_has_come(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, claim, Outcome.FAILED, retry_in_ms=5_000)
        seen = await store.peek(PROGRAM, limit=10)
        assert (list(seen.pending), seen.next_due) == ([], NOON + 5_000)
        clock.advance(timedelta(seconds=5))
        seen = await store.peek(PROGRAM, limit=10)
        assert [each.run for each in seen.pending] == [claim.run]


class ClaimTests(StoreTests):
    async def test_a_claim_makes_a_run_and_moves_the_job_on(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        run, job = await the_run(store, claim.run), await the_job(store)
        assert (claim.run, claim.kind, claim.attempt) == (RunId("report", NOON), Kind.TICK, 1)
        assert claim.digest == report().digest
        assert (run.state, run.session, run.token) == (RunState.CLAIMED, anna, claim.token)
        assert (run.instance, run.created_at, run.claimed_at) == ("anna", NOON, NOON)
        assert (job.expected, job.watermark, job.active) == (fire(ONE_PM), NOON, 1)

    async def test_of_many_rivals_exactly_one_claims_the_tick(
        self, store: Store, anna: SessionId
    ) -> None:
        rivals = [await join(store, f"rival-{n}") for n in range(20)]
        answers = await asyncio.gather(*(store.claim(rival, [tick()]) for rival in rivals))
        assert len([answer for (answer,) in answers if isinstance(answer, Granted)]) == 1

    @pytest.mark.parametrize(
        "item",
        [
            tick("nobody"),
            tick(generation=2),
            tick(expected=NOON - HOUR_MS),
            tick(expected=NOON + 1, fire_time=NOON + 1),
        ],
    )
    async def test_what_is_not_as_it_was_seen_is_lost(
        self, store: Store, anna: SessionId, item: TickClaim
    ) -> None:
        before = await the_job(store)
        assert await store.claim(anna, [item]) == [NotGranted.LOST]
        assert await the_job(store) == before

    async def test_a_paused_job_is_lost(self, store: Store, anna: SessionId) -> None:
        await store.pause("report", order())
        assert await store.claim(anna, [tick(generation=2)]) == [NotGranted.LOST]

    async def test_nothing_is_granted_before_the_stores_clock_has_reached_it(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(first=ONE_PM))
        clock.advance(AN_HOUR - timedelta(milliseconds=1))
        ben = await join(store, "ben")
        assert await store.claim(ben, [tick(fire_time=ONE_PM)]) == [NotGranted.NOT_DUE]
        clock.advance(timedelta(milliseconds=1))
        await granted(store, ben, tick(fire_time=ONE_PM))

    async def test_a_tick_with_jitter_is_due_at_its_due_instant(
        self, store: Store, clock: ManualClock
    ) -> None:
        late = replace(report(), first=fire(NOON)._replace(due=NOON + 500))
        anna = await joined(store, "anna", late)
        assert await store.claim(anna, [tick()]) == [NotGranted.NOT_DUE]
        clock.advance(timedelta(milliseconds=500))
        await granted(store, anna, tick())

    async def test_a_later_tick_is_not_granted_before_its_fire_time(
        self, store: Store, anna: SessionId
    ) -> None:
        ahead = tick(fire_time=ONE_PM, expected=NOON)
        assert await store.claim(anna, [ahead]) == [NotGranted.NOT_DUE]

    async def test_an_expired_session_is_granted_nothing(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.advance(TTL)
        assert await store.claim(anna, [tick()]) == [NotGranted.LOST]

    async def test_a_closed_session_is_granted_nothing(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        """Its request may have been on the way for longer than it lived."""
        await bury(store, clock, anna)
        assert await store.claim(anna, [tick()]) == [NotGranted.LOST]

    async def test_a_claim_settles_the_missed_ticks_as_one_gap(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.leap(2 * AN_HOUR)
        ben = await join(store, "ben")
        gap = misfire(NOON, ONE_PM, 2)
        claim = await granted(store, ben, replace(tick(fire_time=TWO_PM, expected=NOON), gap=gap))
        assert claim.run.fire_time == TWO_PM
        assert await gaps(store) == [gap]
        assert (await the_job(store)).watermark == TWO_PM

    async def test_without_a_fire_time_only_the_gap_is_recorded(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        only_gap = replace(tick(), fire_time=None, gap=misfire(NOON, NOON, 1))
        assert await store.claim(anna, [only_gap]) == [Skipped(Reason.MISFIRE)]
        job = await the_job(store)
        assert (job.expected, job.watermark, job.active) == (fire(ONE_PM), NOON, 0)
        assert await store.runs("report") == []

    async def test_several_ticks_of_a_job_stand_in_one_claim_oldest_first(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(limit=0))
        clock.leap(2 * AN_HOUR)
        ben = await join(store, "ben")
        items = [tick(fire_time=time) for time in (NOON, ONE_PM, TWO_PM)]
        answers = await store.claim(ben, items)
        claimed = [answer.claim.run.fire_time for answer in answers if isinstance(answer, Granted)]
        assert claimed == [NOON, ONE_PM, TWO_PM]
        assert (await the_job(store)).active == 3

    async def test_once_refused_the_rest_of_the_job_is_refused(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(limit=0), report("other"))
        clock.leap(2 * AN_HOUR)
        ben = await join(store, "ben")
        items: Sequence[ClaimItem] = [tick(generation=9), tick(), tick("other")]
        answers = await store.claim(ben, items)
        assert answers[:2] == [NotGranted.LOST, NotGranted.LOST]
        assert isinstance(answers[2], Granted)

    async def test_nothing_following_finishes_the_job(self, store: Store, anna: SessionId) -> None:
        await granted(store, anna, replace(tick(), following=None))
        assert (await the_job(store)).state is JobState.FINISHED
        assert (await store.peek(PROGRAM, limit=5)).due == []

    async def test_a_following_that_is_due_already_is_claimed_next(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.leap(AN_HOUR)
        ben = await joined(store, "ben", report())
        claim = await started(store, ben, await granted(store, ben, tick()))
        await completed(store, claim, Outcome.SUCCEEDED)
        await granted(store, ben, tick(fire_time=ONE_PM))

    async def test_at_the_limit_a_tick_is_skipped_and_recorded(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        clock.leap(AN_HOUR)
        ben = await join(store, "ben")
        assert await store.claim(ben, [tick(fire_time=ONE_PM)]) == [Skipped(Reason.OVERLAP)]
        assert await gaps(store) == [Gap(ONE_PM, ONE_PM, 1, Reason.OVERLAP)]
        assert (await the_job(store)).expected == fire(TWO_PM)

    async def test_adjoining_gaps_with_one_reason_are_one(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        clock.leap(2 * AN_HOUR)
        ben = await join(store, "ben")
        await store.claim(ben, [tick(fire_time=ONE_PM), tick(fire_time=TWO_PM)])
        assert await gaps(store) == [Gap(ONE_PM, TWO_PM, 2, Reason.OVERLAP)]

    async def test_gaps_with_a_run_between_them_are_two(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(limit=0))
        clock.leap(2 * AN_HOUR)
        ben = await join(store, "ben")
        skip = [
            replace(tick(fire_time=t), fire_time=None, gap=misfire(t, t, 1)) for t in (NOON, TWO_PM)
        ]
        await store.claim(ben, [skip[0], tick(fire_time=ONE_PM), skip[1]])
        assert await gaps(store) == [misfire(TWO_PM, TWO_PM, 1), misfire(NOON, NOON, 1)]

    async def test_gaps_of_two_generations_are_two(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.leap(AN_HOUR)
        ben = await joined(store, "ben", report())
        await store.claim(ben, [replace(tick(), fire_time=None, gap=misfire(NOON, NOON, 1))])
        await store.sync_jobs(ben, PROGRAM, [report(edition=2)])
        later = replace(
            tick(fire_time=ONE_PM, generation=2), fire_time=None, gap=misfire(ONE_PM, ONE_PM, 1)
        )
        await store.claim(ben, [later])
        assert len(await gaps(store)) == 2

    async def test_a_job_without_limit_is_never_skipped(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(limit=0))
        clock.leap(AN_HOUR)
        ben = await join(store, "ben")
        answers = await store.claim(ben, [tick(), tick(fire_time=ONE_PM)])
        assert all(isinstance(answer, Granted) for answer in answers)

    async def test_a_limit_of_two_lets_two_run(self, store: Store, clock: ManualClock) -> None:
        await joined(store, "anna", report(limit=2))
        clock.leap(2 * AN_HOUR)
        ben = await join(store, "ben")
        answers = await store.claim(ben, [tick(fire_time=t) for t in (NOON, ONE_PM, TWO_PM)])
        assert [isinstance(answer, Granted) for answer in answers] == [True, True, False]

    async def test_tokens_rise_with_every_claim(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claims = [await granted(store, anna, tick())]
        for _ in range(3):
            await store.release([claims[-1]])
            claims.append(await granted(store, anna, PendingClaim(claims[0].run)))
        tokens = [claim.token for claim in claims]
        assert tokens == sorted(set(tokens))
        assert tokens[0] >= NOON * 1_024

    async def test_a_settled_tick_never_comes_back_by_an_edit(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        clock.leap(-AN_HOUR)
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, schedule="daily", first=NOON)])
        job = await the_job(store)
        assert job.expected is not None
        assert job.expected.fire_time > NOON

    async def test_a_claim_out_of_order_is_the_callers_error(
        self, store: Store, anna: SessionId
    ) -> None:
        before = await the_job(store)
        with pytest.raises(ValueError, match="out of order"):
            await store.claim(anna, [tick(following=NOON)])
        assert await the_job(store) == before

    async def test_a_pending_run_is_claimed_once(
        self, store: Store, anna: SessionId, ben: SessionId
    ) -> None:
        run = await triggered(store)
        claim = await granted(store, anna, PendingClaim(run))
        assert (claim.kind, claim.attempt) == (Kind.MANUAL, 1)
        assert await store.claim(ben, [PendingClaim(run)]) == [NotGranted.LOST]

    async def test_a_pending_run_is_not_claimed_before_its_time(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, claim, Outcome.FAILED, retry_in_ms=5_000)
        assert await store.claim(anna, [PendingClaim(claim.run)]) == [NotGranted.NOT_DUE]
        clock.advance(timedelta(seconds=5))
        again = await granted(store, anna, PendingClaim(claim.run))
        assert (again.attempt, again.token > claim.token) == (2, True)

    async def test_an_unknown_run_is_lost(self, store: Store, anna: SessionId) -> None:
        assert await store.claim(anna, [PendingClaim(RunId("report", 1))]) == [NotGranted.LOST]

    async def test_hundreds_of_items_are_answered_in_order(
        self, store: Store, clock: ManualClock
    ) -> None:
        names = [f"job-{n}" for n in range(450)]
        anna = await joined(store, "anna", *(report(name) for name in names))
        answers = await store.claim(anna, [tick(name) for name in names])
        claimed = [answer.claim.run.job for answer in answers if isinstance(answer, Granted)]
        assert claimed == names
