"""Rules R12 to R17 and R20: what a clock change does, and where a search ends.

The clocks: Berlin springs from 02:00 to 03:00 on 2026-03-29 and falls from 03:00 to 02:00 on
2026-10-25. Lord Howe moves by half an hour: on 2026-10-04 from 02:00 to 02:30, on 2026-04-05 from
02:00 to 01:30. St. John's fell from 00:01 back to 23:01 on 2010-11-07. Apia had no 2011-12-30.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from cronfleet.schedule import cron
from tests.unit.cron.firing import fires_after, fires_before, instant

BERLIN = "Europe/Berlin"
SPRING = "2026-03-29 00:00"
AUTUMN = "2026-10-25 00:00"
DAY_MS = 86_400_000


def both_ways(expression: str, tz: str, start: str, end: str) -> list[str]:
    """The fire times between two walls, as "03:00 +0200"; the two searches must agree."""
    later = cron(expression, tz).between(_ms(start, tz) - 1, _ms(end, tz), limit=100_000)
    upwards = fires_after(
        expression, str(instant(start, tz) - timedelta(seconds=1)), len(later), tz
    )
    downwards = fires_before(
        expression, str(instant(end, tz) + timedelta(seconds=1)), len(later), tz
    )
    assert upwards == downwards[::-1]
    return [fire[11:] for fire in upwards]


def _ms(wall: str, tz: str) -> int:
    return round(instant(wall, tz).timestamp() * 1000)


def spring(expression: str) -> list[str]:
    return both_ways(expression, BERLIN, SPRING, "2026-03-29 04:00")


def autumn(expression: str) -> list[str]:
    return both_ways(expression, BERLIN, AUTUMN, "2026-10-25 04:00")


def test_r12_a_job_follows_the_wall_of_its_zone() -> None:
    assert fires_after("0 9 * * *", "2026-03-28 12:00", 2) == [
        "2026-03-29 09:00",
        "2026-03-30 09:00",
    ]
    found = fires_after("0 9 * * *", "2026-03-28 07:00", 2, BERLIN)
    assert found == ["2026-03-28 09:00 +0100", "2026-03-29 09:00 +0200"]


def test_r12_next_and_previous_leave_the_start_itself_out() -> None:
    noon = "2026-11-24 12:00"
    assert fires_after("0 12 * * *", noon, 1) == ["2026-11-25 12:00"]
    assert fires_before("0 12 * * *", noon, 1) == ["2026-11-23 12:00"]


def test_r12_a_carry_goes_from_the_second_to_the_minute_and_on() -> None:
    day = "2026-11-24 "
    assert fires_after("30 15 * * * *", day + "10:15:40", 1) == [day + "11:15:30"]
    assert fires_before("30 15 * * * *", day + "10:15:10", 1) == [day + "09:15:30"]
    assert fires_after("30 59 23 31 12 *", "2026-12-31 23:59:40", 1) == ["2027-12-31 23:59:30"]
    assert fires_before("30 0 0 1 1 *", "2026-01-01 00:00:10", 1) == ["2025-01-01 00:00:30"]


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
@pytest.mark.parametrize("expression", ["30 2 * * *", "*/30 2 * * *", "0-59/7 1-3 * * *"])
def test_r12_where_a_search_starts_changes_nothing(expression: str, day: str) -> None:
    start = _ms(day, BERLIN)
    schedule = cron(expression, BERLIN)
    fires = schedule.between(start - 1, start + 2 * DAY_MS, limit=1000)
    for at in range(start, start + DAY_MS, 300_000):
        assert schedule.next_after(at) == min(fire for fire in fires if fire > at)


@pytest.mark.parametrize("expression", ["*/30 2 * * *", "* 2 * * *", "*/7,5 2 * * *"])
def test_r13_a_wildcard_job_does_not_run_at_skipped_times(expression: str) -> None:
    assert spring(expression) == []


def test_r13_a_wildcard_job_goes_on_by_the_wall_after_skipped_times() -> None:
    assert spring("15 */2 * * *") == ["00:15 +0100"]
    assert spring("0 * * * *") == ["00:00 +0100", "01:00 +0100", "03:00 +0200", "04:00 +0200"]


def test_r13_a_wildcard_job_runs_in_both_passes_of_repeated_times() -> None:
    assert autumn("*/30 2 * * *") == ["02:00 +0200", "02:30 +0200", "02:00 +0100", "02:30 +0100"]
    assert autumn("@hourly")[2:4] == ["02:00 +0200", "02:00 +0100"]


def test_r13_a_star_in_the_second_makes_a_wildcard_job() -> None:
    assert len(autumn("*/30 30 2 * * *")) == 4
    assert spring("*/30 30 2 * * *") == []


@pytest.mark.parametrize(
    "expression", ["0-59 2 * * *", "0 0-23/2 * * *", "30 2 * * *", "0,*/30 2 * * *"]
)
def test_r13_without_a_leading_star_it_is_a_fixed_time_job(expression: str) -> None:
    assert "03:00 +0200" in spring(expression)
    assert not [fire for fire in autumn(expression) if fire.startswith("02") and "+0100" in fire]


def test_r13_a_wildcard_job_in_a_half_hour_change() -> None:
    found = both_ways("30 * * * *", "Australia/Lord_Howe", "2026-10-04 01:00", "2026-10-04 04:00")
    assert found == ["01:30 +1030", "02:30 +1100", "03:30 +1100"]
    found = both_ways("*/10 1 * * *", "Australia/Lord_Howe", "2026-04-05 01:20", "2026-04-05 03:00")
    assert [fire[:5] for fire in found] == [
        "01:20",
        "01:30",
        "01:40",
        "01:50",
        "01:30",
        "01:40",
        "01:50",
    ]


def test_r13_a_wildcard_job_when_repeated_times_cross_midnight() -> None:
    found = both_ways("15 */2 * * *", "America/St_Johns", "2010-11-06 22:00", "2010-11-07 03:00")
    assert found == ["22:15 -0230", "00:15 -0330", "02:15 -0330"]
    found = both_ways("0,30 * * * *", "America/St_Johns", "2010-11-06 23:30", "2010-11-07 00:30")
    assert found == ["23:30 -0230", "00:00 -0230", "23:30 -0330", "00:00 -0330", "00:30 -0330"]


@pytest.mark.parametrize("expression", ["30 2 * * *", "15,45 2 * * *", "0-59/7 2 * * *"])
def test_r14_skipped_times_run_once_at_the_first_instant_after(expression: str) -> None:
    assert spring(expression) == ["03:00 +0200"]


def test_r14_a_regular_run_at_that_instant_merges() -> None:
    assert spring("30 2,3 * * *") == ["03:00 +0200", "03:30 +0200"]
    assert spring("0,30 2,3 * * *") == ["03:00 +0200", "03:30 +0200"]


def test_r14_the_date_of_the_skipped_time_decides() -> None:
    """Santiago springs from 24:00 on a Saturday: 00:30 on Sunday is skipped."""
    found = fires_after("30 0 * * SUN", "2026-09-05 12:00", 1, "America/Santiago")
    assert found == ["2026-09-06 01:00 -0300"]
    found = fires_after("30 0 * * SAT", "2026-09-05 12:00", 1, "America/Santiago")
    assert found == ["2026-09-12 00:30 -0300"]


def test_r14_seconds_make_no_difference() -> None:
    assert spring("30 30 2 * * *") == ["03:00 +0200"]
    assert spring("0-59 30 2 * * *") == ["03:00 +0200"]


def test_r15_repeated_times_run_in_the_first_pass_only() -> None:
    assert autumn("30 2 * * *") == ["02:30 +0200"]
    assert autumn("15,45 2,3 * * *") == ["02:15 +0200", "02:45 +0200", "03:15 +0100", "03:45 +0100"]


def test_r15_a_search_that_starts_in_the_second_pass_finds_no_repeated_time() -> None:
    assert fires_after("30 2 * * *", "2026-10-25 02:10+01:00", 1, BERLIN) == [
        "2026-10-26 02:30 +0100"
    ]
    assert fires_before("30 2 * * *", "2026-10-25 02:40+01:00", 1, BERLIN) == [
        "2026-10-25 02:30 +0200"
    ]


def test_r15_repeated_times_across_midnight() -> None:
    found = both_ways("30 0,23 * * *", "America/St_Johns", "2010-11-06 22:00", "2010-11-07 03:00")
    assert found == ["23:30 -0230", "00:30 -0330"]


@pytest.mark.parametrize("expression", ["30 12 30 12 *", "*/30 12 30 12 *"])
def test_r16_a_day_that_was_left_out_does_not_run(expression: str) -> None:
    found = fires_after(expression, "2011-12-01 00:00", 1, "Pacific/Apia")
    assert found[0].startswith("2012-12-30 12:")


def test_r16_three_hours_are_a_large_change() -> None:
    """Casey: forward by three hours on 2018-10-07 at 04:00, back by three on 2019-03-17."""
    forward = both_ways("30 5 * * *", "Antarctica/Casey", "2018-10-07 00:00", "2018-10-07 09:00")
    assert forward == []
    back = both_ways("30 1 * * *", "Antarctica/Casey", "2019-03-17 00:00", "2019-03-17 09:00")
    assert back == ["01:30 +1100", "01:30 +0800"]


def test_r17_a_start_is_compared_to_the_microsecond() -> None:
    assert fires_after("0 12 * * *", "2026-11-24 11:59:59.999999", 1) == ["2026-11-24 12:00"]
    assert fires_after("0 12 * * *", "2026-11-24 12:00:00.000001", 1) == ["2026-11-25 12:00"]
    assert fires_before("0 12 * * *", "2026-11-24 12:00:00.000001", 1) == ["2026-11-24 12:00"]
    assert fires_before("0 12 * * *", "2026-11-24 11:59:59.999999", 1) == ["2026-11-23 12:00"]


def test_r13_a_search_backwards_sees_the_first_pass_of_a_rare_wildcard_job() -> None:
    found = fires_before("* 45 2 25 10 *", "2026-10-25 02:10+01:00", 1, BERLIN)
    assert found == ["2026-10-25 02:45:59 +0200"]


def test_r20_fire_times_begin_with_1970_and_end_with_2199_on_the_wall() -> None:
    assert fires_after("0 0 1 1 *", "1900-01-01 00:00", 1, BERLIN) == ["1970-01-01 00:00 +0100"]
    assert fires_before("0 0 1 1 *", "1970-01-01 00:00", 1, BERLIN) == []
    assert fires_after("59 23 31 12 *", "2199-12-31 23:59", 1, BERLIN) == []
    assert fires_after("59 23 31 12 *", "2199-12-31 20:00", 9, "Pacific/Pago_Pago") == [
        "2199-12-31 23:59 -1100"
    ]
    assert fires_before("59 23 31 12 *", "9999-01-01 00:00", 1, BERLIN) == [
        "2199-12-31 23:59 +0100"
    ]


def test_r20_missed_fire_times_are_counted_up_to_a_limit() -> None:
    start, end = _ms("2026-11-24 00:00", "UTC"), _ms("2026-11-24 10:00", "UTC")
    hourly = cron("0 * * * *")
    assert len(hourly.between(start, end, limit=100)) == 10
    assert hourly.between(start, end, limit=2) == [start + 3_600_000, start + 7_200_000]
    assert hourly.between(start, start, limit=100) == []
