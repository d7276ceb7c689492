"""What a person is told of: poisoned jobs, and jobs that nobody at work knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cronfleet.engine.known import KnownJob
from cronfleet.engine.lookout import BETWEEN_ROUNDS_S
from cronfleet.events import Alert, AlertKind
from cronfleet.model import JobState, RunState, SessionId, StartId
from cronfleet.store import Granted, Order, PendingClaim, Start
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.rig import EACH_SECOND, TTL_S, Rig, job
from tests.unit.engine.scripted_store import lost_request

TWO_ROUNDS_S = 2 * BETWEEN_ROUNDS_S + 1


def by_kind(rig: Rig) -> list[tuple[AlertKind, str]]:
    return [(alert.kind, alert.job) for alert in rig.alerts]


# --- poisoned


async def dies_with_its_run(rig: Rig, known: KnownJob) -> None:
    """A session that claims and starts the pending run, and is never heard of again."""
    session = await rig.stranger()
    store = rig.store
    await MemoryStore.sync_jobs(store, session, "app", [known.declaration(rig.clock.wall_ms())])
    (pending,) = (await store.peek("app", 9)).pending
    (answer,) = await MemoryStore.claim(store, session, [PendingClaim(pending.run)])
    assert isinstance(answer, Granted)
    start = Start(pending.run, answer.claim.token, StartId("f" * 32))
    assert await MemoryStore.start(store, session, [start]) == [True]
    await MemoryStore.leave(store, session)


async def test_a_job_that_kills_its_instances_is_told_once_with_what_to_do(rig: Rig) -> None:
    known = job(rig.handlers.quick, "killer", on_lost="rerun")
    await rig.store.leave(await rig.declare(known))
    await rig.trigger("killer")
    for _ in range(2):
        await dies_with_its_run(rig, known)
        await MemoryStore.sweep(rig.store)
    await dies_with_its_run(rig, known)
    async with rig.at_work(job(rig.handlers.quick, "other")):
        await asyncio.sleep(2 * TTL_S)
        assert by_kind(rig) == [(AlertKind.POISONED, "killer")]
        await asyncio.sleep(TWO_ROUNDS_S)
    (alert,) = rig.alerts
    assert "lost its instance 3 times in a row" in alert.said
    assert "then resume it" in alert.said
    poisoned = await rig.store.job("killer")
    assert poisoned is not None
    assert poisoned.state is JobState.PAUSED


async def test_a_lost_run_alone_poisons_nothing(rig: Rig) -> None:
    known = job(rig.handlers.quick, "killer")
    await rig.store.leave(await rig.declare(known))
    await rig.trigger("killer")
    await dies_with_its_run(rig, known)
    async with rig.at_work(job(rig.handlers.quick, "other")):
        await rig.until_run(RunState.LOST, "killer")
        await asyncio.sleep(1)
    assert rig.alerts == []


# --- known to nobody


async def test_a_due_job_that_no_open_instance_declares_is_told_once(rig: Rig) -> None:
    stranger = await rig.declare(job(rig.handlers.quick, "gone", EACH_SECOND))
    lives_on(rig, stranger)
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(TWO_ROUNDS_S)
        assert rig.alerts == []
        await rig.store.leave(stranger)
        await asyncio.sleep(2 * TWO_ROUNDS_S)
    assert by_kind(rig) == [(AlertKind.NO_INSTANCE, "gone")]


async def test_so_is_a_run_by_hand_of_a_job_that_nobody_declares(rig: Rig) -> None:
    await rig.store.leave(await rig.declare(job(rig.handlers.quick, "gone")))
    await rig.store.pause("gone", Order("key", "anna"))
    await rig.trigger("gone")
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(TWO_ROUNDS_S)
    assert by_kind(rig) == [(AlertKind.NO_INSTANCE, "gone")]


async def test_a_definition_that_only_others_know_is_no_alert(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND)):
        lives_on(rig, await rig.declare(job(rig.handlers.quick, max_active=2)))
        await asyncio.sleep(2 * TWO_ROUNDS_S)
    assert rig.alerts == []


def lives_on(rig: Rig, session: SessionId) -> None:
    """It does nothing else."""
    sessions = rig.store._records._sessions
    expires_at = rig.clock.wall_ms() + 10**9
    sessions[session] = replace(sessions[session], ttl_ms=10**9, expires_at=expires_at)


async def test_told_again_when_it_was_known_meanwhile(rig: Rig) -> None:
    gone = job(rig.handlers.quick, "gone", EACH_SECOND)
    await rig.store.leave(await rig.declare(gone))
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(TWO_ROUNDS_S)
        async with rig.at_work(gone):
            await asyncio.sleep(TWO_ROUNDS_S)
        await asyncio.sleep(2 * TWO_ROUNDS_S)
    assert by_kind(rig) == [(AlertKind.NO_INSTANCE, "gone")] * 2


async def test_what_is_known_here_is_looked_up_nowhere(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.gated, schedule=EACH_SECOND)):
        await asyncio.sleep(2 * TWO_ROUNDS_S)
    assert (rig.alerts, rig.store.calls["undeclared"]) == ([], 0)


async def test_a_store_that_is_away_is_asked_again(rig: Rig) -> None:
    await rig.store.leave(await rig.declare(job(rig.handlers.quick, "gone", EACH_SECOND)))
    rig.store.next("undeclared", lost_request)
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(2 * TWO_ROUNDS_S)
    assert by_kind(rig) == [(AlertKind.NO_INSTANCE, "gone")]


class NoPager(list[Alert]):
    def append(self, alert: Alert, /) -> None:
        raise RuntimeError("no pager")


async def test_an_alert_that_nobody_can_take_ends_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    rig.alerts = NoPager()
    await rig.store.leave(await rig.declare(job(rig.handlers.quick, "gone", EACH_SECOND)))
    async with rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND)):
        await asyncio.sleep(2 * TWO_ROUNDS_S)
        before = len(rig.handlers.entered)
        await asyncio.sleep(5)
        assert len(rig.handlers.entered) >= before + 4
    assert [str(each) for each in told] == ["no pager"]
    assert "no instance at work declares it" in caplog.text
