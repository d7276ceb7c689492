"""A store that went back: what it says of itself, what is set aside in it, and its adoption."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import Gap, JobState, Outcome, Reason, RunState, SessionId
from cronfleet.store import Moved, Ordered, PendingClaim, Store
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    TTL,
    TTL_MS,
    TWO_PM,
    fire,
    granted,
    is_refused,
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

THIRD = timedelta(milliseconds=TTL_MS // 3)
SET_ASIDE = Moved(1, NOON, fire(TWO_PM), Gap(NOON, ONE_PM, 2, Reason.BY_HAND))


async def settle(store: Store, job: str, moved: Moved) -> Ordered:
    return await store.settle((await store.open()).id, job, moved)


async def clear(store: Store, job: str, limit: int = 200) -> int:
    return await store.clear((await store.open()).id, job, limit)


class LivedTests(StoreTests):
    async def test_a_store_counts_for_how_long_it_was_renewed(
        self, store: Store, clock: ManualClock, anna: SessionId, ben: SessionId
    ) -> None:
        renew(store, anna)
        before = (await store.open()).lived_ms
        for _ in range(6):
            clock.advance(THIRD)
            renew(store, anna)
            renew(store, ben)
        assert (await store.open()).lived_ms == before + 6 * (TTL_MS // 3)

    async def test_a_span_in_which_nobody_renewed_counts_for_a_ttl(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        renew(store, anna)
        before = (await store.open()).lived_ms
        clock.advance(timedelta(days=3))
        renew(store, anna)
        assert (await store.open()).lived_ms == before + TTL_MS

    async def test_a_clock_that_is_set_back_takes_nothing_away(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        renew(store, anna)
        before = (await store.open()).lived_ms
        clock.leap(-timedelta(hours=1))
        renew(store, anna)
        assert (await store.open()).lived_ms == before


class SettleTests(StoreTests):
    async def test_ticks_are_settled_without_runs(self, store: Store, anna: SessionId) -> None:
        assert await settle(store, "report", SET_ASIDE) is Ordered.DONE
        job = await the_job(store)
        assert (job.watermark, job.expected, job.generation) == (ONE_PM, fire(TWO_PM), 2)
        (record,) = await store.gaps("report")
        assert record.gap == SET_ASIDE.gap
        assert await store.runs("report") == []
        assert await store.audit() == []

    async def test_a_claim_that_saw_the_ticks_before_is_refused(
        self, store: Store, anna: SessionId
    ) -> None:
        await settle(store, "report", SET_ASIDE)
        (answer,) = await store.claim(anna, [tick()])
        assert is_refused(answer)

    async def test_a_job_that_is_not_as_it_was_seen_stays(
        self, store: Store, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        before = await the_job(store)
        assert await settle(store, "report", SET_ASIDE) is Ordered.CHANGED
        assert await the_job(store) == before
        assert await settle(store, "none", SET_ASIDE) is Ordered.UNKNOWN

    async def test_a_paused_job_is_settled_and_stays_paused(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.pause("report", order())
        moved = Moved(2, NOON, fire(TWO_PM), SET_ASIDE.gap)
        assert await settle(store, "report", moved) is Ordered.DONE
        job = await the_job(store)
        assert (job.state, job.expected) == (JobState.PAUSED, fire(TWO_PM))


class ClearTests(StoreTests):
    async def test_what_nobody_has_started_is_cancelled_and_says_why(self, store: Store) -> None:
        anna = await joined(store, "anna", report(limit=3))
        await started(store, anna, await granted(store, anna, tick()))
        claimed = await granted(store, anna, PendingClaim(await triggered(store)))
        runs = [claimed.run, await triggered(store), await triggered(store)]
        assert (await the_run(store, runs[-1])).state is RunState.WAITING
        assert await clear(store, "report") == 3
        for run in runs:
            record = await the_run(store, run)
            assert (record.state, record.outcome) == (RunState.CANCELLED, Outcome.CANCELLED)
            assert (record.session, record.ended_at) == (None, NOON)
            assert "may have run already" in record.error
        assert (await the_job(store)).active == 1
        assert (await store.peek(PROGRAM, limit=9)).pending == []
        assert [each.claim.run.number for each in await store.held(anna)] == [0]
        assert await clear(store, "report") == 0

    async def test_only_so_many_are_cancelled_at_once(self, store: Store, anna: SessionId) -> None:
        for _ in range(5):
            await triggered(store)
        assert [await clear(store, "report", limit=2) for _ in range(4)] == [2, 2, 1, 0]
        assert (await the_job(store)).active == 0

    async def test_behind_a_long_history_they_are_found_too(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(limit=0))
        oldest = await triggered(store)
        clock.advance(timedelta(seconds=1))
        for first in (1, 101, 201):
            hours = [NOON - n * HOUR_MS for n in range(first, first + 100)]
            await store.backfill("report", hours, order(), again=False)
            pending = (await store.peek(PROGRAM, limit=400)).pending
            items = [PendingClaim(each.run) for each in pending if each.run != oldest]
            await store.claim(anna, items)
            await clear(store, "report", limit=100)
        while await clear(store, "report"):
            pass
        assert (await the_run(store, oldest)).state is RunState.CANCELLED
        assert (await the_job(store)).active == 0

    async def test_a_cancelled_claim_cannot_be_started(self, store: Store, anna: SessionId) -> None:
        claim = await granted(store, anna, tick())
        await clear(store, "report")
        with pytest.raises(AssertionError, match="was not started"):
            await started(store, anna, claim)

    async def test_of_a_job_that_is_not_there_nothing_is_cancelled(self, store: Store) -> None:
        assert await clear(store, "none") == 0


class AdoptTests(StoreTests):
    async def test_once_it_is_adopted_nobody_sets_aside_what_is_in_it(
        self, store: Store, anna: SessionId
    ) -> None:
        """One who began to before may still be at it."""
        seen = (await store.open()).id
        run = await triggered(store)
        await store.adopt(seen, order())
        assert await store.settle(seen, "report", SET_ASIDE) is Ordered.CHANGED
        assert await store.clear(seen, "report") == 0
        assert (await the_run(store, run)).state is RunState.PENDING

    async def test_a_store_is_not_adopted_by_itself(self, store: Store) -> None:
        assert not (await store.open()).adopted

    async def test_an_adopted_store_has_a_fresh_id_a_later_epoch_and_says_so(
        self, store: Store, anna: SessionId
    ) -> None:
        renew(store, anna)
        before = await store.open()
        after = await store.adopt(before.id, order(who="ops", why="restored"))
        assert after == await store.open()
        assert after.id != before.id
        assert (after.epoch, after.adopted) == (before.epoch + 1, True)
        assert after.lived_ms == before.lived_ms
        (said,) = await store.audit()
        assert (said.verb, said.job, said.who, said.why) == ("adopt", "", "ops", "restored")

    async def test_of_many_who_adopt_what_they_saw_one_does(self, store: Store) -> None:
        seen = (await store.open()).id
        answers = await asyncio.gather(*(store.adopt(seen, order()) for _ in range(20)))
        assert len({info.id for info in answers}) == 1
        assert all(info.adopted for info in answers)
        assert len(await store.audit()) == 1

    async def test_a_store_that_is_another_by_now_stays_as_it_is(self, store: Store) -> None:
        before = await store.open()
        assert await store.adopt("f" * 32, order()) == before

    async def test_jobs_and_sessions_outlive_the_adoption(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        before = await the_job(store)
        await store.adopt((await store.open()).id, order())
        assert await the_job(store) == before
        assert renew(store, anna) is not None

    async def test_who_was_watched_before_is_not_closed_after(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        """The epoch is another one: every watch begins anew."""
        info = await store.open()
        await store.adopt(info.id, order())
        clock.advance(TTL)
        assert not await store.close(anna, 0, info.epoch)
