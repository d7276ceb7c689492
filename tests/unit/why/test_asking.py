"""Which fire time is meant by a time, in the nights when clocks change.

Berlin goes forward on 2027-03-28 at 02:00 (01:00 UTC) and back on 2027-10-31 at 03:00 (01:00 UTC).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronfleet import InvalidScheduleError, Schedule, cron, every
from cronfleet import at as once
from cronfleet.info import moment
from cronfleet.why.asking import Asked, asked_of

BERLIN = "Europe/Berlin"
NIGHTLY = cron("30 2 * * *", BERLIN)
HALF_HOURLY = cron("*/30 * * * *", BERLIN)


def asked(schedule: Schedule, text: str) -> Asked:
    return asked_of(schedule, datetime.fromisoformat(text))


def fire_time(schedule: Schedule, text: str) -> str | None:
    found = asked(schedule, text).fire_time
    return None if found is None else f"{moment(found):%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-27 02:30", "03-27 01:30:00"),
        ("2027-03-29 02:30", "03-29 00:30:00"),
        ("2027-03-29T00:30:00Z", "03-29 00:30:00"),
        ("2027-03-28T20:30:00-04:00", "03-29 00:30:00"),
        ("2027-03-29 02:31", None),
        ("2027-03-29 02:30:01", None),
        ("2027-03-28 02:30", "03-28 01:00:00"),  # There was no 02:30.
        ("2027-03-28 02:31", None),
        ("2027-03-28 03:00", "03-28 01:00:00"),
        ("2027-10-31 02:30", "10-31 00:30:00"),  # 02:30 came twice.
        ("2027-10-31T02:30+02:00", "10-31 00:30:00"),
        ("2027-10-31T02:30+01:00", "10-31 00:30:00"),
    ],
)
def test_a_nightly_job_has_one_tick_a_night(text: str, expected: str | None) -> None:
    assert fire_time(NIGHTLY, text) == expected


@pytest.mark.parametrize(
    ("text", "is_moved", "said"),
    [
        ("2027-03-29 02:30", False, ""),
        ("2027-03-28 02:30", True, "clocks went forward from 02:00 to 03:00 that day"),
        ("2027-03-28 03:00", False, "its own time was skipped"),
        ("2027-10-31 02:30", False, "clocks went back that day and showed 02:30 twice"),
        ("2027-10-31T02:30+01:00", True, "its one tick was that of the first time, 00:30 UTC"),
    ],
)
def test_what_a_clock_change_did_is_told(text: str, is_moved: bool, said: str) -> None:
    found = asked(NIGHTLY, text)
    assert found.is_moved == is_moved
    assert said in found.clock_change
    assert bool(found.clock_change) == bool(said)


def test_a_job_that_repeats_has_no_tick_in_the_hour_that_is_skipped() -> None:
    found = asked(HALF_HOURLY, "2027-03-28 02:30")
    assert (found.fire_time, found.is_moved) == (None, True)
    assert "leaves such times out" in found.clock_change


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2027-10-31 02:30", "10-31 00:30:00"), ("2027-10-31T02:30+01:00", "10-31 01:30:00")],
)
def test_a_job_that_repeats_has_a_tick_each_time(text: str, expected: str) -> None:
    assert fire_time(HALF_HOURLY, text) == expected
    assert "it had a tick each time" in asked(HALF_HOURLY, text).clock_change


def test_ticks_that_fell_on_one_instant_are_one() -> None:
    twice = cron("15,45 2 * * *", BERLIN)
    for text in ("2027-03-28 02:15", "2027-03-28 02:45", "2027-03-28 03:00"):
        assert fire_time(twice, text) == "03-28 01:00:00"
    assert "they are one" in asked(twice, "2027-03-28 03:00").clock_change


def test_a_time_that_was_no_fire_time_says_that_clocks_did_not_show_it() -> None:
    found = asked(cron("0 12 * * *", BERLIN), "2027-03-28 02:30")
    assert (found.fire_time, found.is_moved) == (None, False)
    assert "there was no 02:30" in found.clock_change


def test_a_time_without_seconds_stands_for_its_minute() -> None:
    quick = cron("20 30 2 * * *")
    assert fire_time(quick, "2027-03-01 02:30") == "03-01 02:30:20"
    assert fire_time(quick, "2027-03-01 02:30:19") is None
    assert fire_time(quick, "2027-03-01 02:30:20") == "03-01 02:30:20"


@pytest.mark.parametrize(
    "schedule", [every(timedelta(hours=1)), once(datetime(2027, 3, 28, 2, tzinfo=UTC))]
)
def test_schedules_without_a_zone_are_asked_in_utc(schedule: Schedule) -> None:
    assert fire_time(schedule, "2027-03-28 02:00") == "03-28 02:00:00"
    assert fire_time(schedule, "2027-03-28T04:00+02:00") == "03-28 02:00:00"


@pytest.mark.parametrize("text", ["0001-01-01", "1970-12-31T23:59Z", "2200-01-01", "9999-12-31"])
def test_a_time_that_no_schedule_can_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidScheduleError, match="must be in the years 1971 to 2199"):
        asked(NIGHTLY, text)


@pytest.mark.parametrize("text", ["1971-01-01T00:00+14:00", "2199-12-31T23:59-12:00"])
def test_the_first_and_the_last_time_can_be_asked(text: str) -> None:
    assert fire_time(NIGHTLY, text) is None


def test_a_hashed_schedule_is_asked_as_its_job_has_it() -> None:
    schedule = cron("H 2 * * *", BERLIN).for_job("report")
    (minute,) = [m for m in range(60) if fire_time(schedule, f"2027-03-01 02:{m:02}")]
    found = asked(schedule, f"2027-03-28 02:{minute:02}")
    assert (found.fire_time is not None, found.is_moved) == (True, True)
