from __future__ import annotations

import copy
import json
import pickle
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cronfleet.cron.search import ClockMark
from cronfleet.cron.zones import zone
from cronfleet.errors import InvalidScheduleError
from cronfleet.schedule import (
    EPOCH,
    Schedule,
    at,
    cron,
    due_ms,
    due_of,
    every,
    jitter_delay_ms,
    schedule_from_definition,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAIVE = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - what must be refused
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
END_MS = 7_258_118_400_000  # 2200 begins.

SCHEDULES = [
    cron("30 2 * * 1-5", tz="Europe/Berlin"),
    cron("@hourly"),
    every(timedelta(minutes=90)),
    every(HOUR, anchor=NOON + MINUTE),
    at(NOON),
]

intervals = st.integers(1000, 10**12).map(lambda ms: timedelta(milliseconds=ms))
instants_ms = st.integers(-(10**12), END_MS + 10**12)


def fires(schedule: Schedule, n: int, start: datetime = NOON) -> list[datetime]:
    return list(islice(schedule.after(start), n))


def test_fire_times_are_aware_and_utc() -> None:
    (fire,) = fires(cron("0 14 * * *", tz="Europe/Berlin"), 1)
    assert fire == datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert fire.tzinfo is UTC


def test_after_is_lazy_and_goes_on_until_there_are_no_more() -> None:
    assert len(fires(every(timedelta(seconds=1)), 1000)) == 1000
    assert len(list(cron("0 0 0 1 1 * 2027-2036").after(NOON))) == 10
    assert [*at(NOON).after(NOON - HOUR)] == [NOON]


def test_before_descends() -> None:
    found = list(islice(cron("0 * * * *").before(NOON), 3))
    assert found == [NOON - HOUR, NOON - 2 * HOUR, NOON - 3 * HOUR]
    assert [*at(NOON).before(NOON + MINUTE)] == [NOON]


def test_the_start_may_be_in_any_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7, minutes=-13)))
    assert fires(cron("0 * * * *"), 1, elsewhere) == [NOON + HOUR]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_start_without_a_zone_is_refused_at_once(schedule: Schedule) -> None:
    with pytest.raises(InvalidScheduleError, match="start '2026-11-24 12:00:00': has no time zone"):
        schedule.after(NAIVE)
    with pytest.raises(InvalidScheduleError, match="start '2026-11-24 12:00:00': has no time zone"):
        schedule.before(NAIVE)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_a_value(schedule: Schedule) -> None:
    twin = pickle.loads(pickle.dumps(schedule))
    assert twin == schedule == copy.deepcopy(schedule)
    assert len({twin, schedule}) == 1
    assert fires(twin, 3) == fires(schedule, 3)


def test_white_space_makes_no_difference_to_equality() -> None:
    assert cron(" 0\t9  * * * ") == cron("0 9 * * *") != cron("0 9 * * *", tz="Europe/Berlin")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_definition_survives_json(schedule: Schedule) -> None:
    stored = json.loads(json.dumps(schedule.to_definition()))
    assert schedule_from_definition(stored) == schedule


def test_definitions_look_like_this() -> None:
    """They are stored: changing one needs a thought for those that are there already."""
    assert [schedule.to_definition() for schedule in SCHEDULES[:3]] == [
        {"kind": "cron", "expression": "30 2 * * 1-5", "tz": "Europe/Berlin"},
        {"kind": "cron", "expression": "@hourly", "tz": "UTC"},
        {"kind": "every", "interval_ms": 5_400_000, "anchor_ms": 0},
    ]
    assert at(NOON).to_definition() == {"kind": "at", "fire_time_ms": 1_795_521_600_000}


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"kind": "lunar"},
        {"kind": "cron", "expression": "0 * * * *"},
        {"kind": "cron", "expression": 5, "tz": "UTC"},
        {"kind": "cron", "expression": "0 * * * *", "tz": "UTC", "week": "even"},
        {"kind": "cron", "expression": "61 * * * *", "tz": "UTC"},
        {"kind": "cron", "expression": "0 * * * *", "tz": "Mars/Olympus"},
        {"kind": "every", "interval_ms": "1000", "anchor_ms": 0},
        {"kind": "every", "interval_ms": 1000.0, "anchor_ms": 0},
        {"kind": "every", "interval_ms": True, "anchor_ms": 0},
        {"kind": "every", "interval_ms": 999, "anchor_ms": 0},
        {"kind": "every", "interval_ms": 10**30, "anchor_ms": 0},
        {"kind": "every", "interval_ms": 1000, "anchor_ms": 0, "until_ms": 5},
        {"kind": "at", "fire_time_ms": None},
        {"kind": "at", "fire_time_ms": -1},
        {"kind": "at", "fire_time_ms": END_MS},
        {"kind": "at", "fire_time_ms": 5, "zone": "UTC"},
    ],
)
def test_a_definition_that_is_none_is_refused(junk: dict[str, Any]) -> None:
    with pytest.raises(InvalidScheduleError):
        schedule_from_definition(junk)


def test_only_cron_outside_utc_needs_tzdata() -> None:
    assert [schedule.needs_tzdata for schedule in SCHEDULES] == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (cron("30 2 * * 1-5", tz="Europe/Berlin"), "at 02:30 on weekdays (Europe/Berlin)"),
        (cron("30 2 * * 1-5"), "at 02:30 on weekdays"),
        (every(HOUR), "every hour"),
        (every(timedelta(minutes=15)), "every 15 minutes"),
        (
            every(timedelta(days=1, hours=2, seconds=1, milliseconds=7)),
            "every 1 day 2 hours 1 second 7 milliseconds",
        ),
        (every(HOUR, anchor=NOON + MINUTE), "every hour, counted from 1970-01-01 00:01:00 UTC"),
        (at(NOON), "once, at 2026-11-24 12:00:00 UTC"),
        (at(NOON + timedelta(milliseconds=5)), "once, at 2026-11-24 12:00:00.005 UTC"),
    ],
)
def test_describe(schedule: Schedule, text: str) -> None:
    assert schedule.describe() == text


def test_every_counts_from_its_anchor_both_ways() -> None:
    schedule = every(timedelta(hours=7), anchor=NOON)
    assert fires(schedule, 2) == [NOON + 7 * HOUR, NOON + 14 * HOUR]
    assert next(schedule.before(NOON)) == NOON - 7 * HOUR
    assert next(schedule.after(NOON - MINUTE)) == NOON


def test_anchors_that_mean_the_same_are_the_same() -> None:
    assert every(HOUR, anchor=NOON) == every(HOUR) == every(HOUR, anchor=EPOCH - 5 * HOUR)


@pytest.mark.parametrize(
    ("interval", "hint"),
    [
        (timedelta(0), "must be a second at least"),
        (timedelta(seconds=-5), "must be a second at least"),
        (timedelta(milliseconds=999), "must be a second at least"),
        (timedelta(days=365 * 300), "less than 230 years"),
        (timedelta(seconds=1, microseconds=5), "must be in whole milliseconds"),
    ],
)
def test_an_interval_that_cannot_be_kept_is_refused(interval: timedelta, hint: str) -> None:
    with pytest.raises(InvalidScheduleError, match=hint) as caught:
        every(interval)
    assert caught.value.field == "interval"


def test_a_moment_or_anchor_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidScheduleError, match=r"moment .*: has no time zone"):
        at(NAIVE)
    with pytest.raises(InvalidScheduleError, match=r"anchor .*: has no time zone"):
        every(HOUR, anchor=NAIVE)


def test_a_moment_is_never_early() -> None:
    assert fires(at(NOON + timedelta(microseconds=1)), 1) == [NOON + timedelta(milliseconds=1)]


@pytest.mark.parametrize("year", [1969, 2200, 9999])
def test_a_moment_is_in_the_years_that_schedules_know(year: int) -> None:
    with pytest.raises(InvalidScheduleError, match="1970 to 2199"):
        at(datetime(year, 6, 1, tzinfo=UTC))


@given(intervals, instants_ms, instants_ms)
def test_r12_holds_for_every_too(interval: timedelta, anchor_ms: int, start: int) -> None:
    schedule = schedule_from_definition(
        {
            "kind": "every",
            "interval_ms": interval // timedelta(milliseconds=1),
            "anchor_ms": anchor_ms,
        }
    )
    fire = schedule.next_after(start)
    assume(fire is not None)
    assert fire is not None
    assert max(start, -1) < fire < END_MS
    assert schedule.next_after(fire - 1) == fire == schedule.previous_before(fire + 1)
    before = schedule.previous_before(fire)
    assert before is None or (before <= start and schedule.next_after(before) == fire)


@pytest.mark.parametrize("schedule", [cron("* * * * * *"), every(timedelta(seconds=1))])
def test_r20_fire_times_lie_in_1970_to_2199(schedule: Schedule) -> None:
    assert next(schedule.after(datetime(1, 1, 1, tzinfo=UTC))) == EPOCH
    assert next(schedule.before(datetime(9999, 12, 31, tzinfo=UTC))).year == 2199
    assert schedule.next_after(END_MS - 1000) is None
    assert schedule.previous_before(0) is None


def test_between_stops_at_its_end_its_limit_and_the_schedule_s_own_end() -> None:
    start = 1_795_521_600_000
    assert every(HOUR).between(start, start + 7_200_000, limit=9) == [
        start + 3_600_000,
        start + 7_200_000,
    ]
    assert every(HOUR).between(start, start + 7_200_000, limit=1) == [start + 3_600_000]
    assert at(NOON).between(start - 1, END_MS, limit=9) == [start]


def test_upcoming_shows_local_time_and_what_the_clock_change_moved() -> None:
    shown = cron("30 2 * * *", tz="Europe/Berlin").upcoming(
        3, after=datetime(2026, 3, 28, tzinfo=UTC)
    )
    assert [str(one.local) for one in shown] == [
        "2026-03-28 02:30:00+01:00",
        "2026-03-29 03:00:00+02:00",
        "2026-03-30 02:30:00+02:00",
    ]
    assert [one.mark for one in shown] == [None, ClockMark.MOVED, None]
    assert all(one.fire_time.tzinfo is UTC and one.fire_time == one.local for one in shown)


@pytest.mark.parametrize(
    ("expression", "mark"),
    [
        ("30 2 * * *", ClockMark.MOVED),
        ("15,45 2 * * *", ClockMark.MERGED),
        ("30 2,3 * * *", ClockMark.MOVED),
        ("0,30 2,3 * * *", ClockMark.MERGED),
        ("0 2,3 * * *", ClockMark.MERGED),
        ("0 3 * * *", None),
        ("0 * * * *", None),
    ],
)
def test_upcoming_tells_moved_from_merged(expression: str, mark: ClockMark | None) -> None:
    schedule = cron(expression, tz="Europe/Berlin")
    just_before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert schedule.upcoming(1, after=just_before)[0].mark == mark


def test_upcoming_marks_nothing_where_times_repeat() -> None:
    shown = cron("0,30 2,3 * * *", tz="Europe/Berlin").upcoming(
        4, after=datetime(2026, 10, 24, 23, tzinfo=UTC)
    )
    assert [one.mark for one in shown] == [None] * 4
    assert shown[0].local.astimezone(zone("Europe/Berlin")).fold == 0


def test_upcoming_of_what_has_no_zone_is_in_utc() -> None:
    assert every(HOUR).upcoming(2, after=NOON)[0] == (NOON + HOUR, NOON + HOUR, None)
    assert len(at(NOON).upcoming(5, after=NOON - HOUR)) == 1


def test_jitter_is_the_same_on_every_instance() -> None:
    """Written down, since instances of two versions must agree."""
    assert jitter_delay_ms("report", 1_795_521_600_000, 60_000) == 29_475


def test_jitter_stays_inside_and_none_is_none() -> None:
    delays = [jitter_delay_ms("report", fire * 60_000, 500) for fire in range(2000)]
    assert 0 <= min(delays) < 5
    assert 495 < max(delays) < 500
    assert jitter_delay_ms("report", 0, 0) == 0


@pytest.mark.parametrize("of", ["fire times", "jobs"])
def test_jitter_spreads_evenly(of: str) -> None:
    names = [("report", n) if of == "fire times" else (f"report-{n}", 0) for n in range(10_000)]
    tenths = Counter(jitter_delay_ms(job, fire, 1000) // 100 for job, fire in names)
    assert sorted(tenths) == list(range(10))
    assert all(850 < count < 1150 for count in tenths.values())


@given(st.integers(0, END_MS), st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_tick_is_due_before_the_following_fire_time(fire: int, gap: int, jitter: int) -> None:
    due = due_ms("report", fire, fire + gap, jitter)
    assert fire <= due < fire + gap
    assert due == fire or due < fire + jitter
    assert due_ms("report", fire, fire + 1, jitter) == fire


def test_the_last_tick_has_all_of_the_jitter() -> None:
    assert due_ms("report", 5000, None, 60_000) == 5000 + jitter_delay_ms("report", 5000, 60_000)


def test_a_hashed_schedule_gets_its_numbers_from_the_name_of_its_job() -> None:
    schedule = cron("H H(1-5) * * *", tz="Europe/Berlin").for_job("report")
    assert [each.local.strftime("%H:%M") for each in schedule.upcoming(2, after=NOON)] == [
        "05:16",
        "05:16",
    ]
    assert schedule.describe() == "at 05:16 every day (Europe/Berlin)"
    assert schedule.for_job("another") is schedule
    assert schedule != cron("H H(1-5) * * *", tz="Europe/Berlin").for_job("another")


def test_a_hashed_schedule_is_stored_as_it_was_written_with_its_job() -> None:
    schedule = cron("H 3 * * *").for_job("report")
    definition = {"kind": "cron", "expression": "H 3 * * *", "tz": "UTC", "job": "report"}
    assert schedule.to_definition() == definition
    assert schedule_from_definition(definition) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_a_hashed_schedule_without_a_job_says_what_it_is_and_has_no_fire_times() -> None:
    schedule = cron("H  3 * * *", tz="Asia/Tokyo")
    assert schedule.describe() == (
        '"H 3 * * *", each H a number that follows from the job\'s name (Asia/Tokyo)'
    )
    assert cron("H 3 * * *").describe().endswith("name")
    assert schedule_from_definition(schedule.to_definition()) == schedule
    for ask in (schedule.after, schedule.before):
        with pytest.raises(InvalidScheduleError, match=r"say whose, with `for_job\(name\)`"):
            next(ask(NOON))


@pytest.mark.parametrize(
    ("expression", "tz"),
    [("H(9-5) * * * *", "UTC"), ("H 99 * * *", "UTC"), ("H * * * *", "Nowhere")],
)
def test_what_is_wrong_with_a_hashed_schedule_is_said_before_its_job_is_known(
    expression: str, tz: str
) -> None:
    with pytest.raises(InvalidScheduleError):
        cron(expression, tz=tz)


def test_a_schedule_without_an_h_is_the_same_for_every_job() -> None:
    for schedule in SCHEDULES:
        assert schedule.for_job("report") is schedule


@given(st.integers(0, 10**12), st.integers(0, 10**8))
def test_a_tick_is_due_when_instances_find_it_due(start_ms: int, jitter_ms: int) -> None:
    schedule = cron("*/7 * * * *")
    fire_time = next(schedule.after(EPOCH + timedelta(milliseconds=start_ms)))
    due = due_of(schedule, "report", fire_time, timedelta(milliseconds=jitter_ms))
    (following,) = (each.fire_time for each in schedule.upcoming(1, after=fire_time))
    fire_ms, following_ms = (
        round((each - EPOCH) / timedelta(milliseconds=1)) for each in (fire_time, following)
    )
    assert fire_time <= due < following
    wanted_ms = due_ms("report", fire_ms, following_ms, jitter_ms)
    assert due == EPOCH + timedelta(milliseconds=wanted_ms)
