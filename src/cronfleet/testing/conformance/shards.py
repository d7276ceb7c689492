"""Ticks of jobs with shards: made in one step, done when all of them are."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Claim,
    History,
    Kind,
    OnLost,
    Outcome,
    RunId,
    RunRecord,
    RunState,
    SessionId,
    Tally,
)
from cronfleet.store import (
    DUE,
    Backfilled,
    CancelAsked,
    Granted,
    IfActive,
    NotGranted,
    Ordered,
    PendingClaim,
    Recorded,
    Start,
    Store,
    Triggered,
    Waiting,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.conformance.cancels import cancels
from cronfleet.testing.conformance.hints import SOON_S
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    PROGRAM,
    bury,
    completed,
    granted,
    joined,
    order,
    report,
    start_id,
    started,
    the_job,
    the_run,
    tick,
)

AN_HOUR = timedelta(hours=1)
SHARDS = 3
NOON_TICK = RunId("report", NOON)
NOON_SHARDS = NOON_TICK.of_shards(SHARDS)


async def pending(store: Store) -> list[RunId]:
    return [each.run for each in (await store.peek(PROGRAM, limit=9)).pending]


async def all_started(store: Store, session: SessionId) -> list[Claim]:
    """All shards of the tick that is due, started by one session."""
    first = await granted(store, session, tick())
    others = [await granted(store, session, PendingClaim(run)) for run in await pending(store)]
    return [await started(store, session, claim) for claim in (first, *others)]


async def end(store: Store, claims: list[Claim], *outcomes: Outcome) -> RunRecord:
    """End the shards so, one after another; answers their tick."""
    for claim, outcome in zip(claims, outcomes, strict=False):
        assert await completed(store, claim, outcome) is Recorded.DONE
    return await the_run(store, claims[0].run.whole)


class ShardTests(StoreTests):
    @pytest.fixture
    async def olga(self, store: Store) -> SessionId:
        """A session that has declared an hourly report in three shards, due at noon."""
        return await joined(store, "olga", report(shards=SHARDS))

    @pytest.fixture
    async def pete(self, store: Store, olga: SessionId) -> SessionId:
        """Another that knows the same job."""
        return await joined(store, "pete", report(shards=SHARDS))

    async def test_a_claimed_tick_is_its_first_shard_and_the_others_are_for_anybody(
        self, store: Store, olga: SessionId, pete: SessionId
    ) -> None:
        claim = await granted(store, olga, tick())
        assert (claim.run, claim.kind, claim.shards) == (NOON_SHARDS[0], Kind.TICK, SHARDS)
        assert await pending(store) == NOON_SHARDS[1:]
        other = await granted(store, pete, PendingClaim(NOON_SHARDS[2]))
        assert (other.run.shard, other.shards, other.attempt) == (2, SHARDS, 1)
        assert other.token > claim.token

    async def test_who_waits_for_hints_is_told_of_the_shards_that_are_left(
        self, store: Store, olga: SessionId
    ) -> None:
        with closing(store.hints(DUE)) as hints:
            await granted(store, olga, tick())
            await asyncio.wait_for(hints.next(), SOON_S)

    async def test_a_tick_counts_its_shards_and_is_active_as_one(
        self, store: Store, olga: SessionId
    ) -> None:
        await granted(store, olga, tick())
        record = await the_run(store, NOON_TICK)
        assert (record.state, record.shards, record.tally) == (RunState.SHARDED, SHARDS, Tally())
        assert (record.session, record.ended_at, record.outcome) == (None, None, None)
        assert (await the_job(store)).active == 1

    async def test_of_many_rivals_one_gets_the_tick_and_each_shard_goes_once(
        self, store: Store, olga: SessionId
    ) -> None:
        rivals = [await joined(store, f"rival-{n}", report(shards=SHARDS)) for n in range(8)]
        first = await asyncio.gather(*(store.claim(rival, [tick()]) for rival in rivals))
        assert [isinstance(answer, Granted) for (answer,) in first].count(True) == 1
        items = [PendingClaim(run) for run in NOON_SHARDS[1:]]
        rest = await asyncio.gather(*(store.claim(rival, items) for rival in rivals))
        won = Counter(
            answer.claim.run
            for answers in rest
            for answer in answers
            if isinstance(answer, Granted)
        )
        assert won == dict.fromkeys(NOON_SHARDS[1:], 1)

    async def test_it_is_done_when_all_shards_are_and_not_before(
        self, store: Store, olga: SessionId
    ) -> None:
        claims = await all_started(store, olga)
        under_way = await end(store, claims, *[Outcome.SUCCEEDED] * (SHARDS - 1))
        assert (under_way.state, under_way.tally) == (RunState.SHARDED, Tally(succeeded=2))
        assert (await the_job(store)).active == 1
        done = await end(store, claims[-1:], Outcome.SUCCEEDED)
        assert (done.state, done.outcome, done.ended_at) == (
            RunState.SUCCEEDED,
            Outcome.SUCCEEDED,
            NOON,
        )
        assert (done.tally, done.started_at) == (Tally(succeeded=3), NOON)
        assert (await the_job(store)).active == 0

    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            (Outcome.SUCCEEDED, Outcome.CANCELLED),
            (Outcome.CANCELLED, Outcome.TIMED_OUT),
            (Outcome.TIMED_OUT, Outcome.FAILED),
            (Outcome.FAILED, Outcome.LOST),
        ],
    )
    async def test_its_outcome_is_the_worst_of_them(
        self, store: Store, olga: SessionId, better: Outcome, worse: Outcome
    ) -> None:
        claims = await all_started(store, olga)
        done = await end(store, claims, better, worse, better)
        assert (done.state, done.outcome) == (RunState(worse), worse)
        assert done.tally == Tally().and_one(better).and_one(worse).and_one(better)

    async def test_shards_that_end_at_once_end_their_tick_once(
        self, store: Store, olga: SessionId
    ) -> None:
        claims = await all_started(store, olga)
        await asyncio.gather(*(completed(store, each, Outcome.SUCCEEDED) for each in claims))
        await asyncio.gather(*(completed(store, each, Outcome.SUCCEEDED) for each in claims))
        done = await the_run(store, NOON_TICK)
        assert (done.state, done.tally) == (RunState.SUCCEEDED, Tally(succeeded=3))
        assert (await the_job(store)).active == 0

    async def test_a_retry_is_the_shards_own(self, store: Store, olga: SessionId) -> None:
        claims = await all_started(store, olga)
        await completed(store, claims[1], Outcome.FAILED, retry_in_ms=0)
        assert await pending(store) == [claims[1].run]
        again = await started(store, olga, await granted(store, olga, PendingClaim(claims[1].run)))
        assert (again.attempt, again.shards) == (2, SHARDS)
        done = await end(store, [claims[0], again, claims[2]], *[Outcome.SUCCEEDED] * SHARDS)
        assert done.tally == Tally(succeeded=3)

    async def test_a_released_shard_goes_to_another(
        self, store: Store, olga: SessionId, pete: SessionId
    ) -> None:
        claim = await granted(store, olga, tick())
        assert await store.release([claim]) == [True]
        assert await pending(store) == NOON_SHARDS
        assert (await granted(store, pete, PendingClaim(claim.run))).token > claim.token

    async def test_a_dead_session_loses_its_own_shards_only(
        self, store: Store, clock: ManualClock, olga: SessionId, pete: SessionId
    ) -> None:
        mine = await started(store, olga, await granted(store, olga, tick()))
        other = await granted(store, olga, PendingClaim(NOON_SHARDS[1]))
        petes = await started(store, pete, await granted(store, pete, PendingClaim(NOON_SHARDS[2])))
        await bury(store, clock, olga)
        assert (await the_run(store, mine.run)).state is RunState.LOST
        assert await pending(store) == [other.run]
        assert (await the_run(store, petes.run)).state is RunState.STARTED
        assert (await the_run(store, NOON_TICK)).tally == Tally(lost=1)

    async def test_a_shard_that_may_run_again_is_no_loss(
        self, store: Store, clock: ManualClock
    ) -> None:
        declared = report(shards=SHARDS, on_lost=OnLost.RERUN)
        olga, pete = await joined(store, "olga", declared), await joined(store, "pete", declared)
        claims = await all_started(store, olga)
        await bury(store, clock, olga)
        assert sorted(await pending(store)) == NOON_SHARDS
        carl = await joined(store, "carl", declared)
        again = [await granted(store, carl, PendingClaim(claim.run)) for claim in claims]
        assert {claim.attempt for claim in again} == {2}
        for claim in again:
            await started(store, carl, claim)
        assert (await end(store, again, *[Outcome.SUCCEEDED] * 3)).state is RunState.SUCCEEDED
        assert pete != carl

    async def test_a_late_outcome_of_a_lost_shard_does_not_change_its_tick(
        self, store: Store, clock: ManualClock, olga: SessionId
    ) -> None:
        claims = await all_started(store, olga)
        await bury(store, clock, olga)
        assert (await the_run(store, NOON_TICK)).state is RunState.LOST
        assert await completed(store, claims[0], Outcome.SUCCEEDED) is Recorded.LATE
        assert (await the_run(store, claims[0].run)).late_outcome is Outcome.SUCCEEDED
        assert (await the_run(store, NOON_TICK)).tally == Tally(lost=3)

    async def test_the_tick_itself_is_nobodys_to_claim_or_start_or_end(
        self, store: Store, olga: SessionId
    ) -> None:
        await granted(store, olga, tick())
        assert await store.claim(olga, [PendingClaim(NOON_TICK)]) == [NotGranted.LOST]
        assert await store.start(olga, [Start(NOON_TICK, 0, start_id())]) == [False]
        claim = Claim(NOON_TICK, Kind.TICK, 0, 1, "")
        assert await store.release([claim]) == [False]
        assert await completed(store, claim, Outcome.SUCCEEDED) is Recorded.REFUSED

    async def test_an_edit_leaves_the_shards_that_are_there_as_they_are(
        self, store: Store, olga: SessionId
    ) -> None:
        await granted(store, olga, tick())
        await joined(store, "pete", report(edition=2, shards=1))
        claim = await granted(store, olga, PendingClaim(NOON_SHARDS[1]))
        assert claim.shards == SHARDS
        assert (await the_job(store)).shards == 1

    # What waits, is triggered, cancelled or pruned is the tick as one.

    async def test_a_tick_waits_as_one_and_goes_on_with_the_last_shard_of_the_one_before(
        self, store: Store, clock: ManualClock, olga: SessionId
    ) -> None:
        claims = await all_started(store, olga)
        clock.advance(AN_HOUR)
        pete = await joined(store, "pete", report(shards=SHARDS))
        item = replace(tick(fire_time=ONE_PM), if_active=IfActive.WAIT_ALL, wanted_until=ONE_PM + 1)
        assert await store.claim(pete, [item]) == [Waiting()]
        waiting = RunId("report", ONE_PM)
        assert [run.id for run in await store.runs("report", limit=1)] == [waiting]
        await end(store, claims, *[Outcome.SUCCEEDED] * 2)
        assert (await the_run(store, waiting)).state is RunState.WAITING
        await end(store, claims[2:], Outcome.FAILED)
        assert (await the_run(store, waiting)).state is RunState.SHARDED
        assert await pending(store) == waiting.of_shards(SHARDS)
        assert (await the_job(store)).active == 1
        await granted(store, pete, PendingClaim(waiting.of_shards(SHARDS)[1]))

    async def test_a_tick_that_takes_its_place_ends_all_shards_of_the_one_before(
        self, store: Store, clock: ManualClock, olga: SessionId
    ) -> None:
        first = await started(store, olga, await granted(store, olga, tick()))
        clock.advance(AN_HOUR)
        pete = await joined(store, "pete", report(shards=SHARDS))
        item = replace(tick(fire_time=ONE_PM), if_active=IfActive.REPLACE)
        assert await store.claim(pete, [item]) == [Waiting()]
        assert await pending(store) == []
        assert (await the_run(store, NOON_TICK)).tally == Tally(cancelled=2)
        await end(store, [first], Outcome.CANCELLED)
        assert await pending(store) == RunId("report", ONE_PM).of_shards(SHARDS)

    async def test_a_trigger_makes_shards_too(self, store: Store, olga: SessionId) -> None:
        answer = await store.trigger("report", order("once"))
        by_hand = RunId("report", NOON, 1)
        assert answer == Triggered(by_hand, RunState.SHARDED, paused=False)
        assert await store.trigger("report", order("once")) == answer
        assert await pending(store) == by_hand.of_shards(SHARDS)
        assert (await the_job(store)).active == 1
        waits = await store.trigger("report", order())
        assert waits == Triggered(RunId("report", NOON, 2), RunState.WAITING, paused=False)

    async def test_a_back_fill_makes_shards_too_unless_a_shard_of_it_has_been_started(
        self, store: Store, olga: SessionId
    ) -> None:
        await started(store, olga, await granted(store, olga, tick()))
        await store.cancel(NOON_TICK, order())
        (held,) = await store.held(olga)
        await completed(store, held.claim, Outcome.CANCELLED)
        before = NOON - HOUR_MS
        answer = await store.backfill("report", [before, NOON], order(), again=False)
        assert answer == Backfilled(made=1, had_run=1, paused=False)
        assert await pending(store) == RunId("report", before, 1).of_shards(SHARDS)
        assert (await the_job(store)).active == 1

    async def test_one_shard_is_cancelled_alone(self, store: Store, olga: SessionId) -> None:
        claim = await started(store, olga, await granted(store, olga, tick()))
        assert await store.cancel(NOON_SHARDS[1], order()) is Ordered.DONE
        assert await store.cancel(claim.run, order()) is Ordered.ASKED
        assert cancels(store, olga) == [CancelAsked(claim.run, claim.token)]
        assert await pending(store) == NOON_SHARDS[2:]
        assert (await the_run(store, NOON_TICK)).tally == Tally(cancelled=1)

    async def test_a_cancelled_tick_ends_what_nobody_has_started_and_asks_for_the_rest(
        self, store: Store, olga: SessionId
    ) -> None:
        claim = await started(store, olga, await granted(store, olga, tick()))
        assert await store.cancel(NOON_TICK, order(who="ops")) is Ordered.ASKED
        assert await pending(store) == []
        assert cancels(store, olga) == [CancelAsked(claim.run, claim.token)]
        record = await the_run(store, NOON_TICK)
        assert (record.state, record.cancel_asked_at) == (RunState.SHARDED, NOON)
        assert record.tally == Tally(cancelled=2)
        assert await store.cancel(NOON_TICK, order()) is Ordered.ASKED
        await completed(store, claim, Outcome.CANCELLED)
        assert (await the_run(store, NOON_TICK)).state is RunState.CANCELLED
        assert (await the_job(store)).active == 0

    async def test_a_tick_of_which_nobody_has_started_a_shard_is_cancelled_at_once(
        self, store: Store, olga: SessionId
    ) -> None:
        await granted(store, olga, tick())
        assert await store.cancel(NOON_TICK, order()) is Ordered.DONE
        assert await store.cancel(NOON_TICK, order()) is Ordered.ENDED
        states = {run.state for run in await store.runs("report")}
        assert (states, (await the_job(store)).active) == ({RunState.CANCELLED}, 0)
        assert await store.held(olga) == []

    async def test_history_keeps_or_forgets_a_tick_as_a_whole(
        self, store: Store, olga: SessionId
    ) -> None:
        claims = await all_started(store, olga)
        await end(store, claims, Outcome.SUCCEEDED, Outcome.FAILED)
        assert await store.prune({"report": History(successes=0, failures=0)}) == 0
        await end(store, claims[2:], Outcome.SUCCEEDED)
        assert await store.prune({"report": History(successes=0, failures=1)}) == 0
        assert len(await store.runs("report")) == 1 + SHARDS
        assert await store.prune({"report": History(successes=1, failures=0)}) == 1
        assert await store.runs("report") == []
        assert await store.run(NOON_SHARDS[0]) is None

    async def test_a_cleared_tick_ends_with_its_last_shard(
        self, store: Store, olga: SessionId
    ) -> None:
        claim = await started(store, olga, await granted(store, olga, tick()))
        seen = (await store.open()).id
        assert await store.clear(seen, "report") == SHARDS - 1
        assert (await the_job(store)).active == 1
        await completed(store, claim, Outcome.SUCCEEDED)
        done = await the_run(store, NOON_TICK)
        assert (done.state, done.tally) == (RunState.CANCELLED, Tally(succeeded=1, cancelled=2))
        assert (await the_job(store)).active == 0

    async def test_runs_come_with_the_shards_beside_their_tick(
        self, store: Store, olga: SessionId
    ) -> None:
        await granted(store, olga, tick())
        listed = [run.id for run in await store.runs("report")]
        assert listed == [*reversed(NOON_SHARDS), NOON_TICK]

    async def test_nothing_is_wrong_with_a_tick_under_way_or_done(
        self, store: Store, olga: SessionId
    ) -> None:
        claims = await all_started(store, olga)
        assert await store.check("report") == []
        await end(store, claims, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.LOST)
        assert await store.check("report") == []
        assert await store.check_fleet() == []
