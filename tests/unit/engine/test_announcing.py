"""What an instance announces, and that nobody who listens can harm it."""

from __future__ import annotations

import asyncio
import timeit
from datetime import timedelta
from typing import TypeVar

import pytest

from cronfleet import ConfigurationError, Scheduler, every
from cronfleet.context import RunContext
from cronfleet.engine.announcing import Announcing
from cronfleet.engine.runner import Ended
from cronfleet.engine.seats import Seats
from cronfleet.events import (
    Alert,
    AlertKind,
    AttemptEnded,
    AttemptStarted,
    Claimed,
    Event,
    Joined,
    Left,
    Looked,
    RunTakenBack,
    SessionLost,
    SessionRenewed,
    StoreAnswered,
    StoreFailed,
    TicksSkipped,
)
from cronfleet.model import Claim, Digest, Kind, Outcome, RunId, RunState
from cronfleet.registry import Retry
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.rig import EACH_SECOND, TTL_S, Rig, job
from tests.unit.engine.scripted_store import lost_request

Told = TypeVar("Told")


class Heard(list[Event]):
    """All events, in the order in which they were announced."""

    def of(self, kind: type[Told]) -> list[Told]:
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
def heard(rig: Rig) -> Heard:
    told = Heard()
    rig.announcing.add(told.append)
    return told


async def fails(_: RunContext) -> None:
    await asyncio.sleep(0.25)
    raise ValueError("no paper")


# --- attempts


async def test_an_attempt_is_told_from_its_start_to_its_end(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(fails, args={"page": 7})):
        await rig.until_run(RunState.FAILED)
    (started,), (ended,) = heard.of(AttemptStarted), heard.of(AttemptEnded)
    run = await rig.run()
    assert started.attempt == ended.attempt
    assert (ended.attempt.job, ended.attempt.run) == ("report", str(run.id))
    assert (ended.attempt.kind, ended.attempt.number) == ("tick", 1)
    assert ended.attempt.token == run.token
    assert ended.attempt.args == {"page": 7}
    assert ended.attempt.fire_time.timestamp() * 1000 == run.id.fire_time
    assert (ended.outcome, ended.is_recorded, ended.retry_in_s) == ("failed", True, None)
    assert ended.duration_s == pytest.approx(0.25, abs=0.01)
    assert isinstance(ended.raised, ValueError)
    assert "no paper" in ended.error


async def test_what_is_late_is_told_in_seconds_after_it_was_due(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.next_due()
        rig.store.is_away = True
        await asyncio.sleep(7)
        rig.store.is_away = False
        await rig.until_run(RunState.SUCCEEDED)
    (started,) = heard.of(AttemptStarted)
    assert started.late_s is not None
    assert 7 <= started.late_s < 9


async def test_a_retry_is_announced_with_its_delay_and_is_not_called_late(
    rig: Rig, heard: Heard
) -> None:
    retry = Retry(attempts=2, first=timedelta(seconds=3), jitter=0)
    async with rig.at_work(job(fails, retry=retry)):
        await rig.until_run(RunState.FAILED)
    assert [each.retry_in_s for each in heard.of(AttemptEnded)] == [3, None]
    assert [each.attempt.number for each in heard.of(AttemptStarted)] == [1, 2]
    assert heard.of(AttemptStarted)[1].late_s is None


async def test_a_loss_after_which_the_run_goes_on_elsewhere_is_not_its_end(
    rig: Rig, heard: Heard
) -> None:
    async with rig.at_work(job(rig.handlers.gated, on_lost="rerun")):
        await rig.until(lambda: bool(rig.handlers.entered))
        rig.fail_renewals()
        await rig.until(lambda: bool(heard.of(AttemptEnded)))
        assert (await rig.run()).ended_at is None
    first = heard.of(AttemptEnded)[0]
    assert (first.outcome, first.retry_in_s) == ("lost", 0)


async def test_a_triggered_run_is_due_when_it_is_triggered(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.trigger()
        await rig.until_run(RunState.SUCCEEDED)
    (started,) = heard.of(AttemptStarted)
    assert started.attempt.kind == "manual"
    assert started.late_s is not None
    assert started.late_s < 2


async def test_an_outcome_that_came_too_late_is_told_as_such(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        await rig.until(lambda: bool(rig.handlers.entered))
        await rig.close_all()
        rig.handlers.gate.set()
        await rig.until(lambda: bool(heard.of(AttemptEnded)))
    assert [each.is_recorded for each in heard.of(AttemptEnded)] == [False]


# --- what is due


async def test_skipped_ticks_are_told_with_their_reason_and_number(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.gated, schedule=EACH_SECOND)):
        await rig.until(lambda: len(heard.of(TicksSkipped)) >= 2)
        rig.handlers.gate.set()
    first, *_ = heard.of(TicksSkipped)
    assert first == TicksSkipped("report", "overlap", 1)
    gaps = await rig.store.gaps("report")
    assert sum(each.count for each in heard.of(TicksSkipped)) == sum(
        each.gap.count for each in gaps
    )


async def test_ticks_that_come_too_late_are_told_as_one_gap(rig: Rig, heard: Heard) -> None:
    known = job(rig.handlers.quick, misfire="skip")
    await rig.store.leave(await rig.declare(known))
    await asyncio.sleep(600)
    async with rig.at_work(known):
        await rig.until(lambda: bool(heard.of(TicksSkipped)))
    (skipped,) = heard.of(TicksSkipped)
    (gap,) = await rig.store.gaps("report")
    assert skipped == TicksSkipped("report", "misfire", gap.gap.count)


async def test_what_others_were_first_to_claim_is_told(rig: Rig, heard: Heard) -> None:
    known = job(rig.handlers.quick)
    async with rig.at_work(known), rig.at_work(known):
        await rig.until_run(RunState.SUCCEEDED)
    claims = heard.of(Claimed)
    assert sum(each.granted for each in claims) == 1
    assert sum(each.lost for each in claims) == len(claims) - 1


async def test_a_backlog_is_told_from_its_begin_to_its_end(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.gated, overlap="allow")) as instance:
        instance._seats = Seats(coroutines=1, threads=0, processes=0)
        for _ in range(2):
            await rig.trigger()
        await rig.until(lambda: any(each.is_overloaded for each in heard.of(Looked)))
        assert heard.of(Looked)[-1].oldest_due_s >= 5
        rig.handlers.gate.set()
        await rig.until(lambda: heard.of(Looked)[-1] == Looked(0, is_overloaded=False))
    assert [each.kind for each in heard.of(Alert)] == [AlertKind.OVERLOADED]
    assert heard.of(Alert) == rig.alerts


# --- the session and the store


async def test_an_instance_is_heard_to_join_to_renew_and_to_leave(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        (instance,) = await rig.store.instances()
        await asyncio.sleep(TTL_S)
    assert heard.of(Joined) == [Joined(instance.session)]
    assert len(heard.of(SessionRenewed)) >= 3
    assert all(abs(each.clock_offset_s) < 0.01 for each in heard.of(SessionRenewed))
    assert heard.of(Left) == [Left()]


async def test_a_lost_session_is_told_and_whose_runs_were_taken_back(
    rig: Rig, heard: Heard
) -> None:
    async with rig.at_work(job(rig.handlers.gated)):
        await rig.until(lambda: bool(rig.handlers.entered))
        for each in await rig.store.instances():
            await MemoryStore.leave(rig.store, each.session)
        await rig.until(lambda: bool(heard.of(SessionLost) and heard.of(RunTakenBack)))
        rig.handlers.gate.set()
    (taken,) = heard.of(RunTakenBack)
    assert (taken.job, taken.state) == ("report", "lost")


async def test_every_call_is_told_with_its_time_and_every_failure_with_its_reason(
    rig: Rig, heard: Heard
) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        rig.store.next("claim", lost_request)
        await rig.until_run(RunState.SUCCEEDED)
    answered = {each.operation for each in heard.of(StoreAnswered)}
    assert {"join", "peek", "claim", "start", "complete"} <= answered
    (failed,) = heard.of(StoreFailed)
    assert failed.operation == "claim"
    assert "the request was lost" in failed.error


async def test_a_renewal_without_an_answer_is_a_failure_too(rig: Rig, heard: Heard) -> None:
    async with rig.at_work(job(rig.handlers.quick)):
        rig.fail_renewals()
        await rig.until(lambda: bool(heard.of(StoreFailed)))
    assert heard.of(StoreFailed)[0].operation == "renew"


# --- those who listen


async def test_a_listener_that_raises_harms_neither_the_instance_nor_the_others(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(_: Event) -> None:
        raise SystemExit("out of ink")

    heard = Heard()
    rig.announcing.add(raises)
    rig.announcing.add(heard.append)
    async with rig.at_work(job(rig.handlers.quick)):
        await rig.until_run(RunState.SUCCEEDED)
    assert [each.outcome for each in heard.of(AttemptEnded)] == ["succeeded"]
    assert "out of ink" in caplog.text


async def test_a_coroutine_function_cannot_listen() -> None:
    async def listen(_: Event) -> None: ...

    with pytest.raises(ConfigurationError, match="a listener must be a plain function"):
        Scheduler("memory:").listen(listen)


async def test_a_scheduler_tells_its_listeners_what_it_runs() -> None:
    scheduler, heard = Scheduler("memory:"), Heard()
    scheduler.listen(heard.append)
    ran = asyncio.Event()

    @scheduler.job(every(timedelta(days=1)))
    async def report(run: RunContext) -> None:
        ran.set()

    async with scheduler:
        await scheduler.trigger("report")
        await ran.wait()
    assert [each.outcome for each in heard.of(AttemptEnded)] == ["succeeded"]


def test_without_listeners_a_tick_costs_less_than_a_microsecond() -> None:
    announcing, known = Announcing(), job(fails)
    claim = Claim(RunId("report", 0), Kind.TICK, 1, 1, Digest("d"))
    ended = Ended(Outcome.SUCCEEDED)

    def tick() -> None:
        announcing.started(known, claim, lambda: 0)
        announcing.ended(known, claim, ended, is_recorded=True)

    assert min(timeit.repeat(tick, number=1_000, repeat=20)) < 1e-6 * 1_000
