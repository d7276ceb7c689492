"""What the doctor sees in a store and its fleet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.doctor import Condition, Finding, Part, examine
from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.model import OnLost
from cronfleet.store import NewSession, PendingClaim, StoreInfo, TickClaim
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.samples import (
    HOUR_MS,
    NOON,
    PROGRAM,
    START,
    TTL_MS,
    bury,
    granted,
    join,
    joined,
    order,
    renew,
    report,
    started,
    tick,
)


@dataclass
class Practice:
    """A store, and what the doctor is told of the instance that asks."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    here: ManualClock = field(default_factory=lambda: ManualClock(START))

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)

    async def finding(self, what: str, part: Part | None = None) -> Finding:
        part = part or Part(PROGRAM, ["report"], "2026.6")
        found = await examine(self.store, self.here, part)
        return next(each for each in found if each.what == what)

    async def condition(self, what: str, part: Part | None = None) -> Condition:
        return (await self.finding(what, part)).condition


@pytest.fixture
def practice() -> Practice:
    return Practice()


async def test_a_fleet_at_work_is_well(practice: Practice) -> None:
    await joined(practice.store, "anna", report())
    found = await examine(practice.store, practice.here, Part(PROGRAM, ["report"], "2026.6"))
    unwell = [each for each in found if each.condition is not Condition.WELL]
    assert [each.what for each in unwell] == ["weaker"]


@pytest.mark.parametrize(
    ("off_s", "condition"),
    [
        (0, Condition.WELL),
        (0.9, Condition.WELL),
        (-5, Condition.NOTE),
        (5, Condition.NOTE),
        (-60, Condition.NOTE),
        (-62, Condition.WRONG),
        (90, Condition.WRONG),
    ],
)
async def test_a_clock_that_is_far_off_is_told(
    practice: Practice, off_s: float, condition: Condition
) -> None:
    practice.here.leap(timedelta(seconds=-off_s))
    found = await practice.finding("clock")
    assert found.condition is condition
    assert f"{off_s * 1000:+.1f} ms ± 1.0 ms" in found.said


async def test_of_a_slow_store_the_round_trip_is_the_doubt(practice: Practice) -> None:
    """An answer that took two seconds tells no better than to a second."""

    class Slow(MemoryStore):
        async def open(self) -> StoreInfo:
            practice.here.advance(timedelta(seconds=2))
            practice.clock.advance(timedelta(seconds=2))
            return await super().open()

    practice.store = Slow(practice.clock)
    found = await practice.finding("clock")
    assert "± 1001.0 ms" in found.said
    assert found.condition is Condition.WELL


async def test_a_fleet_that_is_only_being_set_up_has_no_instances_and_that_is_noted(
    practice: Practice,
) -> None:
    assert await practice.condition("instances") is Condition.NOTE


@pytest.mark.parametrize("is_gone", [True, False])
async def test_jobs_that_are_scheduled_and_nobody_at_work_are_wrong(
    practice: Practice, *, is_gone: bool
) -> None:
    """Whether the last instance has gone, or is silent for longer than its TTL."""
    anna = await joined(practice.store, "anna", report())
    if is_gone:
        await practice.store.leave(anna)
    else:
        practice.clock.advance(timedelta(milliseconds=TTL_MS))
    found = await practice.finding("instances")
    assert found.condition is Condition.WRONG
    assert "none is at work" in found.said
    assert ("TTL: anna" in found.said) is not is_gone
    assert "start one, as by cronfleet run" in found.said


async def test_of_paused_jobs_nobody_needs_to_be_at_work(practice: Practice) -> None:
    await practice.store.leave(await joined(practice.store, "anna", report()))
    await practice.store.pause("report", order())
    assert await practice.condition("instances") is Condition.NOTE


async def test_an_instance_that_is_silent_is_named(practice: Practice) -> None:
    await join(practice.store, "anna")
    ben = await join(practice.store, "ben")
    practice.clock.advance(timedelta(milliseconds=TTL_MS))
    renew(practice.store, ben)
    found = await practice.finding("instances")
    assert found.condition is Condition.NOTE
    assert "1 at work (ben); silent for longer than their TTL: anna" in found.said


async def test_older_zone_rules_than_the_fleets_are_wrong(practice: Practice) -> None:
    new = NewSession("0" * 32, PROGRAM, "ben", TTL_MS, "2027a")  # pyright: ignore[reportArgumentType] - any 32 digits will do
    await practice.store.join(new)
    found = await practice.finding("tzdata")
    assert found.condition is Condition.WRONG
    assert "2027a" in found.said


async def test_a_name_of_another_program_must_be_changed(practice: Practice) -> None:
    await joined(practice.store, "anna", report())
    found = await practice.finding("jobs", Part("billing", ["report", "own"], "2026.6"))
    assert found.condition is Condition.SETTING
    assert "report (of 'reports')" in found.said


async def test_a_job_that_the_store_does_not_know_is_noted(practice: Practice) -> None:
    """So it is after a reset, for which the instances have stopped."""
    found = await practice.finding("jobs")
    assert found.condition is Condition.NOTE
    assert "not in the store: report;" in found.said


async def test_a_job_whose_ticks_are_settled_in_the_future_stands_still_and_is_wrong(
    practice: Practice,
) -> None:
    anna = await joined(practice.store, "anna", report())
    practice.clock.leap(timedelta(days=1))
    renew(practice.store, anna)
    await granted(practice.store, anna, tick(fire_time=NOON + 23 * HOUR_MS, expected=NOON))
    practice.clock.leap(-timedelta(days=1))
    found = await practice.finding("jobs")
    assert found.condition is Condition.WRONG
    assert "report (up to 2026-11-25T11:00:00Z)" in found.said
    assert "cronfleet store check --repair" in found.said


async def test_a_job_that_nobody_runs_is_noted(practice: Practice) -> None:
    await joined(practice.store, "anna", report())
    practice.clock.advance(timedelta(minutes=5))
    found = await practice.finding("jobs")
    assert found.condition is Condition.NOTE
    assert "report has been due since 2026-11-24T12:00:00Z (0:05:00)" in found.said


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (StoreUnavailableError("memory:", "gone"), Condition.SETTING),
        (StoreRefusedError("a wrong password"), Condition.SETTING),
    ],
)
async def test_a_store_that_cannot_be_asked_is_the_only_finding(
    practice: Practice, error: Exception, condition: Condition
) -> None:
    class Away(MemoryStore):
        async def open(self) -> StoreInfo:
            raise error

    (found,) = await examine(Away(), practice.here, Part(PROGRAM, [], "2026.6"))
    assert (found.what, found.condition, found.said) == ("store", condition, str(error))


async def test_a_poisoned_job_is_wrong_and_says_what_to_do(practice: Practice) -> None:
    job = report(on_lost=OnLost.RERUN)
    await joined(practice.store, "anna", job)
    item: TickClaim | PendingClaim = tick()
    for _ in range(3):
        session = await join(practice.store, "unlucky")
        claim = await started(practice.store, session, await granted(practice.store, session, item))
        await bury(practice.store, practice.clock, session)
        item = PendingClaim(claim.run)
    finding = await practice.finding("jobs")
    assert finding.condition is Condition.WRONG
    assert "report is poisoned" in finding.said
    assert "cronfleet resume" in finding.said


async def test_jobs_that_no_instance_declares_are_named(practice: Practice) -> None:
    anna = await joined(practice.store, "anna", report())
    await practice.store.leave(anna)
    await practice.store.undeclared(["report"])
    found = await practice.finding("undeclared")
    assert found.condition is Condition.NOTE
    assert "has their handler: report;" in found.said
