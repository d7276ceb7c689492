"""The whole store, looked at and mended job by job."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet import every
from cronfleet.checking import Check
from cronfleet.clock import ManualClock
from cronfleet.definition import digest, encode, schedule_digest
from cronfleet.model import Fire, History, JobDefinition, Outcome, Overlap, RunId
from cronfleet.store import BY_HAND, Declaration, Fault, FaultKind
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    ONE_PM,
    START,
    TWO_PM,
    completed,
    fire,
    granted,
    joined,
    order,
    started,
    the_job,
    tick,
)
from tests.stores.plants import InMemory

HOURLY = every(timedelta(hours=1))
HISTORY = History()


def hourly(name: str, history: History = HISTORY) -> Declaration:
    schedule = HOURLY.to_definition()
    definition = JobDefinition(name, schedule, overlap=Overlap.ALLOW, history=history)
    json = encode(definition)
    return Declaration(
        name, digest(json), schedule_digest(definition), json, 0, definition.on_lost, fire(ONE_PM)
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def planted(clock: ManualClock) -> InMemory:
    planted = InMemory(clock)
    await joined(planted.store, "anna", *(hourly(f"job-{number}") for number in range(5)))
    return planted


def move_watermark(planted: InMemory, to: int, expected: int | None) -> None:
    job = planted._records._jobs["job-3"]
    at = None if expected is None else Fire(expected, expected)
    planted._records.put_job(replace(job, watermark=to, expected=at))


async def checked(planted: InMemory, clock: ManualClock, *, repair: bool) -> list[Fault]:
    return await Check(planted.store, clock, order() if repair else None).faults()


async def test_it_tells_how_many_jobs_were_looked_at(planted: InMemory, clock: ManualClock) -> None:
    told: list[int] = []
    assert await Check(planted.store, clock, None).faults(told.append) == []
    assert told == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("expected", [None, NOON + 48 * HOUR_MS, ONE_PM])
async def test_a_watermark_in_the_future_becomes_now_and_the_schedule_goes_on(
    planted: InMemory, clock: ManualClock, expected: int | None
) -> None:
    move_watermark(planted, NOON + 24 * HOUR_MS, expected)
    assert not any(fault.mended for fault in await checked(planted, clock, repair=False))
    assert all(fault.mended for fault in await checked(planted, clock, repair=True))
    job = await the_job(planted.store, "job-3")
    assert (job.watermark, job.expected) == (NOON, fire(ONE_PM))
    assert await checked(planted, clock, repair=False) == []


async def test_a_settled_tick_gives_way_to_the_first_after_the_watermark(
    planted: InMemory, clock: ManualClock
) -> None:
    clock.advance(timedelta(hours=1))
    move_watermark(planted, ONE_PM, ONE_PM)
    assert [fault.mended for fault in await checked(planted, clock, repair=True)] == [True]
    assert (await the_job(planted.store, "job-3")).expected == fire(TWO_PM)


async def test_no_watermark_is_moved_while_the_stores_clock_is_behind(
    planted: InMemory, clock: ManualClock
) -> None:
    """Ticks up to it have run, by a clock that was right."""
    move_watermark(planted, NOON + 2 * HOUR_MS, NOON + 3 * HOUR_MS)
    here = ManualClock(START)
    here.advance(timedelta(hours=2))
    faults = await checked(planted, here, repair=True)
    assert [(fault.kind, fault.mended) for fault in faults] == [
        (FaultKind.FUTURE_WATERMARK, False),
        (FaultKind.CLOCK, False),
    ]
    assert "7200.0 s" in faults[-1].what
    assert (await the_job(planted.store, "job-3")).watermark == NOON + 2 * HOUR_MS


@pytest.mark.parametrize(("kept", "is_mended"), [(2, False), (3, False), (4, True)])
async def test_no_watermark_is_moved_below_a_tick_whose_record_may_be_gone(
    clock: ManualClock, kept: int, is_mended: bool
) -> None:
    """Three ticks ran while the clock was ahead, and the history was pruned meanwhile."""
    store = MemoryStore(clock)
    history = History(successes=kept)
    clock.advance(timedelta(hours=10))
    anna = await joined(store, "anna", hourly("report", history))
    for hour in range(3):
        at = ONE_PM + hour * HOUR_MS
        claim = await started(store, anna, await granted(store, anna, tick("report", at)))
        await completed(store, claim, Outcome.SUCCEEDED)
    await store.prune({"report": history})
    clock.advance(timedelta(hours=-10))
    faults = await Check(store, clock, order()).faults()
    mended = [fault.mended for fault in faults if fault.kind is FaultKind.FUTURE_WATERMARK]
    assert mended == [is_mended]
    ran = [ONE_PM + hour * HOUR_MS for hour in range(3)]
    is_safe = (await the_job(store, "report")).watermark >= ran[-1]
    records = [await store.run(RunId("report", at)) for at in ran]
    assert is_safe or all(records)


async def test_without_a_definition_ticks_stay_where_they_are(
    planted: InMemory, clock: ManualClock
) -> None:
    move_watermark(planted, ONE_PM, ONE_PM)
    planted.forget_definition((await the_job(planted.store, "job-3")).digest)
    faults = await checked(planted, clock, repair=True)
    assert {(fault.kind, fault.mended) for fault in faults} >= {
        (FaultKind.NO_DEFINITION, False),
    }
    assert (await the_job(planted.store, "job-3")).watermark == ONE_PM


def test_every_fault_says_what_is_wrong_and_what_to_do() -> None:
    for kind in FaultKind:
        fault = Fault(kind, "job report", detail="more")
        assert fault.what.endswith("(more)")
        assert fault.repair
    assert frozenset(FaultKind) > BY_HAND
