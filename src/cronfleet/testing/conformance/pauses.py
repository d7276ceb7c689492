"""Pauses: no ticks are made until the job is resumed, by a person or at the pause's own end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Gap, JobState, OnLost, Reason, SessionId
from cronfleet.store import LOSSES_ALLOWED, ClaimItem, Moved, Ordered, PendingClaim, Store
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    bury,
    fire,
    granted,
    is_refused,
    join,
    joined,
    moved_by,
    order,
    report,
    started,
    the_job,
    tick,
)

A_MS = timedelta(milliseconds=1)


class PauseTests(StoreTests):
    async def test_a_pause_stops_the_making_of_ticks_and_says_who_and_why(
        self, store: Store, anna: SessionId
    ) -> None:
        assert await store.pause("report", order(who="ops", why="disk full")) is Ordered.DONE
        job = await the_job(store)
        assert (job.state, job.generation, job.expected) == (JobState.PAUSED, 2, fire(NOON))
        assert (job.paused_reason, job.paused_by, job.paused_why) == (
            Reason.PAUSED,
            "ops",
            "disk full",
        )
        assert (await store.peek(PROGRAM, limit=9)).due == []

    async def test_a_claim_that_saw_the_job_before_the_pause_is_refused(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.pause("report", order())
        await store.resume("report", moved_by(await the_job(store), NOON), order())
        (answer,) = await store.claim(anna, [tick()])
        assert is_refused(answer)
        await granted(store, anna, tick(generation=3))

    async def test_pausing_a_paused_job_changes_nothing(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.pause("report", order(who="ops"))
        before = await the_job(store)
        assert await store.pause("report", order(who="dev")) is Ordered.DONE
        assert await the_job(store) == before

    async def test_a_resumed_job_goes_on_and_the_pause_is_a_gap(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order())
        clock.leap(timedelta(minutes=90))
        gap = Gap(NOON, ONE_PM, 2, Reason.PAUSED)
        moved = Moved(2, NOON, fire(NOON + 2 * HOUR_MS), gap)
        assert await store.resume("report", moved, order()) is Ordered.DONE
        job = await the_job(store)
        assert (job.state, job.generation, job.watermark) == (JobState.SCHEDULED, 3, ONE_PM)
        assert (job.paused_by, job.paused_why, job.paused_reason) == ("", "", None)
        assert [record.gap for record in await store.gaps("report")] == [gap]
        assert (await store.peek(PROGRAM, limit=9)).next_due == NOON + 2 * HOUR_MS

    async def test_resuming_a_job_at_work_changes_nothing(
        self, store: Store, anna: SessionId
    ) -> None:
        before = await the_job(store)
        assert await store.resume("report", moved_by(before, ONE_PM), order()) is Ordered.DONE
        assert await the_job(store) == before

    @pytest.mark.parametrize(
        "moved",
        [
            Moved(1, NOON, fire(ONE_PM), None),
            Moved(2, ONE_PM, fire(ONE_PM), None),
            Moved(2, None, fire(ONE_PM), None),
            Moved(2, NOON, fire(NOON), Gap(NOON, NOON, 1, Reason.PAUSED)),
        ],
    )
    async def test_a_resume_that_saw_another_job_changes_nothing(
        self, store: Store, anna: SessionId, moved: Moved
    ) -> None:
        await store.pause("report", order())
        before = await the_job(store)
        assert await store.resume("report", moved, order()) is Ordered.CHANGED
        assert await the_job(store) == before

    async def test_a_finished_job_may_be_paused_and_resumed(self, store: Store) -> None:
        await joined(store, "anna", report(first=None))
        await store.pause("report", order())
        assert await store.resume("report", Moved(2, None, None, None), order()) is Ordered.DONE
        assert (await the_job(store)).state is JobState.FINISHED


class PauseEndTests(StoreTests):
    async def test_a_pause_says_when_it_is_to_end(self, store: Store, anna: SessionId) -> None:
        assert await store.pause("report", order(), ONE_PM) is Ordered.DONE
        job = await the_job(store)
        assert (job.state, job.paused_until) == (JobState.PAUSED, ONE_PM)
        assert [each.paused_until for each in await store.jobs()] == [ONE_PM]

    async def test_a_peek_names_the_job_from_that_instant_on(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order(), NOON + 5)
        clock.advance(4 * A_MS)
        seen = await store.peek(PROGRAM, limit=9)
        assert (seen.resuming, seen.next_due) == ([], NOON + 5)
        clock.advance(A_MS)
        seen = await store.peek(PROGRAM, limit=9)
        assert (seen.resuming, seen.due, seen.next_due) == (["report"], [], None)

    async def test_nothing_is_granted_until_somebody_has_resumed_it(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order(), NOON + 5)
        clock.advance(timedelta(seconds=1))
        (answer,) = await store.claim(anna, [tick(generation=2)])
        assert is_refused(answer)
        await store.resume("report", moved_by(await the_job(store), NOON), order())
        await granted(store, anna, tick(generation=3))

    async def test_the_earliest_end_comes_first_and_only_the_program_s_own(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", *[report(name) for name in ("a", "b", "c", "d")])
        await store.sync_jobs(await join(store, "ben"), "other", [report("e")])
        for name, span in (("a", 7), ("b", 5), ("c", 5), ("d", 50), ("e", 1)):
            await store.pause(name, order(), NOON + span)
        clock.advance(9 * A_MS)
        seen = await store.peek(PROGRAM, limit=9)
        assert (seen.resuming, seen.next_due) == (["b", "c", "a"], NOON + 50)

    async def test_whoever_resumes_it_ends_the_pause_for_good(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order(), NOON + 5)
        await store.resume("report", moved_by(await the_job(store), ONE_PM), order())
        clock.advance(9 * A_MS)
        assert (await store.peek(PROGRAM, limit=9)).resuming == []
        assert (await the_job(store)).paused_until is None

    @pytest.mark.parametrize(("first", "second"), [(None, 5), (5, None), (5, 7)])
    async def test_another_end_takes_the_pause_s_place(
        self,
        store: Store,
        clock: ManualClock,
        anna: SessionId,
        first: int | None,
        second: int | None,
    ) -> None:
        """Who pauses it until further notice must not find it at work tomorrow."""
        await store.pause("report", order(), first and NOON + first)
        assert await store.pause("report", order("2", "ben", "no"), second and NOON + second)
        job = await the_job(store)
        assert (job.paused_by, job.paused_why, job.generation) == ("ben", "no", 3)
        assert job.paused_until == (second and NOON + second)
        clock.advance(6 * A_MS)
        assert (await store.peek(PROGRAM, limit=9)).resuming == (["report"] if second == 5 else [])

    async def test_the_same_end_changes_nothing(self, store: Store, anna: SessionId) -> None:
        await store.pause("report", order(who="anna"), ONE_PM)
        before = await the_job(store)
        assert await store.pause("report", order(who="ben"), ONE_PM) is Ordered.DONE
        assert await the_job(store) == before

    async def test_a_poisoned_job_is_not_given_an_end(
        self, store: Store, clock: ManualClock
    ) -> None:
        """It would begin to kill instances again by itself."""
        await poisoned(store, clock)
        before = await the_job(store)
        assert before.paused_reason is Reason.POISONED
        assert await store.pause("report", order(), before.watermark + HOUR_MS) is Ordered.DONE
        assert await the_job(store) == before

    async def test_an_end_that_has_passed_pauses_nothing(
        self, store: Store, anna: SessionId
    ) -> None:
        before = await the_job(store)
        assert await store.pause("report", order(), NOON) is Ordered.ENDED
        assert await the_job(store) == before

    async def test_the_same_order_after_the_end_is_done_no_second_time(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order("key"), NOON + 5)
        await store.resume("report", moved_by(await the_job(store), NOON), order())
        clock.advance(9 * A_MS)
        assert await store.pause("report", order("key"), NOON + 5) is Ordered.DONE
        assert (await the_job(store)).state is JobState.SCHEDULED

    async def test_a_job_that_is_poisoned_meanwhile_has_no_end_any_more(
        self, store: Store, clock: ManualClock
    ) -> None:
        await poisoned(store, clock, paused_until=NOON + HOUR_MS)
        job = await the_job(store)
        assert (job.paused_reason, job.paused_until) == (Reason.POISONED, None)
        clock.advance(timedelta(hours=2))
        assert (await store.peek(PROGRAM, limit=9)).resuming == []

    async def test_a_removed_job_is_not_resumed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order(), NOON + 5)
        moved = moved_by(await the_job(store), None)
        assert await store.remove("report", moved, order()) is Ordered.DONE
        seen = await store.peek(PROGRAM, limit=9)
        assert (seen.resuming, seen.next_due) == ([], None)
        clock.advance(9 * A_MS)
        assert (await store.peek(PROGRAM, limit=9)).resuming == []

    async def test_declared_again_it_is_resumed_all_the_same(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        """It stays paused, but not for ever."""
        await store.pause("report", order(), NOON + 5)
        await store.remove("report", moved_by(await the_job(store), None), order())
        await joined(store, "ben", report(first=ONE_PM))
        job = await the_job(store)
        assert (job.state, job.paused_until) == (JobState.PAUSED, NOON + 5)
        clock.advance(9 * A_MS)
        assert (await store.peek(PROGRAM, limit=9)).resuming == ["report"]

    async def test_created_again_by_order_it_is_at_work(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.pause("report", order(), NOON + 5)
        await store.remove("report", moved_by(await the_job(store), None), order())
        await store.define(PROGRAM, report(first=ONE_PM), None, order())
        job = await the_job(store)
        assert (job.state, job.paused_until) == (JobState.SCHEDULED, None)
        clock.advance(9 * A_MS)
        assert (await store.peek(PROGRAM, limit=9)).resuming == []

    async def test_another_definition_leaves_the_end_as_it_is(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.pause("report", order(), ONE_PM)
        await joined(store, "ben", report(edition=2, schedule="daily", first=ONE_PM))
        job = await the_job(store)
        assert (job.state, job.paused_until) == (JobState.PAUSED, ONE_PM)


async def poisoned(store: Store, clock: ManualClock, paused_until: int | None = None) -> None:
    """Lost by as many dead sessions as it takes; paused meanwhile, if that has an end."""
    item: ClaimItem = tick()
    for n in range(LOSSES_ALLOWED + 1):
        session = await joined(store, f"anna-{n}", report(on_lost=OnLost.RERUN))
        claim = await started(store, session, await granted(store, session, item))
        if paused_until is not None:
            await store.pause("report", order(), paused_until)
        await bury(store, clock, session)
        item = PendingClaim(claim.run)
