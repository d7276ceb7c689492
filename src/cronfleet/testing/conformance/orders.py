"""What operators order: done once under one key, and never against what they have seen."""

from __future__ import annotations

from datetime import timedelta

from cronfleet.clock import ManualClock
from cronfleet.model import Gap, Kind, Outcome, Reason, RunId, RunState, SessionId
from cronfleet.store import (
    MOST_BACKFILLED,
    MOST_WAITING,
    Moved,
    Ordered,
    PendingClaim,
    Store,
    Triggered,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    completed,
    fire,
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

A_DAY = timedelta(days=1)


class TriggerTests(StoreTests):
    async def test_a_trigger_makes_a_pending_run_now(self, store: Store, anna: SessionId) -> None:
        expected = Triggered(RunId("report", NOON, 1), RunState.PENDING, paused=False)
        assert await store.trigger("report", order()) == expected
        run = await the_run(store, expected.run)
        assert (run.kind, run.attempt, run.created_at) == (Kind.MANUAL, 1, NOON)
        assert (await the_job(store)).active == 1

    async def test_triggers_of_one_millisecond_differ(self, store: Store, anna: SessionId) -> None:
        runs = {await triggered(store) for _ in range(12)}
        assert {run.number for run in runs} == set(range(1, 13))

    async def test_at_the_limit_a_triggered_run_waits(self, store: Store, anna: SessionId) -> None:
        await granted(store, anna, tick())
        answer = await store.trigger("report", order())
        assert isinstance(answer, Triggered)
        assert answer.state is RunState.WAITING
        assert (await the_job(store)).active == 1
        assert list((await store.peek(PROGRAM, limit=9)).pending) == []

    async def test_waiting_runs_go_in_the_order_in_which_they_came(
        self, store: Store, anna: SessionId
    ) -> None:
        running = await started(store, anna, await granted(store, anna, tick()))
        waiting = [await triggered(store) for _ in range(12)]
        promoted: list[RunId] = []
        for _ in waiting:
            await completed(store, running, Outcome.SUCCEEDED)
            (next_run,) = (await store.peek(PROGRAM, limit=9)).pending
            promoted.append(next_run.run)
            running = await granted(store, anna, PendingClaim(next_run.run))
            await started(store, anna, running)
        assert promoted == waiting

    async def test_the_same_key_makes_one_run_for_a_day(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        first = await store.trigger("report", order("key"))
        clock.advance(A_DAY)
        assert await store.trigger("report", order("key")) == first
        clock.advance(timedelta(milliseconds=1))
        assert await store.trigger("report", order("key")) != first

    async def test_keys_of_two_jobs_have_nothing_to_do_with_each_other(self, store: Store) -> None:
        await joined(store, "anna", report(), report("other"))
        first = await store.trigger("report", order("key"))
        other = await store.trigger("other", order("key"))
        assert isinstance(first, Triggered)
        assert isinstance(other, Triggered)
        assert first.run != other.run

    async def test_a_paused_job_runs_when_triggered_and_says_that_it_is_paused(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.pause("report", order())
        answer = await store.trigger("report", order())
        assert isinstance(answer, Triggered)
        assert (answer.state, answer.paused) == (RunState.PENDING, True)

    async def test_so_many_runs_may_wait_and_no_more(self, store: Store, anna: SessionId) -> None:
        await granted(store, anna, tick())
        times = [NOON - n * HOUR_MS for n in range(1, MOST_WAITING)]
        for at in range(0, len(times), MOST_BACKFILLED):
            await store.backfill("report", times[at : at + MOST_BACKFILLED], order(), again=False)
        await triggered(store)
        assert await store.trigger("report", order()) is Ordered.FULL


class SkipTests(StoreTests):
    SKIPPED = Gap(NOON, NOON, 1, Reason.BY_HAND)

    async def test_a_skipped_tick_is_settled_without_a_run(
        self, store: Store, anna: SessionId
    ) -> None:
        moved = Moved(1, NOON, fire(ONE_PM), self.SKIPPED)
        assert await store.skip_next("report", moved, order()) is Ordered.DONE
        job = await the_job(store)
        assert (job.expected, job.watermark, job.generation) == (fire(ONE_PM), NOON, 2)
        assert [record.gap for record in await store.gaps("report")] == [self.SKIPPED]
        assert await store.runs("report") == []

    async def test_one_key_skips_one_tick(self, store: Store, anna: SessionId) -> None:
        moved = Moved(1, NOON, fire(ONE_PM), self.SKIPPED)
        await store.skip_next("report", moved, order("key"))
        after = await the_job(store)
        again = Moved(2, ONE_PM, fire(ONE_PM + HOUR_MS), Gap(ONE_PM, ONE_PM, 1, Reason.BY_HAND))
        assert await store.skip_next("report", again, order("key")) is Ordered.DONE
        assert await the_job(store) == after

    async def test_a_tick_that_was_claimed_meanwhile_is_not_skipped(
        self, store: Store, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        moved = Moved(1, NOON, fire(ONE_PM), self.SKIPPED)
        assert await store.skip_next("report", moved, order()) is Ordered.CHANGED


class AuditTests(StoreTests):
    async def test_unknown_jobs_are_unknown_to_every_order(
        self, store: Store, anna: SessionId
    ) -> None:
        nowhere = Moved(1, NOON, None, None)
        answers = [
            await store.trigger("nobody", order()),
            await store.pause("nobody", order()),
            await store.resume("nobody", nowhere, order()),
            await store.skip_next("nobody", nowhere, order()),
        ]
        assert answers == [Ordered.UNKNOWN] * 4
        assert await store.audit() == []

    async def test_what_was_done_is_on_record_the_newest_first(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.trigger("report", order(who="ops", why="müde"))
        clock.advance(timedelta(seconds=1))
        await store.pause("report", order(who="dev", why=""))
        first, second = await store.audit()
        assert (first.at, first.verb, first.job, first.who) == (
            NOON + 1_000,
            "pause",
            "report",
            "dev",
        )
        assert (second.verb, second.why) == ("trigger", "müde")
        assert await store.audit(limit=1, skip=1) == [second]

    async def test_an_order_that_is_repeated_is_on_record_once(
        self, store: Store, anna: SessionId
    ) -> None:
        for _ in range(3):
            await store.trigger("report", order("key"))
        assert len(await store.audit()) == 1
