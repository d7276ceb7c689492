"""Rules R8, R9 and R11: which days match."""

from __future__ import annotations

import pytest

from cronfleet.schedule import cron
from tests.unit.cron.firing import fires_after, refusal


def days(dates: str, weekdays: str, start: str = "2026-01-01", n: int = 4) -> list[str]:
    """The next days that match, as "01-31", the start's own year unsaid."""
    found = fires_after(f"0 12 {dates} * {weekdays}", f"{start} 00:00", n)
    return [day[:10].removeprefix(start[:5]) for day in found]


def test_r8_l_is_the_last_day_of_the_month() -> None:
    assert days("L", "*") == ["01-31", "02-28", "03-31", "04-30"]
    assert days("l", "*", "2028-02-01", 1) == ["02-29"]


def test_r8_l_stands_in_lists_too() -> None:
    assert days("15,L", "*") == ["01-15", "01-31", "02-15", "02-28"]


def test_r8_l_minus_n_counts_back_from_the_last_day() -> None:
    assert days("L-2", "*") == ["01-29", "02-26", "03-29", "04-28"]
    assert days("L-30", "*") == ["01-01", "03-01", "05-01", "07-01"]


@pytest.mark.parametrize("dates", ["L-0", "L-31", "L-00001"])
def test_r8_l_minus_n_stays_inside_a_month(dates: str) -> None:
    assert refusal(f"0 0 {dates} * *").hint == "L-n counts 1 to 30 days back from the last"


def test_r8_lw_is_the_last_day_from_monday_to_friday() -> None:
    assert days("LW", "*") == ["01-30", "02-27", "03-31", "04-30"]
    assert days("lw", "*", "2026-05-01", 1) == ["05-29"]


def test_r8_nw_is_the_nearest_working_day() -> None:
    assert days("15W", "*", "2026-08-01", 3) == ["08-14", "09-15", "10-15"]
    assert days("15w", "*", "2026-11-01", 1) == ["11-16"]


def test_r8_nw_stays_inside_the_month() -> None:
    assert days("1W", "*", "2026-08-01", 1) == ["08-03"]
    assert days("31W", "*", "2026-05-01", 1) == ["05-29"]


def test_r8_nw_skips_months_without_that_day() -> None:
    assert days("31W", "*", "2026-01-01", 3) == ["01-30", "03-31", "05-29"]


@pytest.mark.parametrize("dates", ["1,15W", "LW,1", "15W,16W"])
def test_r8_w_stands_alone(dates: str) -> None:
    assert refusal(f"0 0 {dates} * *").hint == "W stands alone: no list with it"


@pytest.mark.parametrize("dates", ["0W", "32W", "1-5W", "LW-1", "L/2", "W", "L-", "1L"])
def test_r8_other_uses_of_l_and_w_are_refused(dates: str) -> None:
    assert refusal(f"0 0 {dates} * *").field == "day of month"


@pytest.mark.parametrize("weekdays", ["5L", "FRIL", "fril", "5#L", "FRI#L"])
def test_r8_xl_is_the_last_such_weekday(weekdays: str) -> None:
    assert days("*", weekdays) == ["01-30", "02-27", "03-27", "04-24"]


def test_r8_x_hash_k_is_the_kth_such_weekday() -> None:
    assert days("*", "MON#2") == days("*", "1#2") == ["01-12", "02-09", "03-09", "04-13"]
    assert days("*", "7#1") == days("*", "0#1") == ["01-04", "02-01", "03-01", "04-05"]


def test_r8_a_month_without_a_fifth_has_no_run() -> None:
    assert days("*", "MON#5") == ["03-30", "06-29", "08-31", "11-30"]


def test_r8_ordinals_stand_in_lists() -> None:
    assert days("*", "MON#1,WED,7L", n=6) == [
        *("01-05", "01-07", "01-14", "01-21", "01-25", "01-28"),
    ]


@pytest.mark.parametrize("weekdays", ["MON#0", "MON#6", "1#12"])
def test_r8_ordinals_go_from_one_to_five(weekdays: str) -> None:
    assert refusal(f"0 0 * * {weekdays}").hint.startswith("a month has a first to a fifth")


@pytest.mark.parametrize("weekdays", ["8L", "FOO#1", "#1", "MON#", "*#1", "1-2#1", "LW", "9#1"])
def test_r8_other_uses_of_the_hash_are_refused(weekdays: str) -> None:
    assert refusal(f"0 0 * * {weekdays}").field == "day of week"


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("0 0 31 2 *", "day of month 31, month 2"),
        ("0 0 31 4,6,9,11 ?", "day of month 31, month 4,6,9,11"),
        ("0 0 30 2 */2", "day of month 30, month 2, day of week */2"),
        ("0 0 30W FEB *", "day of month 30W, month FEB"),
        ("0 0 */31 * MON#2", "day of month */31, day of week MON#2"),
        ("0 0 0 29 2 * 2027", "day of month 29, month 2, year 2027"),
    ],
)
def test_r9_an_expression_that_can_never_fire_is_refused(expression: str, wanted: str) -> None:
    hint = refusal(expression).hint
    assert hint == f"it never fires: no date from 1970 to 2199 has {wanted}"


def test_r9_either_day_field_is_enough_to_fire() -> None:
    assert fires_after("0 0 31 2 1", "2026-01-01 00:00", 2) == [
        "2026-02-02 00:00",
        "2026-02-09 00:00",
    ]


def test_r9_what_fired_once_is_finished_and_no_error() -> None:
    assert fires_after("0 0 0 1 1 * 2020", "2026-11-24 00:00", 1) == []
    assert cron("0 0 0 1 1 * 2020").previous_before(1_790_000_000_000) == 1_577_836_800_000


def test_r9_what_only_begins_later_has_no_past() -> None:
    assert cron("0 0 0 1 6 * 2030").previous_before(1_790_000_000_000) is None
    assert cron("0 0 1 1 *").previous_before(-86_400_000) is None


def test_r9_a_rare_day_is_waited_for() -> None:
    """29 February is a Monday in 2044 again, and in 2112 after the year without leap day."""
    found = fires_after("0 0 */29,29 2 MON", "2017-01-01 00:00", 99)
    leap_days = [fire[:10] for fire in found if fire[5:10] == "02-29"]
    assert leap_days[:5] == ["2044-02-29", "2072-02-29", "2112-02-29", "2140-02-29", "2168-02-29"]


def test_r11_either_day_field_is_enough_when_both_are_restricted() -> None:
    assert days("13", "FRI", n=6) == ["01-02", "01-09", "01-13", "01-16", "01-23", "01-30"]


@pytest.mark.parametrize("dates", ["*/100,1-7", "*/7,1-7"])
def test_r11_both_must_match_when_the_day_of_month_starts_with_a_star(dates: str) -> None:
    assert days(dates, "MON", n=2)[0] == "01-05"
    assert "01-26" not in days(dates, "MON", n=4)


def test_r11_both_must_match_when_the_day_of_week_starts_with_a_star() -> None:
    assert days("1-9", "*/2") == ["01-01", "01-03", "01-04", "01-06"]


def test_r11_a_star_later_in_the_list_changes_nothing() -> None:
    assert days("5,*", "MON", n=3) == ["01-01", "01-02", "01-03"]


def test_r11_a_question_mark_counts_as_a_star() -> None:
    assert days("?", "MON", n=2) == days("*", "MON", n=2) == ["01-05", "01-12"]
