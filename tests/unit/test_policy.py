from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.model import MAX_COUNTED, Fire, Gap, JobDefinition, Misfire, Overlap, Reason, Retry
from cronfleet.policy import (
    SKIP_GRACE_MS,
    Plan,
    Settled,
    count_fires,
    past_gap,
    paused_gap,
    retry_in_ms,
    settle,
    too_late_gap,
)
from cronfleet.schedule import Schedule, at, cron, every

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

HOURLY = cron("0 * * * *")
SCHEDULES = [
    every(timedelta(seconds=1)),
    every(timedelta(seconds=7), anchor=NOON + timedelta(milliseconds=3)),
    every(timedelta(days=1)),
    cron("* * * * *"),
    cron("*/7 1-3 * * *", tz="Europe/Berlin"),  # the clocks of Berlin change on the 29th
    cron("0,1,59 12 * * *"),
    cron("0 0 29 2 *"),
    at(NOON),
]


def plan_of(schedule: Schedule, **options: object) -> Plan:
    definition = JobDefinition("report", schedule.to_definition())
    return Plan(replace(definition, **options), schedule)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    misfire = draw(st.sampled_from(Misfire))
    all_run = st.sampled_from([Overlap.ALLOW, Overlap.WAIT_ALL])
    return plan_of(
        draw(st.sampled_from(SCHEDULES)),
        misfire=misfire,
        overlap=draw(all_run if misfire is Misfire.ALL else st.sampled_from(Overlap)),
        misfire_grace_ms=draw(st.sampled_from([1_000, 30_000, HOUR_MS])),
        max_catch_up=draw(st.sampled_from([1, 2, 100])),
        jitter_ms=draw(st.sampled_from([0, 500, 10_000, HOUR_MS])),
    )


@st.composite
def late_jobs(draw: st.DrawFn) -> tuple[Plan, int, int]:
    """A plan, the fire time that its job expects, and a now at which that tick is due."""
    plan = draw(plans())
    start = NOON_MS + draw(st.integers(-HOUR_MS, HOUR_MS))
    expected = plan.first_after(start)
    if expected is None:
        expected = Fire(start, start)  # Owed by an earlier schedule.
    late = draw(st.sampled_from([0, 1, 999, 1_000, 59_999, 60_000, 60_001, HOUR_MS]))
    return plan, expected.fire_time, expected.due + late + draw(st.integers(0, 400_000))


def due_fires(plan: Plan, expected: int, now: int) -> list[int]:
    """Every fire time from `expected` on whose tick is due, counted one by one."""
    fires = [expected]
    while (fire := plan.first_after(fires[-1])) is not None and fire.due <= now:
        fires.append(fire.fire_time)
    return fires


def gap_fires(gap: Gap, due: Sequence[int]) -> list[int]:
    return [fire for fire in due if gap.first <= fire <= gap.last]


# --- what holds of every settlement


@given(late_jobs())
def test_each_due_fire_time_is_run_or_in_one_gap_and_never_both(job: tuple[Plan, int, int]) -> None:
    plan, expected, now = job
    due = due_fires(plan, expected, now)
    settled: list[int] = []
    for step in settle(plan, expected, now):
        if step.gap:
            settled += gap_fires(step.gap, due)
        if step.fire_time is not None:
            settled.append(step.fire_time)
    assert settled == due


@given(late_jobs())
def test_a_gap_counts_exactly_the_ticks_that_it_skips(job: tuple[Plan, int, int]) -> None:
    plan, expected, now = job
    due = due_fires(plan, expected, now)
    for step in settle(plan, expected, now):
        if step.gap:
            skipped = gap_fires(step.gap, due)
            assert step.gap == Gap(skipped[0], skipped[-1], len(skipped), Reason.MISFIRE)


@given(late_jobs())
def test_steps_stand_in_order_and_each_begins_where_the_one_before_led(
    job: tuple[Plan, int, int],
) -> None:
    plan, expected, now = job
    steps = settle(plan, expected, now)
    assert steps[0].expected == expected
    for step in steps:
        last = step.gap.last if step.fire_time is None and step.gap else step.fire_time
        assert last is not None
        assert step.expected <= last
        assert step.following is None or last < step.following.fire_time
    for step, following in pairwise(steps):
        assert step.following is not None
        assert step.following.fire_time == following.expected


@given(late_jobs())
def test_what_is_settled_was_due_and_what_follows_is_not(job: tuple[Plan, int, int]) -> None:
    plan, expected, now = job
    steps = settle(plan, expected, now)
    for step in steps:
        if step.fire_time is not None and step.fire_time != expected:
            assert plan.fire(step.fire_time).due <= now
    last = steps[-1].following
    assert last is None or last.due > now


@given(late_jobs())
def test_nothing_runs_that_is_later_than_its_grace(job: tuple[Plan, int, int]) -> None:
    plan, expected, now = job
    is_skip = plan.definition.misfire is Misfire.SKIP
    grace_ms = SKIP_GRACE_MS if is_skip else plan.definition.misfire_grace_ms
    for step in settle(plan, expected, now):
        if step.fire_time is not None:
            assert now - plan.fire(step.fire_time).due <= grace_ms


@given(late_jobs())
def test_a_tick_that_waits_is_wanted_for_as_long_as_it_would_be_run(
    job: tuple[Plan, int, int],
) -> None:
    plan, expected, _ = job
    alone = replace(plan, schedule=at(datetime.fromtimestamp(expected / 1000, UTC)))
    until = alone.wanted_until(expected)
    (in_time,), (late,) = settle(alone, expected, until), settle(alone, expected, until + 1)
    assert (in_time.fire_time, late.fire_time) == (expected, None)


@given(late_jobs())
def test_only_all_runs_more_than_one_and_no_more_than_it_may(job: tuple[Plan, int, int]) -> None:
    plan, expected, now = job
    runs = [step for step in settle(plan, expected, now) if step.fire_time is not None]
    most = plan.definition.max_catch_up if plan.definition.misfire is Misfire.ALL else 1
    assert len(runs) <= most


@given(plans(), st.integers(-HOUR_MS, HOUR_MS))
def test_with_jitter_a_tick_is_due_at_or_after_its_fire_time_and_before_the_next(
    plan: Plan, offset: int
) -> None:
    fire = plan.first_after(NOON_MS + offset)
    if fire is None:
        return
    following = plan.first_after(fire.fire_time)
    assert fire.fire_time <= fire.due
    assert following is None or fire.due < following.fire_time


@given(late_jobs(), st.lists(st.integers(0, 200_000), max_size=6))
def test_over_a_jobs_life_nothing_is_left_out_and_nothing_comes_twice(
    job: tuple[Plan, int, int], pauses: list[int]
) -> None:
    plan, expected, now = job
    fires: list[int] = []
    fire: Fire | None = Fire(expected, expected)
    for pause in pauses:
        now += pause
        if fire is None or plan.fire(fire.fire_time).due > now:
            continue
        steps = settle(plan, fire.fire_time, now)
        fires += _settled(plan, steps, now)
        fire = steps[-1].following
    assert fires == due_fires(plan, expected, now)[: len(fires)]


def _settled(plan: Plan, steps: Sequence[Settled], now: int) -> list[int]:
    due = due_fires(plan, steps[0].expected, now)
    skipped = [fire for step in steps if step.gap for fire in gap_fires(step.gap, due)]
    return sorted([*skipped, *(step.fire_time for step in steps if step.fire_time is not None)])


# --- what each policy does


def settled(misfire: Misfire, *, hours_late: float, **options: object) -> list[Settled]:
    """An hourly report expected at noon, looked at so much later."""
    plan = plan_of(HOURLY, misfire=misfire, **options)
    return settle(plan, NOON_MS, NOON_MS + round(hours_late * HOUR_MS))


def hour(n: int) -> int:
    return NOON_MS + n * HOUR_MS


def fire_at(n: int) -> Fire:
    return Fire(hour(n), hour(n))


@pytest.mark.parametrize("misfire", Misfire)
def test_a_tick_in_time_simply_runs(misfire: Misfire) -> None:
    assert settled(misfire, hours_late=0) == [Settled(hour(0), hour(0), fire_at(1), None)]


def test_latest_runs_the_newest_and_makes_one_gap_of_the_others() -> None:
    (step,) = settled(Misfire.LATEST, hours_late=3.5)
    assert (step.fire_time, step.following) == (hour(3), fire_at(4))
    assert step.gap == Gap(hour(0), hour(2), 3, Reason.MISFIRE)


def test_latest_runs_nothing_when_even_the_newest_is_older_than_its_grace() -> None:
    (step,) = settled(Misfire.LATEST, hours_late=3.5, misfire_grace_ms=60_000)
    assert (step.fire_time, step.following) == (None, fire_at(4))
    assert step.gap == Gap(hour(0), hour(3), 4, Reason.MISFIRE)


def test_a_tick_exactly_as_late_as_its_grace_still_runs() -> None:
    on_time = settled(Misfire.LATEST, hours_late=0.5, misfire_grace_ms=HOUR_MS // 2)
    too_late = settled(Misfire.LATEST, hours_late=0.5, misfire_grace_ms=HOUR_MS // 2 - 1)
    assert (on_time[0].fire_time, too_late[0].fire_time) == (hour(0), None)


def test_all_runs_each_oldest_first() -> None:
    steps = settled(Misfire.ALL, hours_late=3.5, misfire_grace_ms=9 * HOUR_MS)
    assert [step.fire_time for step in steps] == [hour(0), hour(1), hour(2), hour(3)]
    assert [step.gap for step in steps] == [None] * 4


def test_all_skips_what_is_older_than_the_grace() -> None:
    steps = settled(Misfire.ALL, hours_late=3.5, misfire_grace_ms=2 * HOUR_MS)
    assert [step.fire_time for step in steps] == [hour(2), hour(3)]
    assert steps[0].gap == Gap(hour(0), hour(1), 2, Reason.MISFIRE)


def test_all_runs_no_more_than_the_newest_that_it_may_catch_up_with() -> None:
    steps = settled(Misfire.ALL, hours_late=9, misfire_grace_ms=99 * HOUR_MS, max_catch_up=2)
    assert [step.fire_time for step in steps] == [hour(8), hour(9)]
    assert steps[0].gap == Gap(hour(0), hour(7), 8, Reason.MISFIRE)


def test_all_runs_nothing_when_everything_is_older_than_the_grace() -> None:
    (step,) = settled(Misfire.ALL, hours_late=3.5, misfire_grace_ms=60_000)
    assert step.gap == Gap(hour(0), hour(3), 4, Reason.MISFIRE)


def test_skip_runs_what_is_up_to_a_minute_late_whatever_the_grace() -> None:
    in_time = settled(Misfire.SKIP, hours_late=1 / 60, misfire_grace_ms=1_000)
    too_late = settled(Misfire.SKIP, hours_late=1 / 60 + 1e-6, misfire_grace_ms=HOUR_MS)
    assert (in_time[0].fire_time, too_late[0].fire_time) == (hour(0), None)


@pytest.mark.parametrize("misfire", Misfire)
def test_a_schedule_that_has_ended_has_nothing_following(misfire: Misfire) -> None:
    plan = plan_of(at(NOON), misfire=misfire)
    assert settle(plan, NOON_MS, NOON_MS + 5) == [Settled(NOON_MS, NOON_MS, None, None)]
    (step,) = settle(plan, NOON_MS, hour(30))
    assert step == Settled(NOON_MS, None, None, Gap(NOON_MS, NOON_MS, 1, Reason.MISFIRE))


# --- a tick that an earlier schedule left owing


def test_a_tick_owed_by_an_earlier_schedule_runs_and_the_new_one_follows() -> None:
    owed = hour(0) + 20 * MINUTE_MS
    (step,) = settle(plan_of(HOURLY), owed, owed + MINUTE_MS)
    assert step == Settled(owed, owed, fire_at(1), None)


def test_an_owed_tick_is_the_newest_while_the_new_schedule_has_none_that_is_due() -> None:
    owed = NOON_MS + 1
    (step,) = settle(plan_of(at(NOON), misfire_grace_ms=1_000), owed, owed + 9_000)
    assert step == Settled(owed, None, None, Gap(owed, owed, 1, Reason.MISFIRE))


def test_an_owed_tick_counts_once_in_the_gap_that_it_begins() -> None:
    owed = hour(0) + 20 * MINUTE_MS
    (step,) = settle(plan_of(HOURLY), owed, hour(3))
    assert (step.fire_time, step.gap) == (hour(3), Gap(owed, hour(2), 3, Reason.MISFIRE))


def test_all_catches_up_with_an_owed_tick_too() -> None:
    owed = hour(0) + 20 * MINUTE_MS
    plan = plan_of(HOURLY, misfire=Misfire.ALL, misfire_grace_ms=9 * HOUR_MS)
    steps = settle(plan, owed, hour(2))
    assert [step.fire_time for step in steps] == [owed, hour(1), hour(2)]


def test_a_tick_owed_from_before_the_first_of_its_new_schedule_is_the_newest() -> None:
    plan = plan_of(at(NOON), misfire=Misfire.ALL, misfire_grace_ms=9 * HOUR_MS)
    steps = settle(plan, hour(-2), hour(-1))
    assert steps == [Settled(hour(-2), hour(-2), fire_at(0), None)]


# --- long outages


def test_a_gap_is_exact_up_to_ten_thousand_and_then_says_more() -> None:
    second = every(timedelta(seconds=1))
    exact = count_fires(second, NOON_MS, NOON_MS + (MAX_COUNTED - 1) * 1_000)
    more = count_fires(second, NOON_MS, NOON_MS + MAX_COUNTED * 1_000)
    far_more = count_fires(second, NOON_MS, NOON_MS + 100 * MAX_COUNTED * 1_000)
    assert (exact, more, far_more) == (MAX_COUNTED, MAX_COUNTED + 1, MAX_COUNTED + 1)


@pytest.mark.parametrize("misfire", Misfire)
def test_twenty_years_of_seconds_are_settled_in_bounded_time(misfire: Misfire) -> None:
    plan = plan_of(cron("* * * * * *"), misfire=misfire)
    began = time.process_time()
    steps = settle(plan, NOON_MS - 20 * 366 * 24 * HOUR_MS, NOON_MS)
    assert time.process_time() - began < 1
    assert steps[0].gap is not None
    assert steps[0].gap.count == MAX_COUNTED + 1


# --- pauses


def test_a_pause_swallows_what_was_due_while_it_lasted() -> None:
    gap = paused_gap(plan_of(HOURLY), fire_at(0), hour(2) + 1)
    assert gap == Gap(hour(0), hour(2), 3, Reason.PAUSED)


def test_a_pause_in_which_nothing_was_due_leaves_no_gap() -> None:
    assert paused_gap(plan_of(HOURLY), fire_at(1), hour(1) - 1) is None
    assert paused_gap(plan_of(at(NOON)), None, hour(1)) is None


def test_a_pause_swallows_an_owed_tick() -> None:
    owed = Fire(hour(-1) + 1, hour(-1) + 1)
    assert paused_gap(plan_of(at(NOON)), owed, hour(-1) + 5) == Gap(*owed, 1, Reason.PAUSED)


@given(plans(), st.integers(0, 100_000))
def test_a_pause_never_swallows_a_tick_that_is_not_due_yet(plan: Plan, ms: int) -> None:
    expected = plan.first_after(NOON_MS - 1)
    if expected is None:
        return
    now = expected.fire_time + ms
    gap = paused_gap(plan, expected, now)
    due = due_fires(plan, expected.fire_time, now) if expected.due <= now else []
    assert (gap_fires(gap, due) if gap else []) == due
    assert gap is None or plan.fire(gap.last).due <= now


# --- what may have run elsewhere


@given(plans(), st.integers(-10_000, 10_000_000))
def test_all_whose_fire_time_has_come_may_have_run_elsewhere_due_or_not(
    plan: Plan, ms: int
) -> None:
    expected = plan.first_after(NOON_MS - 1)
    if expected is None:
        return
    until = expected.fire_time + ms
    gap = past_gap(plan, expected, until, Reason.BY_HAND)
    following = plan.schedule.next_after(gap.last if gap else expected.fire_time - 1)
    assert following is None or following > until
    assert (gap is None) == (ms < 0)
    assert gap is None or gap.first == expected.fire_time <= gap.last <= until


def test_an_owed_tick_before_all_fire_times_may_have_run_elsewhere() -> None:
    owed = Fire(hour(-1) + 1, hour(-1) + 1)
    gap = past_gap(plan_of(at(NOON)), owed, hour(-1) + 5, Reason.BY_HAND)
    assert gap == Gap(*owed, 1, Reason.BY_HAND)
    assert past_gap(plan_of(at(NOON)), None, hour(1), Reason.BY_HAND) is None


# --- nobody there


@given(plans(), st.integers(0, 10_000_000))
def test_what_comes_too_late_and_nothing_else_is_missed_for_want_of_an_instance(
    plan: Plan, ms: int
) -> None:
    """So an instance that comes back runs what it would have run, had nobody looked meanwhile."""
    expected = plan.first_after(NOON_MS - 1)
    if expected is None:
        return
    now = expected.fire_time + ms
    gap = too_late_gap(plan, expected, now, Reason.NO_INSTANCE)
    due = due_fires(plan, expected.fire_time, now) if expected.due <= now else []
    late = [each for each in due if now > plan.wanted_until(each)]
    assert (gap_fires(gap, due) if gap else []) == late


# --- retries

THRICE = Retry(attempts=3, first_ms=10_000, factor=2, most_ms=600_000, jitter=0.1)


def test_without_a_retry_and_after_the_last_attempt_there_is_none() -> None:
    assert retry_in_ms(None, attempt=1, chance=0.5) is None
    assert retry_in_ms(THRICE, attempt=3, chance=0.5) is None


def test_each_delay_is_the_one_before_times_the_factor_up_to_the_most() -> None:
    patient = replace(THRICE, attempts=99, most_ms=50_000)
    delays = [retry_in_ms(patient, attempt, chance=0.5) for attempt in (1, 2, 3, 4, 5)]
    assert delays == [10_000, 20_000, 40_000, 50_000, 50_000]


def test_an_endless_retry_does_not_overflow() -> None:
    endless = replace(THRICE, attempts=10**9, factor=1e300)
    assert retry_in_ms(endless, 2, chance=0.5) == endless.most_ms
    assert retry_in_ms(endless, 10**6, chance=0.5) == endless.most_ms


@given(
    st.builds(
        Retry,
        attempts=st.integers(2, 50),
        first_ms=st.integers(1, 10_000),
        factor=st.floats(1, 1e6),
        most_ms=st.integers(10_000, 10**9),
        jitter=st.floats(0, 0.99),
    ),
    st.integers(1, 49),
    st.floats(0, 1, exclude_max=True),
)
def test_the_jitter_spreads_a_delay_by_its_share_to_both_sides(
    retry: Retry, attempt: int, chance: float
) -> None:
    delay = retry_in_ms(retry, attempt, chance)
    plain = retry_in_ms(replace(retry, jitter=0), attempt, chance)
    if attempt >= retry.attempts:
        assert delay is plain is None
        return
    assert delay is not None
    assert plain is not None
    assert min(retry.first_ms, retry.most_ms) <= plain <= retry.most_ms
    spread = retry.jitter * plain + 1
    assert max(0, plain - spread) <= delay <= plain + spread
