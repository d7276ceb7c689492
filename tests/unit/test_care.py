"""What a scheduler says of its store, and how it goes on with another, from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from cronfleet import Health, Scheduler, StoreError, every
from cronfleet.clock import SystemClock
from cronfleet.definition import encode
from cronfleet.model import JobDefinition
from cronfleet.store import Declaration, StoreInfo
from cronfleet.testing.samples import PROGRAM, fire, join
from tests.unit.engine.scripted_store import ScriptedStore, gone

EACH_SECOND = every(timedelta(seconds=1))


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore(SystemClock())


def scheduler_on(store: ScriptedStore, **options: object) -> Scheduler:
    scheduler = Scheduler(store, program="test", session_ttl=timedelta(seconds=1), **options)  # pyright: ignore[reportArgumentType] - options that exist
    scheduler.add_job(lambda _: None, EACH_SECOND, "report")
    return scheduler


async def test_at_the_start_it_logs_what_the_store_can_promise(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with scheduler_on(store) as scheduler:
            assert (await scheduler.health()).promise == await scheduler.promise()
    said = {record.levelno: record.getMessage() for record in caplog.records[:2]}
    assert said[logging.INFO].startswith("promise: memory of one process: a tick is started")
    assert "CRONFLEET_STORE=sqlite:///cronfleet.db lifts that" in said[logging.WARNING]


async def test_a_store_that_cannot_say_what_it_promises_is_worked_with(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown() -> None:
        raise gone("promise")

    monkeypatch.setattr(store, "promise", unknown)
    async with scheduler_on(store) as scheduler:
        assert (await scheduler.health()).promise is None
    assert "what the store can promise is not known" in caplog.text


async def until(scheduler: Scheduler, condition: Callable[[Health], bool]) -> None:
    while not condition(await scheduler.health()):  # noqa: ASYNC110 - as a probe looks
        await asyncio.sleep(0.01)


async def test_health_tells_why_a_reset_store_is_not_used_and_its_new_id_when_it_is(
    store: ScriptedStore,
) -> None:
    async with scheduler_on(store) as scheduler:
        await until(scheduler, lambda health: health.ready)
        before = await scheduler.health()
        store.empty()
        await until(scheduler, lambda health: "store adopt" in health.detail)
        assert not (await scheduler.health()).ready
        adoption = await scheduler.store_adopt(who="ops", why="it was me")
        await until(scheduler, lambda health: health.ready)
        after = await scheduler.health()
        (audit,) = await scheduler.audit()
    assert (after.store_id, after.epoch) == (adoption.store_id, adoption.epoch)
    assert after.store_id != before.store_id
    assert (audit.verb, audit.who, audit.why) == ("adopt", "ops", "it was me")


async def test_told_to_continue_it_goes_on_by_itself(store: ScriptedStore) -> None:
    async with scheduler_on(store, on_store_reset="continue") as scheduler:
        await until(scheduler, lambda health: health.ready)
        before = (await scheduler.health()).store_id
        store.empty()
        await until(scheduler, lambda health: health.store_id != before)
        await until(scheduler, lambda health: health.ready)
        (audit,) = await scheduler.audit()
    assert audit.why == "on_store_reset"


async def test_a_store_with_jobs_that_cannot_be_read_is_not_adopted(store: ScriptedStore) -> None:
    """What they expect could not be settled."""
    anna = await join(store, "anna")
    definition = JobDefinition("report", {"kind": "of a newer version"})
    declared = Declaration(
        "report", "d", "s", encode(definition), 1, definition.on_lost, fire(1_000)
    )
    await store.sync_jobs(anna, PROGRAM, [declared])
    before = await store.open()
    with pytest.raises(StoreError, match="report"):
        await Scheduler(store, program="test").store_adopt()
    assert (await store.open()).id == before.id


async def test_a_store_that_changes_under_the_adoption_is_left_alone(
    store: ScriptedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def emptied_after_the_second_look() -> StoreInfo:
        nonlocal looks
        looks += 1
        if looks == 3:
            store.empty()
        return await ScriptedStore.open(store)

    monkeypatch.setattr(store, "open", emptied_after_the_second_look)
    with pytest.raises(StoreError, match="look again"):
        await Scheduler(store, program="test").store_adopt()
    assert not (await ScriptedStore.open(store)).adopted
