"""Jobs at run time: added, changed, removed; and what becomes of jobs that nobody declares."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Gap,
    JobState,
    Kind,
    OnLost,
    Outcome,
    Reason,
    RunId,
    RunState,
    SessionId,
    Tally,
)
from cronfleet.store import (
    Behind,
    Declaration,
    Declared,
    Moved,
    Ordered,
    PendingClaim,
    Store,
    mark,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    NOON,
    ONE_PM,
    PROGRAM,
    TWO_PM,
    bury,
    completed,
    edited,
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
    the_run,
    tick,
    triggered,
)

A_DAY = timedelta(days=1)
A_DAY_MS = 86_400_000


def of_handler(declaration: Declaration, handler: str = "tell") -> Declaration:
    """The same job, as it is added at run time."""
    return replace(declaration, handler=handler)


def first_time(declaration: Declaration, *, revives: bool) -> Declaration:
    return replace(declaration, revives=revives)


async def removed(store: Store, name: str = "report") -> Ordered:
    """Remove a job as it is, with no gap."""
    return await store.remove(name, moved_by(await the_job(store, name), None), order())


class RollBackTests(StoreTests):
    async def test_a_newer_definition_wins_again_after_a_roll_back(
        self, store: Store, anna: SessionId
    ) -> None:
        """Of those that are declared, the one that was seen first last is in force."""
        for _ in range(3):
            ben = await joined(store, "ben", report(edition=2))
            assert (await the_job(store)).digest == report(edition=2).digest
            await store.leave(ben)
            assert await store.sync_jobs(anna, PROGRAM, [report()]) == [Declared.CHANGED]

    async def test_two_old_definitions_come_back_the_newer_first(
        self, store: Store, anna: SessionId
    ) -> None:
        ben = await joined(store, "ben", report(edition=2))
        zoe = await joined(store, "zoe", report(edition=3))
        await store.leave(zoe)
        await store.sync_jobs(anna, PROGRAM, [report()])
        assert await store.sync_jobs(ben, PROGRAM, [report(edition=2)]) == [Declared.CHANGED]
        assert await store.sync_jobs(anna, PROGRAM, [report()]) == [Declared.SUPERSEDED]
        assert (await the_job(store)).digest == report(edition=2).digest


class DefineTests(StoreTests):
    async def test_a_job_is_added_without_a_session(self, store: Store) -> None:
        added = of_handler(report(first=ONE_PM))
        assert await store.define(PROGRAM, added, None, order(who="ops")) is Declared.NEW
        job = await the_job(store)
        assert (job.expected, job.program, job.handler) == (fire(ONE_PM), PROGRAM, "tell")
        assert [(each.verb, each.who) for each in await store.audit()] == [("add", "ops")]

    async def test_many_who_add_one_job_at_once_add_it_once(self, store: Store) -> None:
        editions = [report(edition=number) for number in range(20)]
        answers = await asyncio.gather(
            *(store.define(PROGRAM, each, None, order()) for each in editions)
        )
        assert Counter(answers) == {Declared.NEW: 1, Ordered.CHANGED: 19}
        assert (await the_job(store)).digest == editions[answers.index(Declared.NEW)].digest

    async def test_what_was_added_and_changed_since_is_not_added_again_under_its_key(
        self, store: Store
    ) -> None:
        """An unanswered order may be repeated."""
        once = order("key")
        await store.define(PROGRAM, report(), None, once)
        await store.define(PROGRAM, report(edition=2), 1, order())
        assert await store.define(PROGRAM, report(), None, once) is Declared.KEPT
        assert (await the_job(store)).digest == report(edition=2).digest

    async def test_what_is_ordered_is_newer_than_what_is_declared(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.sync_jobs(anna, PROGRAM, [report(edition=2)], [mark("tell")])
        await store.define(PROGRAM, of_handler(report()), 2, order())
        assert await store.sync_jobs(anna, PROGRAM, [report(edition=2)], [mark("tell")]) == [
            Declared.SUPERSEDED
        ]
        assert (await the_job(store)).digest == report().digest

    async def test_a_declared_definition_comes_back_when_nobody_has_the_handler(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.define(PROGRAM, of_handler(report(edition=2)), 1, order())
        assert await store.sync_jobs(anna, PROGRAM, [report()]) == [Declared.CHANGED]
        assert (await the_job(store)).handler == ""

    async def test_a_definition_never_seen_wins_over_one_that_was_ordered(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.define(PROGRAM, of_handler(report(edition=2)), 1, order())
        declared = [report(edition=3)]
        assert await store.sync_jobs(anna, PROGRAM, declared, [mark("tell")]) == [Declared.CHANGED]

    async def test_a_handler_of_another_program_declares_nothing(self, store: Store) -> None:
        await store.define(PROGRAM, of_handler(report()), None, order())
        zoe = await join(store, "zoe", program="billing")
        await store.sync_jobs(zoe, "billing", [], [mark("tell")])
        assert [job.name for job in await store.undeclared(["report"])] == ["report"]

    async def test_definitions_are_told_by_their_digests(
        self, store: Store, anna: SessionId
    ) -> None:
        asked = [report().digest, "0" * 32, report().digest]
        assert await store.definitions(asked) == [report().json, None, report().json]
        assert await store.definitions([]) == []


class RemoveTests(StoreTests):
    async def test_a_removed_job_makes_no_ticks_and_takes_no_orders(
        self, store: Store, anna: SessionId
    ) -> None:
        assert await removed(store) is Ordered.DONE
        assert (await the_job(store)).state is JobState.REMOVED
        assert is_refused((await store.claim(anna, [tick()]))[0])
        assert (await store.peek(PROGRAM, limit=5)).due == []
        assert await store.trigger("report", order()) is Ordered.UNKNOWN

    async def test_what_was_due_is_a_gap_that_says_why(self, store: Store, anna: SessionId) -> None:
        gap = Gap(NOON, NOON, 1, Reason.REMOVED)
        await store.remove("report", Moved(1, NOON, None, gap), order())
        assert [each.gap for each in await store.gaps("report")] == [gap]
        assert (await the_job(store)).watermark == NOON

    async def test_a_tick_that_was_claimed_meanwhile_is_not_removed_unseen(
        self, store: Store, anna: SessionId
    ) -> None:
        seen = moved_by(await the_job(store), None)
        await granted(store, anna, tick())
        assert await store.remove("report", seen, order()) is Ordered.CHANGED

    async def test_runs_that_nobody_has_in_hand_end_with_their_job(self, store: Store) -> None:
        await joined(store, "anna", report(limit=2))
        runs = [await triggered(store) for _ in range(4)]
        await removed(store)
        ended = [await the_run(store, run) for run in runs]
        states = [(run.state, run.reason) for run in ended]
        assert states == [(RunState.CANCELLED, None)] * 2 + [(RunState.SKIPPED, Reason.REMOVED)] * 2
        assert (await the_job(store)).active == 0

    async def test_more_runs_than_the_limit_end_when_the_order_is_given_again(
        self, store: Store
    ) -> None:
        await joined(store, "anna", report(limit=3))
        runs = [await triggered(store) for _ in range(5)]
        moved, once = moved_by(await the_job(store), None), order()
        answers = [await store.remove("report", moved, once, limit=2) for _ in range(3)]
        assert answers == [Ordered.MORE, Ordered.MORE, Ordered.DONE]
        assert all([(await the_run(store, run)).ended_at for run in runs])
        assert len([each for each in await store.audit() if each.verb == "remove"]) == 1

    async def test_a_started_run_ends_as_it_does_and_is_not_tried_again(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        await removed(store)
        await completed(store, claim, Outcome.FAILED, retry_in_ms=1_000, error="why")
        run = await the_run(store, claim.run)
        assert (run.state, run.error) == (RunState.FAILED, "why")
        assert (await the_job(store)).active == 0

    async def test_a_claimed_run_may_be_started(self, store: Store, anna: SessionId) -> None:
        claim = await granted(store, anna, tick())
        await removed(store)
        await started(store, anna, claim)
        await completed(store, claim, Outcome.SUCCEEDED)
        assert (await the_run(store, claim.run)).state is RunState.SUCCEEDED

    async def test_a_claimed_run_that_is_given_back_is_cancelled(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        await removed(store)
        assert await store.release([claim]) == [True]
        assert (await the_run(store, claim.run)).state is RunState.CANCELLED
        assert (await the_job(store)).active == 0

    async def test_a_lost_run_is_not_run_again(self, store: Store, clock: ManualClock) -> None:
        anna = await joined(store, "anna", report(on_lost=OnLost.RERUN))
        claim = await started(store, anna, await granted(store, anna, tick()))
        await removed(store)
        await bury(store, clock, anna)
        assert (await the_run(store, claim.run)).state is RunState.LOST

    async def test_nothing_takes_the_place_of_a_run_that_ends(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await started(store, anna, await granted(store, anna, tick()))
        for _ in range(3):
            await triggered(store)
        await store.remove("report", moved_by(await the_job(store), None), order(), limit=1)
        await completed(store, claim, Outcome.SUCCEEDED)
        seen = await store.peek(PROGRAM, limit=9)
        assert seen.pending == []

    async def test_the_shards_that_nobody_has_in_hand_end_with_their_job(
        self, store: Store
    ) -> None:
        """One is done, one started, one claimed, one pending; the tick is done with the last."""
        anna = await joined(store, "anna", report(shards=4))
        shards = [PendingClaim(run) for run in RunId("report", NOON).of_shards(4)]
        claims = [await granted(store, anna, item) for item in (tick(), *shards[1:3])]
        done, begun = [await started(store, anna, claim) for claim in claims[:2]]
        await completed(store, done, Outcome.SUCCEEDED)
        assert await removed(store) is Ordered.DONE
        assert await store.release([claims[2]]) == [True]
        assert (await the_job(store)).active == 1
        await completed(store, begun, Outcome.SUCCEEDED)
        whole = await the_run(store, begun.run.whole)
        assert (whole.outcome, whole.tally) == (Outcome.CANCELLED, Tally(succeeded=2, cancelled=2))
        assert (await the_job(store)).active == 0

    async def test_an_update_of_shards_is_of_the_ticks_to_come(self, store: Store) -> None:
        anna = await joined(store, "anna", report(shards=2))
        claim = await granted(store, anna, tick())
        job, more = await the_job(store), of_handler(report(edition=2, shards=3, first=ONE_PM))
        await store.define(PROGRAM, more, job.generation, order())
        assert (await the_run(store, claim.run.whole)).shards == 2
        assert (await the_job(store)).shards == 3

    async def test_created_again_it_goes_on_with_its_watermark_and_generation(
        self, store: Store, anna: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        await removed(store)
        again = of_handler(report(edition=2))
        assert await store.define(PROGRAM, again, None, order()) == Behind(NOON)
        ahead = edited(again, TWO_PM)
        assert await store.define(PROGRAM, ahead, None, order()) is Declared.NEW
        job = await the_job(store)
        assert (job.watermark, job.generation, job.expected) == (NOON, 3, fire(TWO_PM))
        assert (job.active, job.state) == (1, JobState.SCHEDULED)
        assert (await the_run(store, claim.run)).state is RunState.CLAIMED

    async def test_whoever_declares_it_for_the_first_time_brings_it_back(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.pause("report", order())
        await removed(store)
        known = first_time(report(first=ONE_PM), revives=False)
        assert await store.sync_jobs(anna, PROGRAM, [known]) == [Declared.REMOVED]
        assert (await the_job(store)).state is JobState.REMOVED
        ben = await join(store, "ben")
        assert await store.sync_jobs(ben, PROGRAM, [report(first=ONE_PM)]) == [Declared.NEW]
        job = await the_job(store)
        assert (job.state, job.edition, job.expected) == (JobState.PAUSED, 1, fire(ONE_PM))

    async def test_the_name_of_a_removed_job_stays_its_program_s(
        self, store: Store, anna: SessionId
    ) -> None:
        await removed(store)
        zoe = await join(store, "zoe", program="billing")
        (answer,) = await store.sync_jobs(zoe, "billing", [report()])
        assert not isinstance(answer, Declared)


class UndeclaredTests(StoreTests):
    async def test_it_is_noted_since_when_no_open_session_declares_a_job(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        assert await store.undeclared(["report", "nobody"]) == []
        await store.leave(anna)
        (noted,) = await store.undeclared(["report"])
        clock.advance(A_DAY)
        assert await store.undeclared(["report"]) == [noted]
        assert noted.undeclared_since == NOON

    async def test_whoever_declares_it_again_takes_the_note_back(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.leave(anna)
        await store.undeclared(["report"])
        await joined(store, "ben", report())
        assert (await the_job(store)).undeclared_since is None

    async def test_a_handler_declares_the_jobs_that_name_it(self, store: Store) -> None:
        """All of them, or of an instance that runs only some jobs those."""
        for name in ("one", "two"):
            await store.define(PROGRAM, of_handler(report(name)), None, order())
        anna = await join(store, "anna")
        await store.sync_jobs(anna, PROGRAM, [], [mark("tell", "one"), mark("other")])
        assert [job.name for job in await store.undeclared(["one", "two"])] == ["two"]
        await store.sync_jobs(anna, PROGRAM, [], [mark("tell")])
        assert await store.undeclared(["one", "two"]) == []

    async def test_an_expired_session_declares_until_it_is_closed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.advance(A_DAY)
        assert await store.undeclared(["report"]) == []
        assert await store.close(anna, 0, (await store.open()).epoch)
        assert len(await store.undeclared(["report"])) == 1

    async def test_a_job_that_was_undeclared_for_so_long_is_removed_and_no_other(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.leave(anna)
        await store.undeclared(["report"])
        clock.advance(A_DAY - timedelta(milliseconds=1))
        moved = moved_by(await the_job(store), None)

        async def remove() -> Ordered:
            return await store.remove("report", moved, order(), undeclared_ms=A_DAY_MS)

        assert await remove() is Ordered.CHANGED
        clock.advance(timedelta(milliseconds=1))
        assert await remove() is Ordered.DONE

    async def test_a_job_that_is_declared_again_is_not_removed_for_what_was_noted(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        """By a handler: that changes nothing of the job itself."""
        await store.define(PROGRAM, of_handler(report("added")), None, order())
        await store.undeclared(["added"])
        clock.advance(A_DAY)
        await store.sync_jobs(anna, PROGRAM, [report()], [mark("tell")])
        moved = moved_by(await the_job(store, "added"), None)
        answer = await store.remove("added", moved, order(), undeclared_ms=A_DAY_MS)
        assert answer is Ordered.CHANGED

    async def test_a_gap_of_any_program_can_be_written_by_any_session(
        self, store: Store, anna: SessionId
    ) -> None:
        zoe = await join(store, "zoe", program="billing")
        gap = Gap(NOON, NOON, 1, Reason.NO_INSTANCE)
        item = replace(tick(), fire_time=None, gap=gap)
        await store.claim(zoe, [item])
        assert [each.gap for each in await store.gaps("report")] == [gap]

    async def test_a_manual_run_of_an_added_job_is_pending_for_its_program(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.define(PROGRAM, of_handler(report("added")), None, order())
        run = await triggered(store, "added")
        claim = await granted(store, anna, PendingClaim(run))
        assert (claim.kind, claim.digest) == (Kind.MANUAL, report("added").digest)
