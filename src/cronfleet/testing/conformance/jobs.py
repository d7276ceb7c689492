"""Declared jobs: which definition is in force, and where its ticks begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cronfleet.clock import ManualClock
from cronfleet.model import Fire, JobState, RunState, SessionId
from cronfleet.store import MOST_SUPERSEDED, Behind, Declared, Foreign, Store, mark
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    NOON,
    ONE_PM,
    PROGRAM,
    TWO_PM,
    bury,
    fire,
    granted,
    is_refused,
    join,
    joined,
    order,
    report,
    the_job,
    the_run,
    tick,
    triggered,
)


class JobTests(StoreTests):
    async def test_a_new_job_begins_where_its_declaration_says(self, store: Store) -> None:
        anna = await join(store, "anna")
        assert await store.sync_jobs(anna, PROGRAM, [report(first=ONE_PM)]) == [Declared.NEW]
        job = await the_job(store)
        assert (job.expected, job.generation, job.watermark) == (fire(ONE_PM), 1, -1)
        assert (job.state, job.active, job.program) == (JobState.SCHEDULED, 0, PROGRAM)

    async def test_the_definition_is_kept_by_its_digest(
        self, store: Store, anna: SessionId
    ) -> None:
        assert await store.definition(report().digest) == report().json
        assert await store.definition("0" * 32) is None

    async def test_the_same_definition_changes_nothing(self, store: Store, anna: SessionId) -> None:
        before = await the_job(store)
        assert await store.sync_jobs(anna, PROGRAM, [report(first=TWO_PM)]) == [Declared.KEPT]
        assert await the_job(store) == before

    async def test_a_job_without_a_first_fire_is_finished(self, store: Store) -> None:
        await joined(store, "anna", report(first=None))
        assert (await the_job(store)).state is JobState.FINISHED

    async def test_an_edit_that_keeps_the_schedule_keeps_the_expected_tick(
        self, store: Store, anna: SessionId
    ) -> None:
        edit = report(edition=2, first=TWO_PM, limit=3)
        assert await store.sync_jobs(anna, PROGRAM, [edit]) == [Declared.CHANGED]
        job = await the_job(store)
        assert (job.expected, job.generation, job.limit) == (fire(NOON), 2, 3)

    async def test_another_schedule_leaves_a_tick_that_is_due(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, schedule="daily", first=TWO_PM)])
        assert (await the_job(store)).expected == fire(NOON)

    async def test_another_schedule_moves_a_tick_that_is_not_due_yet(self, store: Store) -> None:
        anna = await joined(store, "anna", report(first=ONE_PM))
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, schedule="daily", first=TWO_PM)])
        assert (await the_job(store)).expected == fire(TWO_PM)

    async def test_a_schedule_that_ends_by_an_edit_finishes_the_job(self, store: Store) -> None:
        anna = await joined(store, "anna", report(first=ONE_PM))
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, schedule="over", first=None)])
        assert (await the_job(store)).state is JobState.FINISHED
        assert (await store.peek(PROGRAM, limit=5)).next_due is None

    async def test_an_edit_may_not_go_back_behind_the_watermark(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        clock.leap(timedelta(hours=-1))
        edit = report(edition=2, schedule="daily", first=NOON)
        assert await store.sync_jobs(anna, PROGRAM, [edit]) == [Behind(NOON)]
        assert (await the_job(store)).generation == 1

    async def test_a_name_of_another_program_is_foreign(
        self, store: Store, anna: SessionId
    ) -> None:
        zoe = await join(store, "zoe", program="billing")
        assert await store.sync_jobs(zoe, "billing", [report()]) == [Foreign(PROGRAM)]
        assert (await the_job(store)).program == PROGRAM

    async def test_a_superseded_definition_waits_while_the_current_one_is_declared(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        ben = await joined(store, "ben", report(edition=2))
        assert await store.sync_jobs(anna, PROGRAM, [report()]) == [Declared.SUPERSEDED]
        assert (await the_job(store)).digest == report(edition=2).digest
        await store.leave(ben)
        assert await store.sync_jobs(anna, PROGRAM, [report()]) == [Declared.CHANGED]
        assert (await the_job(store)).digest == report().digest

    async def test_of_superseded_definitions_the_last_are_remembered_and_no_more(
        self, store: Store, anna: SessionId
    ) -> None:
        editions = [report(edition=number) for number in range(2, MOST_SUPERSEDED + 5)]
        for each in editions:
            assert await store.sync_jobs(anna, PROGRAM, [each]) == [Declared.CHANGED]
        ben = await join(store, "ben")
        remembered, forgotten = editions[-1 - MOST_SUPERSEDED], editions[-2 - MOST_SUPERSEDED]
        assert await store.definition(editions[-1].digest) == editions[-1].json
        assert await store.definition(remembered.digest) == remembered.json
        assert await store.definition(forgotten.digest) is None
        assert await store.sync_jobs(ben, PROGRAM, [remembered]) == [Declared.SUPERSEDED]

    async def test_what_code_declared_is_remembered_however_often_orders_change_it(
        self, store: Store, anna: SessionId
    ) -> None:
        ordered = [
            replace(report(edition=2 + number), handler="tell")
            for number in range(MOST_SUPERSEDED + 5)
        ]
        for each in ordered:
            seen = (await the_job(store)).generation
            assert await store.define(PROGRAM, each, seen, order()) is Declared.CHANGED
        marks = [mark("tell")]
        assert await store.sync_jobs(anna, PROGRAM, [report()], marks) == [Declared.SUPERSEDED]
        assert await store.definition(ordered[4].digest) == ordered[4].json
        assert await store.definition(ordered[3].digest) is None

    async def test_a_definition_that_came_back_is_not_forgotten_while_it_is_in_force(
        self, store: Store, anna: SessionId
    ) -> None:
        for number in range(2, MOST_SUPERSEDED + 5):
            await store.sync_jobs(anna, PROGRAM, [report(edition=number)])
            await store.sync_jobs(anna, PROGRAM, [report()])
        assert (await the_job(store)).digest == report().digest
        assert await store.definition(report().digest) == report().json

    async def test_an_instance_may_go_back_to_its_own_old_definition(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.sync_jobs(anna, PROGRAM, [report(edition=2)])
        assert await store.sync_jobs(anna, PROGRAM, [report()]) == [Declared.CHANGED]

    async def test_a_closed_session_declares_nothing(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await bury(store, clock, anna)
        assert await store.sync_jobs(anna, PROGRAM, [report(edition=2)]) == [Declared.SUPERSEDED]
        assert (await the_job(store)).digest == report().digest

    async def test_a_claim_that_saw_the_job_before_an_edit_is_refused(
        self, store: Store, anna: SessionId
    ) -> None:
        await store.sync_jobs(anna, PROGRAM, [report(edition=2)])
        (answer,) = await store.claim(anna, [tick()])
        assert is_refused(answer)

    async def test_a_higher_limit_lets_waiting_runs_go(self, store: Store, anna: SessionId) -> None:
        await triggered(store)
        waiting = [await triggered(store), await triggered(store)]
        await store.sync_jobs(anna, PROGRAM, [report(edition=2, limit=2)])
        states = [(await the_run(store, run)).state for run in waiting]
        assert states == [RunState.PENDING, RunState.WAITING]

    async def test_hundreds_of_jobs_are_declared_in_one_call(self, store: Store) -> None:
        anna = await join(store, "anna")
        many = [report(f"job-{n:03}") for n in range(450)]
        assert await store.sync_jobs(anna, PROGRAM, many) == [Declared.NEW] * 450
        assert await store.sync_jobs(anna, PROGRAM, many) == [Declared.KEPT] * 450

    async def test_jobs_are_listed_by_name_in_pages(self, store: Store) -> None:
        names = [f"job-{n}" for n in (3, 1, 2, 10)]
        await joined(store, "anna", *(report(name) for name in names))
        first = [job.name for job in await store.jobs(limit=3)]
        rest = [job.name for job in await store.jobs(limit=3, after=first[-1])]
        assert first + rest == sorted(names)

    async def test_an_unknown_job_is_none(self, store: Store) -> None:
        assert await store.job("nobody") is None

    async def test_a_due_instant_later_than_the_fire_time_is_kept(self, store: Store) -> None:
        jittered = Fire(NOON, NOON + 500)
        await joined(store, "anna", replace(report(), first=jittered))
        seen = await store.peek(PROGRAM, limit=5)
        assert [each.expected for each in seen.soon] == [jittered]
        assert seen.due == []
        assert seen.next_due == NOON + 500
