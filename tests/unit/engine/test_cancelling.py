"""Runs that a person cancels, in the hands of an instance."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cronfleet import Retry
from cronfleet.model import RunId, RunState
from cronfleet.store import CANCEL, Order
from tests.unit.engine.rig import EACH_SECOND, TIMES, Rig, job

ORDER = Order("key", "ops", "a mistake")


async def entered(rig: Rig) -> RunId:
    """A run whose handler has been entered."""
    await rig.trigger()
    await rig.until(lambda: bool(rig.handlers.entered))
    return (await rig.run()).id


def deaf(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints about cancels are lost."""
    tell = rig.store._hub.tell

    def tell_but_cancels(topic: str) -> None:
        if topic != CANCEL:
            tell(topic)

    monkeypatch.setattr(rig.store._hub, "tell", tell_but_cancels)


async def test_its_handler_is_cancelled_at_once_and_the_run_says_who_wanted_it(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        run = await entered(rig)
        await asyncio.sleep(0.5)
        await rig.store.cancel(run, ORDER)
        took = await rig.until(lambda: bool(rig.handlers.cancelled))
        ended = await rig.until_run(RunState.CANCELLED)
    assert took < 0.1
    assert ended.error == "asked to cancel by ops: a mistake"


async def test_without_a_hint_it_hears_of_it_with_its_next_renewal(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf(rig, monkeypatch)
    async with rig.at_work(job(rig.handlers.gated)):
        await rig.store.cancel(await entered(rig), ORDER)
        took = await rig.until(lambda: bool(rig.handlers.cancelled))
        await rig.until_run(RunState.CANCELLED)
    assert took <= TIMES.renewal_ms / 1000


async def test_an_answer_that_is_lost_is_made_up_for_by_the_next(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        run = await entered(rig)
        rig.store.renewals_fail = 2
        await rig.store.cancel(run, ORDER)
        await rig.until_run(RunState.CANCELLED)


async def test_a_handler_that_takes_no_notice_is_given_up_after_the_grace(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.stubborn)):
        await rig.store.cancel(await entered(rig), ORDER)
        await rig.until(lambda: bool(rig.handlers.cancelled))
        ended = await rig.until_run(RunState.CANCELLED, within_s=TIMES.cancel_grace_ms / 1000 + 1)
        rig.handlers.gate.set()
    assert "did not end when cancelled" in ended.error


@pytest.mark.parametrize("options", [{"retry": Retry()}, {"on_lost": "rerun"}])
async def test_it_is_not_tried_again(rig: Rig, options: Any) -> None:
    async with rig.at_work(job(rig.handlers.gated, **options)):
        await rig.store.cancel(await entered(rig), ORDER)
        await rig.until_run(RunState.CANCELLED)
        await asyncio.sleep(30)
        assert len(rig.handlers.entered) == 1


async def test_under_replace_the_newest_tick_goes_on_when_the_one_before_has_ended(
    rig: Rig,
) -> None:
    async with rig.at_work(job(rig.handlers.gated, overlap="replace")):
        for ticks in (1, 2, 3):
            await rig.until(lambda ticks=ticks: len(rig.handlers.entered) == ticks)
        first, second = (run.run_id for run in rig.handlers.cancelled)
        assert rig.handlers.ticks[:2] == [first, second]
        newest_first = await rig.runs()
    ended = [run for run in newest_first if run.state is RunState.CANCELLED]
    assert [run.error for run in ended[-2:]] == [
        f"asked to cancel, replaced by {each}" for each in (rig.handlers.ticks[2], second)
    ]


async def test_the_next_one_goes_on_when_it_has_ended(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        run = await entered(rig)
        await rig.trigger()
        await rig.store.cancel(run, ORDER)
        await rig.until(lambda: len(rig.handlers.entered) == 2)


async def test_others_of_the_same_instance_go_on(rig: Rig) -> None:
    jobs = [job(rig.handlers.gated), job(rig.handlers.quick, "quick", EACH_SECOND)]
    async with rig.at_work(*jobs):
        await rig.store.cancel(await entered_report(rig), ORDER)
        await rig.until_run(RunState.CANCELLED)
        before = len(rig.handlers.entered)
        await rig.until(lambda: len(rig.handlers.entered) > before + 2)
        assert [run.job for run in rig.handlers.cancelled] == ["report"]


async def entered_report(rig: Rig) -> RunId:
    await rig.trigger()
    await rig.until(lambda: any(run.job == "report" for run in rig.handlers.entered))
    return (await rig.run()).id


async def test_an_instance_at_rest_renews_no_sooner_because_others_are_asked(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        await asyncio.sleep(1)
        before = [each.expires_at for each in await rig.store.instances()]
        rig.store._hub.tell(CANCEL)
        await asyncio.sleep(0.2)
        assert [each.expires_at for each in await rig.store.instances()] == before


async def test_a_cancelled_run_that_nobody_has_claimed_is_never_entered(rig: Rig) -> None:
    stranger = await rig.declare(job(rig.handlers.gated))
    await rig.trigger()
    run = (await rig.run()).id
    await rig.store.leave(stranger)
    await rig.store.cancel(run, ORDER)
    async with rig.at_work(job(rig.handlers.gated)):
        await asyncio.sleep(5)
    assert rig.handlers.entered == []
