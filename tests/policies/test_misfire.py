"""Each misfire policy against the slow reference, tick by tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cronfleet.model import JobDefinition, Misfire
from cronfleet.policy import Plan, settle
from cronfleet.schedule import Schedule, cron, every
from tests.policies.reference import ticks_to_run

START = datetime(
    2026, 10, 25, 0, 30, tzinfo=UTC
)  # Half an hour before Berlin sets its clocks back.
START_MS = round(START.timestamp() * 1000)
MINUTE_MS = 60_000
SCHEDULES = (
    every(timedelta(seconds=7), anchor=START),
    every(timedelta(minutes=1)),
    cron("*/7 * * * *"),
    cron("0,1,59 * * * *", tz="Europe/Berlin"),
    cron("30 2 * * *", tz="Europe/Berlin"),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    schedule: Schedule = draw(st.sampled_from(SCHEDULES))
    definition = JobDefinition(
        "report",
        schedule.to_definition(),
        misfire=draw(st.sampled_from(Misfire)),
        misfire_grace_ms=draw(st.sampled_from([0, 1, 7_000, MINUTE_MS, 60 * MINUTE_MS])),
        max_catch_up=draw(st.sampled_from([1, 2, 5, 100])),
        jitter_ms=draw(st.sampled_from([0, 0, 3_000, 40_000])),
    )
    return Plan(definition, schedule)


def dues(plan: Plan, expected: int, now: int) -> dict[int, int]:
    """The ticks that are due, each with the instant since when; found one by one."""
    found = {expected: plan.fire(expected).due}
    fire = plan.first_after(expected)
    while fire is not None and fire.due <= now:
        found[fire.fire_time] = fire.due
        fire = plan.first_after(fire.fire_time)
    return found


@given(plans(), st.integers(0, 90), st.integers(0, 90 * MINUTE_MS), st.booleans())
def test_of_the_ticks_that_are_due_those_run_that_the_slow_reference_names(
    plan: Plan, begins: int, late_ms: int, is_owed: bool
) -> None:
    """The first of them may be one that an earlier schedule left owing."""
    begin = plan.first_after(START_MS + begins * MINUTE_MS)
    assert begin
    expected = begin.fire_time - 1 if is_owed else begin.fire_time
    now = plan.fire(expected).due + late_ms
    due, rules = dues(plan, expected, now), plan.definition
    steps = settle(plan, expected, now)
    grace, most = rules.misfire_grace_ms, rules.max_catch_up
    assert [step.fire_time for step in steps if step.fire_time is not None] == ticks_to_run(
        rules.misfire.value, due, now, grace, most
    )
    assert [step.following.fire_time for step in steps if step.following][-1] > max(due)
