"""The end of an instance: what it still does, what it gives back, and that it does end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cronfleet.engine.instance import Instance
from cronfleet.model import Outcome, RunState
from tests.unit.engine.rig import TIMES, Rig, job, leave_a_stray
from tests.unit.engine.scripted_store import Answer, gone, late_answer, lost_answer, zombie
from tests.virtual_time import virtual_loop

CANCEL_GRACE_S = TIMES.cancel_grace_ms / 1000
CALL_S = TIMES.call_ms / 1000
DRAIN_S = TIMES.drain_ms / 1000


async def ended(working: asyncio.Task[None]) -> float:
    """Wait for the instance's end; answers how long that took."""
    loop = virtual_loop()
    began = loop.time()
    await working
    return loop.time() - began


async def begun(rig: Rig, instance: Instance) -> asyncio.Task[None]:
    working = asyncio.create_task(instance.run())
    await instance.joined.wait()
    return working


async def test_an_idle_instance_ends_at_once(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.quick))
    working = await begun(rig, instance)
    await asyncio.sleep(10.5)
    instance.stop()
    assert await ended(working) == 0


async def test_it_waits_for_its_handlers_and_records_their_outcome(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    instance.stop()
    virtual_loop().call_later(20, rig.handlers.gate.set)
    assert await ended(working) == pytest.approx(20, abs=0.01)
    assert (await rig.run()).state is RunState.SUCCEEDED


async def test_its_handlers_are_told_to_begin_nothing_new(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    (run,) = rig.handlers.entered
    assert not run.draining.is_set()
    instance.stop()
    assert (run.draining.is_set(), run.lost.is_set()) == (True, False)
    rig.handlers.gate.set()
    await working


async def test_it_claims_nothing_more(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated), job(rig.handlers.quick, "other"))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    instance.stop()
    await asyncio.sleep(1)
    await rig.trigger("other")
    before = rig.store.calls["claim"]
    await asyncio.sleep(10)
    assert rig.store.calls["claim"] == before
    assert (await rig.runs("other"))[0].state is RunState.PENDING
    rig.handlers.gate.set()
    await working


async def test_its_session_lives_as_long_as_its_handlers(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    async with rig.at_work(program="watcher"):
        await rig.until_run(RunState.STARTED)
        instance.stop()
        await asyncio.sleep(DRAIN_S - 1)
        assert instance._session.id in [each.session for each in await rig.store.instances()]
        rig.handlers.gate.set()
        await working
    assert (await rig.run()).state is RunState.SUCCEEDED


async def test_after_its_span_it_cancels_and_records_what_is_lost(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    instance.stop()
    assert await ended(working) == pytest.approx(DRAIN_S, abs=0.01)
    assert rig.handlers.entered[0].lost.is_set()
    assert len(rig.handlers.cancelled) == 1
    assert (await rig.run()).state is RunState.LOST


async def test_a_repeatable_run_that_it_had_to_cancel_is_another_instances_at_once(
    rig: Rig,
) -> None:
    instance = rig.make(job(rig.handlers.gated, on_lost="rerun"))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    instance.stop()
    await working
    run = await rig.run()
    assert (run.state, run.attempt) == (RunState.PENDING, 2)


async def test_to_be_drained_often_is_no_reason_to_pause_a_job_as_poisoned(rig: Rig) -> None:
    """Each roll-out cancels it, and none of its instances has been lost."""
    for attempt in range(1, 6):
        instance = rig.make(job(rig.handlers.gated, on_lost="rerun"))
        working = await begun(rig, instance)
        await rig.until(lambda attempt=attempt: len(rig.handlers.entered) == attempt)
        instance.stop()
        instance.stop()
        await working
    run = (await rig.runs())[-1]
    assert (run.state, run.attempt, run.losses) == (RunState.PENDING, 6, 0)
    assert [each.paused for each in await rig.store.jobs()] == [False]


async def test_a_repeatable_handler_that_would_not_end_is_a_loss(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.stubborn, on_lost="rerun"))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    instance.stop()
    instance.stop()
    await working
    run = await rig.run()
    assert (run.state, run.attempt, run.outcome) == (RunState.PENDING, 2, Outcome.LOST)
    rig.handlers.gate.set()
    await asyncio.sleep(0.01)


async def test_a_cancellation_that_a_driver_swallows_is_said_again(rig: Rig) -> None:
    async def swallowed(_: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await asyncio.Future[Answer]()
        except asyncio.CancelledError:
            raise gone("it was cancelled") from None

    instance = rig.make(job(rig.handlers.quick))
    working = await begun(rig, instance)
    rig.store.next("prune", swallowed)
    await rig.until(lambda: rig.store.calls["prune"] == 1)
    instance.stop()
    assert await ended(working) <= CALL_S + 0.1


async def test_a_second_stop_is_immediate(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    instance.stop()
    await asyncio.sleep(1)
    instance.stop()
    assert await ended(working) < 0.01


@pytest.mark.parametrize(
    ("stops", "span_s"), [(1, DRAIN_S + CANCEL_GRACE_S), (2, TIMES.hurried_grace_ms / 1000)]
)
async def test_a_handler_that_swallows_its_cancellation_is_left_behind_after_a_grace(
    rig: Rig, stops: int, span_s: float
) -> None:
    instance = rig.make(job(rig.handlers.stubborn))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    for _ in range(stops):
        instance.stop()
    assert await ended(working) == pytest.approx(span_s, abs=0.01)
    assert (await rig.run()).state is RunState.LOST
    rig.handlers.gate.set()
    await asyncio.sleep(0.01)


async def test_what_is_claimed_and_not_started_is_given_back(rig: Rig) -> None:
    """The answer to a claim that was under way when the drain began."""
    instance = rig.make(job(rig.handlers.quick))
    working = await begun(rig, instance)
    rig.store.next("claim", late_answer(1))
    await rig.until_run(RunState.CLAIMED)
    instance.stop()
    assert await ended(working) <= 1
    assert rig.handlers.entered == []
    assert (await rig.run()).state is RunState.PENDING


async def test_a_run_that_is_being_started_may_be_entered_while_it_drains(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.quick))
    working = await begun(rig, instance)
    rig.store.next("start", late_answer(1))
    await rig.until_run(RunState.STARTED)
    instance.stop()
    await working
    assert (await rig.run()).state is RunState.SUCCEEDED


async def test_when_it_hurries_no_handler_is_entered_any_more(rig: Rig) -> None:
    """Its start is answered when all others have been cancelled."""
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    rig.store.next("start", late_answer(1))
    await rig.until_run(RunState.STARTED)
    instance.stop()
    instance.stop()
    await working
    assert rig.handlers.entered == []
    run = await rig.run()
    assert (run.state, run.error) == (
        RunState.LOST,
        "its instance stopped; its handler was not entered",
    )


async def test_it_ends_in_bounded_time_though_the_store_is_away(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    rig.store.is_away = True
    instance.stop()
    assert await ended(working) <= DRAIN_S + CANCEL_GRACE_S + CALL_S + 0.1


async def test_it_ends_though_the_store_goes_away_while_it_gives_strays_back(rig: Rig) -> None:
    """A start that was never answered left a run to be told as lost, and then nobody answers."""
    instance = rig.make(job(rig.handlers.quick))
    working = await begun(rig, instance)
    rig.store.next("complete", *[lost_answer] * 1_000)
    await leave_a_stray(rig, RunState.STARTED)
    await rig.until(lambda: rig.store.calls["complete"] > 0)
    rig.store.is_away = True
    instance.stop()
    assert await ended(working) <= DRAIN_S + CANCEL_GRACE_S + CALL_S + 0.1


async def test_an_instance_that_is_cancelled_cancels_its_handlers_and_leaves(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await asyncio.sleep(0)
    assert len(rig.handlers.cancelled) == 1
    assert await rig.store.instances() == []


async def test_an_error_that_is_no_stores_ends_the_instance_and_its_handlers(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.gated))
    working = await begun(rig, instance)
    await rig.until_run(RunState.STARTED)
    rig.store.broken["peek"] = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await working
    await asyncio.sleep(0)
    assert len(rig.handlers.cancelled) == 1
    assert await rig.store.instances() == []


async def test_a_claim_that_arrives_after_it_left_is_refused(rig: Rig) -> None:
    instance = rig.make(job(rig.handlers.quick))
    working = await begun(rig, instance)
    rig.store.next("claim", zombie(after_s=30))
    await rig.until(lambda: rig.store.calls["claim"] == 1)
    instance.stop()
    await working
    await asyncio.sleep(31)
    assert await rig.runs() == []
