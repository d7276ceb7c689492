"""History: pages that go on, and pruning that never hides a failure behind successes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Gap,
    History,
    Instant,
    JobName,
    Outcome,
    Reason,
    RunId,
    RunState,
    SessionId,
)
from cronfleet.store import MOST_GAPS, PendingClaim, Store, TickClaim
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    PROGRAM,
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

A_SECOND = timedelta(seconds=1)


class HistoryTests(StoreTests):
    async def run_once(
        self,
        store: Store,
        clock: ManualClock,
        session: SessionId,
        outcome: Outcome,
        job: JobName = "report",
    ) -> RunId:
        """One triggered run from its beginning to its end, a second after the one before."""
        clock.advance(A_SECOND)
        renew(store, session)
        run = await triggered(store, job)
        claim = await started(store, session, await granted(store, session, PendingClaim(run)))
        await completed(store, claim, outcome)
        return run

    async def test_runs_come_newest_first_in_pages(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        made = [await self.run_once(store, clock, anna, Outcome.SUCCEEDED) for _ in range(5)]
        pages = [await store.runs("report", limit=2, skip=skip) for skip in (0, 2, 4, 6)]
        assert [run.id for page in pages for run in page] == made[::-1]

    async def test_runs_of_one_millisecond_keep_an_order(
        self, store: Store, anna: SessionId
    ) -> None:
        made = [await triggered(store) for _ in range(12)]
        assert [run.id for run in await store.runs("report")] == made[::-1]

    async def test_a_job_that_never_ran_has_an_empty_history(
        self, store: Store, anna: SessionId
    ) -> None:
        assert await store.runs("report") == []
        assert await store.gaps("report") == []
        assert await store.run(RunId("report", NOON)) is None

    async def test_successes_do_not_push_failures_out(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        failed = [await self.run_once(store, clock, anna, Outcome.FAILED) for _ in range(2)]
        succeeded = [await self.run_once(store, clock, anna, Outcome.SUCCEEDED) for _ in range(4)]
        assert await store.prune({"report": History(successes=1, failures=2)}) == 3
        kept = [run.id for run in await store.runs("report")]
        assert kept == [succeeded[-1], *failed[::-1]]

    async def test_each_count_keeps_the_newest(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        failed = [await self.run_once(store, clock, anna, Outcome.TIMED_OUT) for _ in range(3)]
        assert await store.prune({"report": History(failures=1)}) == 2
        assert [run.id for run in await store.runs("report")] == failed[-1:]
        assert await store.run(failed[0]) is None

    async def test_what_is_too_old_goes(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        old = await self.run_once(store, clock, anna, Outcome.SUCCEEDED)
        clock.advance(timedelta(milliseconds=500))
        assert await store.prune({"report": History(age_ms=500)}) == 0
        clock.advance(timedelta(milliseconds=1))
        assert await store.prune({"report": History(age_ms=500)}) == 1
        assert await store.run(old) is None

    async def test_a_run_that_has_not_ended_is_never_pruned(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        held = await granted(store, anna, tick())
        waiting = await triggered(store)
        clock.advance(timedelta(days=365))
        assert await store.prune({"report": History(0, 0, 0)}) == 0
        assert (await the_run(store, held.run)).state is RunState.CLAIMED
        assert (await the_run(store, waiting)).state is RunState.WAITING

    async def test_a_prune_deletes_no_more_than_it_is_told(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        for outcome in [Outcome.SUCCEEDED, Outcome.FAILED] * 2:
            await self.run_once(store, clock, anna, outcome)
        pruned = [await store.prune({"report": History(0, 0)}, limit=3) for _ in range(3)]
        assert pruned == [3, 1, 0]

    async def test_one_prune_keeps_each_job_within_its_own_history(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.sync_jobs(
            anna, PROGRAM, [report(name) for name in ("report", "other", "third")]
        )
        ran = {
            name: [
                await self.run_once(store, clock, anna, Outcome.SUCCEEDED, name) for _ in range(3)
            ]
            for name in ("other", "report", "third")
        }
        kept = {"other": History(successes=1), "nobody": History(0, 0), "report": History(2)}
        assert await store.prune(kept, limit=2) == 2
        assert [run.id for run in await store.runs("other")] == ran["other"][-1:]
        assert await store.prune(kept) == 1
        assert [run.id for run in await store.runs("report")] == ran["report"][:0:-1]
        assert [run.id for run in await store.runs("third")] == ran["third"][::-1]

    async def test_a_tick_that_was_cancelled_before_it_had_shards_is_pruned_like_any_other(
        self, store: Store, clock: ManualClock
    ) -> None:
        anna = await joined(store, "anna", report(shards=3))
        await granted(store, anna, tick())
        waiting = await triggered(store)
        await store.cancel(waiting, order())
        clock.advance(A_SECOND)
        assert await store.prune({"report": History(0, 0)}) == 1
        assert await store.run(waiting) is None

    async def test_the_watermark_outlives_the_run(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await completed(store, claim, Outcome.SUCCEEDED)
        clock.advance(A_SECOND)
        await store.prune({"report": History(0, 0, 0)})
        assert await store.run(claim.run) is None
        assert (await the_job(store)).watermark == NOON

    async def test_gaps_come_newest_first_and_their_number_is_bounded(
        self, store: Store, clock: ManualClock
    ) -> None:
        await joined(store, "anna", report(limit=0))
        clock.leap(timedelta(hours=2 * MOST_GAPS + 10))
        ben = await join(store, "ben")
        times = [NOON + n * HOUR_MS for n in range(2 * MOST_GAPS + 10)]
        for start in range(0, len(times), 100):
            await store.claim(ben, [settling(at) for at in times[start : start + 100]])
        gaps = await store.gaps("report", limit=1_000)
        assert [gap.gap.first for gap in gaps] == times[::2][: -MOST_GAPS - 1 : -1]
        assert await store.gaps("report", limit=2, skip=1) == gaps[1:3]


def settling(at: Instant) -> TickClaim:
    """Even hours are skipped, odd hours run: no two gaps adjoin."""
    if (at - NOON) // HOUR_MS % 2:
        return tick(fire_time=at)
    gap = Gap(at, at, 1, Reason.MISFIRE)
    return replace(tick(fire_time=at), fire_time=None, gap=gap)
