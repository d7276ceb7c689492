"""Calls whose answers are lost or late, and what becomes of the runs that they were about."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from cronfleet import RunContext, every
from cronfleet.model import Outcome, RunState
from cronfleet.registry import Retry
from tests.unit.engine.rig import EACH_SECOND, TIMES, TTL_S, Rig, job, leave_a_stray
from tests.unit.engine.scripted_store import (
    Fault,
    first,
    late_answer,
    late_request,
    lost_answer,
    lost_request,
    not_got_to,
    zombie,
)

HOURLY = every(timedelta(hours=1))
CALL_S = TIMES.call_ms / 1000


# --- claim


async def test_a_claim_whose_answer_is_lost_is_found_by_held_and_released(rig: Rig) -> None:
    rig.store.next("claim", lost_answer)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        run = await rig.until_run(RunState.CLAIMED)
        asked = rig.store.calls["held"]
        await asyncio.sleep(2 * CALL_S - 0.1)
        assert rig.store.calls["held"] == asked  # A request under way could still arrive.
        await rig.until_run(RunState.SUCCEEDED, within_s=1.2)
    assert rig.store.calls["held"] == asked + 1
    assert rig.handlers.ticks == [str(run.id)]
    assert (await rig.run()).attempt == 1


async def test_a_claim_that_never_arrived_is_made_again(rig: Rig) -> None:
    rig.store.next("claim", lost_request)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.SUCCEEDED, within_s=1.2)


async def test_a_claim_that_arrives_after_all_is_found_by_held_too(rig: Rig) -> None:
    rig.store.next("claim", zombie(after_s=0.5))
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.CLAIMED)
        await rig.until_run(RunState.SUCCEEDED, within_s=2 * CALL_S + 1.2)
    assert len(rig.handlers.entered) == 1


async def test_when_held_is_unanswered_it_is_asked_again(rig: Rig) -> None:
    rig.store.next("claim", lost_answer)
    rig.store.next("held", lost_request, lost_answer)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.CLAIMED)
        await rig.until_run(RunState.SUCCEEDED, within_s=2 * CALL_S + 3.2)


async def test_when_the_release_of_what_held_found_is_lost_it_is_found_again(rig: Rig) -> None:
    rig.store.next("claim", lost_answer)
    rig.store.next("release", lost_request)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.CLAIMED)
        await rig.until_run(RunState.SUCCEEDED, within_s=2 * TTL_S)


async def test_a_claim_answered_after_the_sessions_end_is_not_started(rig: Rig) -> None:
    """The call took longer than the session lasted without a renewal."""
    rig.store.next("claim", late_answer(TTL_S))
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(59)
        rig.fail_renewals()
        await rig.until_run(RunState.CLAIMED)
        await asyncio.sleep(TTL_S + 1)
        assert rig.store.calls["start"] == 0
        rig.store.renewals_fail_for.clear()
        await rig.until_run(RunState.SUCCEEDED, within_s=2 * CALL_S + 3)
    assert len(rig.handlers.entered) == 1


async def test_a_run_in_hand_is_never_taken_for_a_stray(rig: Rig) -> None:
    """The second tick's claim goes unanswered while the first tick's handler runs."""
    async with rig.at_work(job(rig.handlers.gated, max_active=2)):
        await rig.next_due()
        await rig.until(lambda: len(rig.handlers.entered) == 1)
        rig.store.next("claim", lost_answer)
        await rig.next_due()
        await rig.until(lambda: len(rig.handlers.entered) == 2)
        assert [run.state for run in await rig.runs()] == [RunState.STARTED] * 2
        rig.handlers.gate.set()
        await rig.until(lambda: len(rig.handlers.ended) == 2)
    assert [run.state for run in await rig.runs()] == [RunState.SUCCEEDED] * 2


async def test_a_run_that_the_store_holds_for_us_unasked_is_found_at_the_second_renewal(
    rig: Rig,
) -> None:
    """A zombie claim that arrives later than anybody thought possible."""
    rig.store.next("claim", zombie(after_s=0.1))
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await rig.next_due()
        await rig.until_run(RunState.CLAIMED)
        instance._reconciling._due, instance._reconciling._calls_land_by = 10**12, 0
        taken = rig.clock.boot_ms()
        await rig.until_run(RunState.SUCCEEDED)
        assert rig.clock.boot_ms() - taken <= 3 * TIMES.renewal_ms


async def test_a_stray_is_found_however_busy_the_instance_is(rig: Rig) -> None:
    """It holds something most of the time: what counts is what it held while it was counted."""
    async with rig.at_work(
        job(rig.handlers.quick, schedule=HOURLY), job(rig.handlers.quick, "busy", EACH_SECOND)
    ):
        await asyncio.sleep(5.5)
        await leave_a_stray(rig, RunState.CLAIMED)
        await rig.until_run(RunState.SUCCEEDED, within_s=3 * TIMES.renewal_ms / 1000 + 1)


async def test_a_stray_that_the_counts_hide_is_found_all_the_same(rig: Rig) -> None:
    """Each completion is answered late: what it believes to hold the store has long recorded."""
    churn = job(rig.handlers.quick, "churn", EACH_SECOND, overlap="allow")
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY), churn):
        await asyncio.sleep(1.2)
        rig.store.next("complete", *[late_answer(1.1)] * 400)
        await leave_a_stray(rig, RunState.CLAIMED)
        await rig.until_run(RunState.SUCCEEDED, within_s=TIMES.reconcile_ms / 1000 + 2)


async def test_what_is_held_by_an_earlier_session_hides_no_stray_of_this_one(rig: Rig) -> None:
    async with rig.at_work(
        job(rig.handlers.quick, schedule=HOURLY), job(rig.handlers.gated, "abandoned")
    ):
        await rig.until_run(RunState.STARTED, "abandoned")
        await rig.close_all()
        await rig.until(lambda: rig.store.calls["join"] == 2)
        await leave_a_stray(rig, RunState.CLAIMED)
        await rig.until_run(RunState.SUCCEEDED, within_s=3 * TIMES.renewal_ms / 1000 + 1)
        rig.handlers.gate.set()


@pytest.mark.parametrize(
    ("state", "end"), [(RunState.CLAIMED, RunState.SUCCEEDED), (RunState.STARTED, RunState.LOST)]
)
async def test_a_stray_that_is_claimed_goes_back_and_one_that_is_started_is_lost(
    rig: Rig, state: RunState, end: RunState
) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY)):
        await leave_a_stray(rig, state)
        await rig.until_run(end, within_s=3 * TIMES.renewal_ms / 1000 + 1)


async def test_a_stray_whose_loss_the_store_did_not_get_to_is_told_as_lost_again(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=HOURLY)):
        await leave_a_stray(rig, RunState.STARTED)
        rig.store.next("complete", not_got_to)
        await rig.until_run(RunState.LOST, within_s=3 * TIMES.renewal_ms / 1000 + 2)


# --- start


async def test_a_start_whose_answer_is_lost_is_repeated_with_the_same_id(rig: Rig) -> None:
    rig.store.next("start", lost_answer, lost_answer, lost_request)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.SUCCEEDED, within_s=1)
    assert rig.store.calls["start"] == 4
    assert len(rig.handlers.entered) == 1


async def test_a_start_that_is_never_answered_gives_its_run_up_and_enters_nothing(
    rig: Rig,
) -> None:
    rig.store.next("start", *[lost_request] * 100)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.CLAIMED)
        rig.fail_renewals()
        await asyncio.sleep(TTL_S)
        rig.store._faults["start"].clear()
        rig.store.renewals_fail_for.clear()
        assert rig.handlers.entered == []
        await rig.until_run(RunState.SUCCEEDED, within_s=2 * CALL_S + 3)
    assert len(rig.handlers.entered) == 1
    assert (await rig.run()).attempt == 1


async def test_a_start_answered_after_the_deadline_enters_nothing_and_its_run_is_lost(
    rig: Rig,
) -> None:
    rig.store.next("start", late_answer(TTL_S))
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.STARTED)
        rig.fail_renewals()
        await asyncio.sleep(TTL_S)
        rig.store.renewals_fail_for.clear()
        run = await rig.until_run(RunState.LOST)
    assert rig.handlers.entered == []
    assert "not entered" in run.error


async def test_a_start_that_arrives_when_its_run_was_given_up_is_told_as_lost(rig: Rig) -> None:
    """Nobody is in its handler, so nobody would ever complete it."""
    rig.store.next("start", zombie(after_s=TTL_S - 1.5))
    rig.store.next("start", *[lost_request] * 100)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.CLAIMED)
        rig.fail_renewals()
        await rig.until_run(RunState.STARTED)
        await asyncio.sleep(1)
        rig.store._faults["start"].clear()
        rig.store.renewals_fail_for.clear()
        run = await rig.until_run(RunState.LOST, within_s=TTL_S * 2)
    assert rig.handlers.entered == []
    assert run.outcome is Outcome.LOST


async def test_a_start_that_is_refused_enters_nothing_and_its_run_goes_elsewhere(rig: Rig) -> None:
    """Its session was closed while the request was under way; nor can the claim be given back."""
    rig.store.next("start", first(rig.close_all))
    rig.store.next("release", lost_request)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.until(lambda: rig.store.calls["release"] == 1)
        assert rig.handlers.entered == []
        run = await rig.until_run(RunState.SUCCEEDED)
    assert (run.attempt, len(rig.handlers.entered)) == (1, 1)


async def test_of_starts_in_one_batch_each_has_its_own_answer(rig: Rig) -> None:
    jobs = [job(rig.handlers.quick, f"job-{n}") for n in range(300)]
    async with rig.at_work(*jobs):
        await rig.next_due()
        await rig.until(lambda: len(rig.handlers.entered) == 300, within_s=5)
        await asyncio.sleep(1)
    assert rig.store.calls["start"] <= 5
    assert rig.store.calls["complete"] <= 5


# --- complete


@pytest.mark.parametrize("fault", [lost_answer, lost_request, late_request(2), late_answer(2)])
async def test_an_outcome_is_repeated_until_it_is_recorded(rig: Rig, fault: Fault) -> None:
    rig.store.next("complete", fault, fault)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        run = await rig.until_run(RunState.SUCCEEDED, within_s=5)
        await asyncio.sleep(5)
    assert run.outcome is Outcome.SUCCEEDED
    assert len(rig.handlers.entered) == 1


async def test_an_outcome_that_the_store_did_not_get_to_is_said_again(rig: Rig) -> None:
    rig.store.next("complete", not_got_to, not_got_to)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        await rig.until_run(RunState.SUCCEEDED, within_s=5)
        await rig.until(lambda: rig.store.calls["complete"] == 3)
    assert len(rig.handlers.entered) == 1


async def test_a_failure_whose_retry_is_recorded_twice_is_tried_again_once(rig: Rig) -> None:
    async def fail(run: RunContext) -> None:
        rig.handlers.entered.append(run)
        raise OSError("no paper")

    twice = Retry(attempts=2, first=timedelta(seconds=5))
    rig.store.next("complete", lost_answer)
    async with rig.at_work(job(fail, retry=twice)):
        await rig.next_due()
        run = await rig.until_run(RunState.FAILED, within_s=10)
    assert [entered.attempt for entered in rig.handlers.entered] == [1, 2]
    assert run.attempt == 2


async def test_while_the_store_is_away_handlers_go_on_and_their_outcome_waits(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        await rig.next_due()
        await rig.until(lambda: len(rig.handlers.entered) == 1)
        rig.store.is_away = True
        await asyncio.sleep(100)
        rig.handlers.gate.set()
        await asyncio.sleep(100)
        assert len(rig.handlers.ended) == 1
        rig.store.is_away = False
        await rig.until_run(RunState.SUCCEEDED, within_s=5)
