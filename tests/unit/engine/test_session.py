"""Joining, being lost and joining anew, burying the dead, and when nothing may be claimed."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from cronfleet import cron
from cronfleet.engine.seats import Seats
from cronfleet.errors import ForeignJobError, StoreUnavailableError
from cronfleet.model import RunState, SessionId, StartId
from cronfleet.store import Granted, Order, PendingClaim, Start, Triggered
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.rig import TIMES, TTL_S, Rig, job
from tests.unit.engine.scripted_store import (
    Fault,
    after,
    first,
    late_answer,
    lost_answer,
    lost_request,
)

RENEWAL_S = TIMES.renewal_ms / 1000


async def sessions(rig: Rig) -> list[SessionId]:
    return [each.session for each in await rig.store.instances()]


# --- joining


@pytest.mark.parametrize("operation", ["open", "join", "sync_jobs"])
@pytest.mark.parametrize("fault", [lost_request, lost_answer])
async def test_an_instance_that_cannot_join_says_so_and_leaves_nothing_behind(
    rig: Rig, operation: str, fault: Fault
) -> None:
    """The rig sees to it that no thread and no task is left."""
    rig.times = replace(rig.times, patience_ms=0)
    rig.store.next(operation, fault)
    with pytest.raises(StoreUnavailableError):
        await rig.make(job(rig.handlers.quick)).run()
    await asyncio.sleep(TTL_S)
    renewals = rig.store.calls["renew"]
    await asyncio.sleep(TTL_S)
    assert rig.store.calls["renew"] == renewals


@pytest.mark.parametrize("operation", ["open", "join", "sync_jobs"])
@pytest.mark.parametrize("fault", [lost_request, lost_answer])
async def test_an_answer_lost_at_the_start_is_waited_for(
    rig: Rig, operation: str, fault: Fault
) -> None:
    rig.store.next(operation, fault)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.until_run(RunState.SUCCEEDED)


async def test_a_job_of_another_program_keeps_an_instance_from_joining(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick), program="theirs"):
        with pytest.raises(ForeignJobError, match="belongs to program 'theirs'"):
            await rig.make(job(rig.handlers.quick), program="ours").run()
        assert len(await sessions(rig)) == 1


async def test_an_instance_that_is_cancelled_while_it_joins_leaves_nothing_behind(
    rig: Rig,
) -> None:
    rig.store.next("sync_jobs", late_answer(5))
    working = asyncio.create_task(rig.make(job(rig.handlers.quick)).run())
    await asyncio.sleep(1)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await sessions(rig) == []


async def test_an_instance_that_leaves_is_gone_at_once(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        assert len(await sessions(rig)) == 1
    assert await sessions(rig) == []


async def test_an_instance_that_cannot_leave_ends_all_the_same(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        rig.store.next("leave", lost_request)
    assert len(await sessions(rig)) == 1  # The others will see it.


# --- lost, and joined anew


async def test_an_instance_whose_session_was_closed_joins_anew_and_goes_on(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        (before,) = await sessions(rig)
        await rig.close_all()
        await rig.until(lambda: instance._session.id != before)
        assert instance.trouble == ""
        await rig.until_run(RunState.SUCCEEDED)


async def test_an_abandoned_handler_goes_on_and_its_outcome_is_kept_beside(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        await rig.until_run(RunState.STARTED)
        await rig.close_all()
        await rig.until_run(RunState.LOST)
        await asyncio.sleep(TTL_S)
        assert rig.handlers.entered[0].lost.is_set()
        assert rig.handlers.cancelled == []
        rig.handlers.gate.set()
        await asyncio.sleep(1)
        run = await rig.run()
    assert (run.state, run.outcome, run.late_outcome) == (RunState.LOST, "lost", "succeeded")


async def test_a_repeatable_handler_is_cancelled_and_its_run_is_started_again(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated, on_lost="rerun")):
        await rig.until_run(RunState.STARTED)
        await rig.close_all()
        await rig.until(lambda: len(rig.handlers.cancelled) == 1, within_s=RENEWAL_S + 1)
        await rig.until(lambda: len(rig.handlers.entered) == 2)
        rig.handlers.gate.set()
        await rig.until_run(RunState.SUCCEEDED)
    assert [run.attempt for run in rig.handlers.entered] == [1, 2]
    first, second = rig.handlers.entered
    assert first.token < second.token
    assert first.lost.is_set()
    assert not second.lost.is_set()


async def test_a_join_whose_answer_is_lost_is_made_again_with_another_id(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await rig.close_all()
        rig.store.next("join", lost_answer)
        await rig.until(lambda: rig.store.calls["join"] == 3)
        assert len(await sessions(rig)) == 2
        await asyncio.sleep(TTL_S + RENEWAL_S + 1)
        assert await sessions(rig) == [instance._session.id]  # It buried what it never knew of.


@pytest.mark.parametrize("fault", [lost_request, lost_answer])
async def test_a_declaration_that_failed_is_made_again(rig: Rig, fault: Fault) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.close_all()
        rig.store.next("sync_jobs", fault, fault)
        await asyncio.sleep(TTL_S + 1)
        (session,) = rig.store._records._sessions.values()
        assert session.manifest


# --- when a lease runs out


async def test_repeatable_handlers_end_before_the_store_could_give_their_runs_to_others(
    rig: Rig,
) -> None:
    async with rig.at_work(job(rig.handlers.gated, on_lost="rerun")):
        await rig.until_run(RunState.STARTED)
        await rig.until(lambda: rig.store.calls["renew"] % 3 == 0)
        renewed_at = rig.clock.boot_ms()
        rig.store.is_away = True
        await rig.until(lambda: bool(rig.handlers.cancelled))
        assert rig.clock.boot_ms() - renewed_at <= TIMES.ttl_ms - TIMES.margin_ms + 10
        rig.store.is_away = False
        rig.handlers.gate.set()
        await rig.until_run(RunState.SUCCEEDED)


async def test_they_end_in_time_even_while_a_call_hangs(rig: Rig) -> None:
    """What tends the session waits for an answer just when the lease runs out."""
    async with rig.at_work(job(rig.handlers.gated, on_lost="rerun")):
        await rig.until_run(RunState.STARTED)
        await rig.until(lambda: rig.store.calls["renew"] % 3 == 0)
        renewed_at = rig.clock.boot_ms()
        rig.fail_renewals()
        rig.store.next("sweep", late_answer(3 * TTL_S))
        await rig.until(lambda: bool(rig.handlers.cancelled))
        assert rig.clock.boot_ms() - renewed_at <= TIMES.ttl_ms - TIMES.margin_ms + 10
        rig.store.renewals_fail_for.clear()
        rig.handlers.gate.set()
        await rig.until_run(RunState.SUCCEEDED)


async def test_abandoned_handlers_outlive_a_lease_and_a_store_that_was_away(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated)) as instance:
        await rig.until_run(RunState.STARTED)
        rig.store.is_away = True
        await asyncio.sleep(5 * TTL_S)
        assert "away" in instance.trouble or "no answer" in instance.trouble
        rig.store.is_away = False
        await asyncio.sleep(2 * TTL_S)
        assert instance.trouble == ""
        rig.handlers.gate.set()
        await rig.until_run(RunState.SUCCEEDED)
    assert rig.handlers.cancelled == []


# --- burying the dead


async def test_a_session_that_nobody_renews_is_closed_when_a_ttl_was_watched(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        stranger = await rig.stranger()
        died_at = rig.clock.boot_ms()
        await rig.until(lambda: stranger not in rig.store._records._sessions)
        watched_for = rig.clock.boot_ms() - died_at
        assert await sessions(rig) == [instance._session.id]
    assert TIMES.ttl_ms <= watched_for <= TIMES.ttl_ms + TIMES.renewal_ms + 10


async def test_what_a_dead_instance_had_claimed_goes_on_elsewhere(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        stranger = await rig.stranger()
        rig.store.next("claim", first(lambda: claim_pending(rig, stranger)))
        await rig.trigger()
        run = await rig.until_run(RunState.SUCCEEDED, within_s=TTL_S + RENEWAL_S + 1)
    assert (run.attempt, len(rig.handlers.entered)) == (1, 1)


async def claim_pending(rig: Rig, session: SessionId) -> None:
    (run,) = await rig.runs()
    (answer,) = await MemoryStore.claim(rig.store, session, [PendingClaim(run.id)])
    assert isinstance(answer, Granted)


async def test_a_renewal_that_went_unanswered_begins_the_watch_anew(rig: Rig) -> None:
    """However short the store was away: the other could not be heard from either."""
    async with rig.at_work(job(rig.handlers.quick)):
        stranger = await rig.stranger()
        await asyncio.sleep(RENEWAL_S)
        rig.store.renewals_fail = 1
        await rig.until(lambda: rig.store.renewals_fail == 0)
        failed_at = rig.clock.boot_ms()
        await rig.until(lambda: stranger not in rig.store._records._sessions)
        assert rig.clock.boot_ms() - failed_at >= TIMES.ttl_ms


async def test_a_close_that_goes_unanswered_is_tried_again(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        stranger = await rig.stranger()
        rig.store.next("close", lost_request)
        await asyncio.sleep(2 * TTL_S)
        assert stranger not in await sessions(rig)


async def test_a_close_that_comes_a_moment_too_soon_is_tried_again_soon(rig: Rig) -> None:
    """The store's clock went a little slower than the watcher's."""
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(RENEWAL_S / 2)
        stranger = await rig.stranger()
        died_at = rig.clock.boot_ms()
        rig.clock.leap(-TIMES.renewal_ms)
        await rig.until(lambda: stranger not in rig.store._records._sessions)
        assert rig.clock.boot_ms() - died_at <= TIMES.ttl_ms + 2 * TIMES.renewal_ms + 10


@pytest.mark.parametrize("fault", [lost_request, lost_answer])
@pytest.mark.parametrize("operation", ["close", "sweep"])
async def test_one_lost_answer_does_not_keep_a_lost_run_from_being_known(
    rig: Rig, operation: str, fault: Fault
) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
        stranger = await rig.stranger()
        await leave_started(rig, stranger)
        died_at = rig.clock.boot_ms()
        if operation == "sweep":
            rig.store.next("close", after(lambda: rig.store.next("sweep", fault)))
        else:
            rig.store.next("close", fault)
        await rig.until_run(RunState.LOST)
        assert rig.clock.boot_ms() - died_at <= TIMES.ttl_ms + TIMES.renewal_ms + 1_000


async def leave_started(rig: Rig, session: SessionId) -> None:
    """A run that the session has started."""
    triggered = await MemoryStore.trigger(rig.store, "report", Order("its", "anna"))
    assert isinstance(triggered, Triggered)
    (answer,) = await MemoryStore.claim(rig.store, session, [PendingClaim(triggered.run)])
    assert isinstance(answer, Granted)
    start = Start(triggered.run, answer.claim.token, StartId("e" * 32))
    assert await MemoryStore.start(rig.store, session, [start]) == [True]


async def test_a_session_that_lives_after_all_is_not_closed(rig: Rig) -> None:
    """It renewed just before the close arrived: the counter that was watched is stale."""
    async with rig.at_work(job(rig.handlers.quick)):
        stranger = await rig.stranger()

        async def renew() -> None:
            MemoryStore.renewer(rig.store).renew(stranger)

        rig.store.next("close", first(renew))
        await rig.until(lambda: rig.store.calls["close"] == 1)
        await asyncio.sleep(1)
        assert stranger in await sessions(rig)


async def test_after_an_outage_longer_than_a_ttl_nobody_is_closed_wrongly(rig: Rig) -> None:
    """All of them were kept from renewing; whoever renews first must not judge the others."""
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick) as anna, rig.at_work(quick) as bert:
        await asyncio.sleep(TTL_S)
        before = set(await sessions(rig))
        rig.store.is_away = True
        await asyncio.sleep(3 * TTL_S)
        rig.store.is_away = False
        await asyncio.sleep(3 * TTL_S)
        assert set(await sessions(rig)) == before == {anna._session.id, bert._session.id}


async def test_when_the_clock_leaps_an_hour_nobody_is_closed_wrongly(rig: Rig) -> None:
    quick = job(rig.handlers.quick)
    async with rig.at_work(quick), rig.at_work(quick):
        await asyncio.sleep(TTL_S)
        before = set(await sessions(rig))
        rig.clock.leap(3_600_000)
        await asyncio.sleep(3 * TTL_S)
        assert set(await sessions(rig)) == before


# --- when nothing may be claimed


async def test_when_the_stores_clock_leaps_nothing_is_claimed_for_a_ttl(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(11)
        rig.clock.leap(600_000)
        await rig.until(lambda: instance.trouble == "the store's clock leapt")
        before = rig.store.calls["claim"]
        await asyncio.sleep(TTL_S - 0.1)
        assert rig.store.calls["claim"] == before
        assert rig.handlers.entered == []
        await rig.until(lambda: len(rig.handlers.entered) == 1, within_s=1.2)
    assert "leapt by 600000 ms" in caplog.text


async def test_jobs_that_stand_still_since_a_clock_was_ahead_are_told(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """When it is set right, and by whoever starts later."""
    async with rig.at_work(job(rig.handlers.quick)):
        rig.clock.leap(3_600_000)
        await rig.until(lambda: len(rig.handlers.entered) == 1)
        assert "settled up to" not in caplog.text
        rig.clock.leap(-3_600_000)
        await rig.until(lambda: "settled up to" in caplog.text)
    caplog.clear()
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.until(lambda: "job report: the store's clock was ahead" in caplog.text)


async def test_no_claim_comes_before_the_news_of_a_leap(rig: Rig) -> None:
    """Whatever the session waits for just then: here for the end of two dead ones."""
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(62)
        for _ in range(2):
            await rig.stranger()
        rig.store.next("close", late_answer(2.4), late_answer(2.4))
        await rig.until(lambda: not rig.store._faults["close"])
        claims, renewals = rig.store.calls["claim"], rig.store.calls["renew"]
        rig.clock.leap(3_600_000)
        await rig.until(lambda: rig.store.calls["renew"] > renewals)
        await rig.until(lambda: instance.trouble == "the store's clock leapt")
        assert rig.store.calls["claim"] == claims
        assert await rig.store.gaps("report") == []


async def test_a_look_at_what_is_due_tells_of_a_leap_before_the_renewal_does(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(TIMES.renewal_ms / 1000 + 0.1)
        renewals = rig.store.calls["renew"]
        rig.clock.leap(60_000)
        instance.wake()
        await asyncio.sleep(0.01)
        assert (rig.store.calls["renew"], rig.store.calls["claim"]) == (renewals, 0)
        assert instance.trouble == "the store's clock leapt"


async def test_a_store_that_was_emptied_stops_all_claims(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await asyncio.sleep(1)
        rig.store.empty()
        await asyncio.sleep(300)
        assert "is not the one it was" in instance.trouble
        assert rig.handlers.entered == []
        assert await rig.store.jobs() == []
    assert [each.levelno for each in caplog.records].count(logging.ERROR) == 1


async def test_a_store_whose_epoch_went_back_stops_all_claims(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        set_epoch(rig, 7)
        await asyncio.sleep(TTL_S)
        assert instance.trouble == ""
        set_epoch(rig, 6)
        await asyncio.sleep(TTL_S)
        assert "epoch 7 is now 6" in instance.trouble


def set_epoch(rig: Rig, epoch: int) -> None:
    rig.store.step(lambda records: records.put_fleet(replace(records.fleet(), epoch=epoch)))


async def test_an_instance_that_nobody_tends_any_more_claims_nothing(rig: Rig) -> None:
    """An error that is no store's, in what looks after the session."""
    instance = rig.make(job(rig.handlers.quick))
    working = asyncio.create_task(instance.run())
    await instance.joined.wait()
    rig.store.broken["sweep"] = ZeroDivisionError("a bug")
    await asyncio.sleep(2 * TTL_S)
    assert "a bug" in instance.trouble
    instance.stop()
    with pytest.raises(ZeroDivisionError):
        await working


async def test_an_older_tzdata_leaves_zoned_jobs_to_newer_ones(rig: Rig) -> None:
    """From its first moment on, when it has not met them yet."""
    zoned = job(rig.handlers.quick, "zoned", cron("* * * * * *", tz="Europe/Berlin"))
    utc = job(rig.handlers.quick, "utc", cron("* * * * * *"))
    async with (
        rig.at_work(zoned, utc, tzdata="2026a", program="app") as newer,
        rig.at_work(tzdata="2026a", program="x"),
    ):
        await rig.until(lambda: len(rig.handlers.entered) == 2)
        newer._seats = Seats(0, 0, 0)
        rig.handlers.entered.clear()
        async with rig.at_work(zoned, utc, tzdata="2025b"):
            await asyncio.sleep(200)
    assert {run.job for run in rig.handlers.entered} == {"utc"}


async def test_what_is_overdue_at_the_start_runs_at_once(rig: Rig) -> None:
    """It is ready when it has met the others: then it knows what it may take."""
    zoned = job(rig.handlers.quick, "zoned", cron("* * * * *", tz="Europe/Berlin"))
    await rig.declare(zoned)
    await asyncio.sleep(61)
    async with rig.at_work(zoned):
        assert await rig.until(lambda: bool(rig.handlers.entered)) <= 0.01


async def test_one_that_cannot_meet_the_others_works_all_the_same(rig: Rig) -> None:
    rig.store.renewals_fail = 1
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.until_run(RunState.SUCCEEDED, within_s=62)


# --- who goes first


async def test_sessions_that_declare_the_same_are_ranked_and_others_are_not(rig: Rig) -> None:
    quick, other = job(rig.handlers.quick), job(rig.handlers.quick, "other")
    async with (
        rig.at_work(quick) as anna,
        rig.at_work(quick) as bert,
        rig.at_work(other) as cara,
        rig.at_work(job(rig.handlers.quick, "x"), program="x") as dora,
    ):
        await asyncio.sleep(2 * RENEWAL_S)
        ranked = [each._session.ranking._others for each in (anna, bert, cara, dora)]
    assert ranked == [{bert._session.id}, {anna._session.id}, frozenset(), frozenset()]


async def test_a_superseded_definition_comes_back_when_the_newer_one_has_gone(rig: Rig) -> None:
    newer = job(rig.handlers.quick, max_active=2)
    async with rig.at_work(job(rig.handlers.quick)) as old:
        async with rig.at_work(newer):
            await asyncio.sleep(2 * TTL_S)
            assert (await rig.store.jobs())[0].digest == newer.digest
        await asyncio.sleep(RENEWAL_S + 1)
        assert (await rig.store.jobs())[0].digest == old._jobs["report"].digest
