"""Rules R1 to R7 and R10: what may be written, and what is said about the rest."""

from __future__ import annotations

import pytest

from cronfleet.cron.parser import parse
from tests.unit.cron.firing import fires_after, refusal, values


def test_r1_five_fields_are_six_with_second_zero() -> None:
    assert parse("0 15 10 * * 1") == parse("15 10 * * 1")


def test_r1_the_sixth_field_is_the_second_and_stands_first() -> None:
    assert fires_after("30 15 10 * * *", "2026-11-24 00:00", 1) == ["2026-11-24 10:15:30"]


def test_r1_the_seventh_field_is_the_year_and_stands_last() -> None:
    found = fires_after("0 0 0 1 1 * 2030,2199", "2026-11-24 00:00", 3)
    assert found == ["2030-01-01 00:00", "2199-01-01 00:00"]


@pytest.mark.parametrize("text", ["", "  ", "*", "* * * *", "* * * * * * * *"])
def test_r1_another_number_of_fields_is_refused(text: str) -> None:
    assert "write 5 fields: minute, hour, day of month" in refusal(text).hint


def test_r2_spaces_and_tabs_separate_and_surround() -> None:
    assert parse(" \t*/5\t 1  * *\t* ") == parse("*/5 1 * * *")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0 0 * * *\n", "it has a line break: write it on one line"),
        ("0 0 *\r* *", "it has a line break: write it on one line"),
        ("0 0 *\x0b* *", "it has a control character, U+000B: remove it"),
        ("0 0 * * *\x7f", "it has a control character, U+007F: remove it"),
        (
            "0\u00a00 * * *",
            "it has U+00A0 (NO-BREAK SPACE): only plain ASCII is read, type it anew",
        ),
        ("\u0665 0 * * *", "it has U+0665 (ARABIC-INDIC DIGIT FIVE): only plain ASCII is read, "),
        ("0 0 \u2217 * *", "it has U+2217 (ASTERISK OPERATOR): only plain ASCII is read, "),
    ],
)
def test_r2_control_characters_and_all_but_ascii_are_refused(text: str, hint: str) -> None:
    assert refusal(text).hint.startswith(hint)


def test_r2_the_length_is_looked_at_first() -> None:
    assert refusal("\n" * 257).hint == "has 257 characters, 256 at most are read"
    assert parse("1," * 123 + "1 * * * *").minutes == {1}


def test_r2_numbers_may_have_leading_zeros_up_to_four_digits() -> None:
    assert values("minutes", "0005-010") == set(range(5, 11))
    assert refusal("00005 * * * *").hint == "a number has at most 4 digits"
    assert "at most 4 digits" in refusal("*/00005 * * * *").hint


@pytest.mark.parametrize("text", ["+5", "-5", "1_0", "1.5", "0x5", "5e0", "1e", "\u0665", "\u00bd"])
def test_r2_numbers_have_no_sign_underscore_dot_or_letters(text: str) -> None:
    assert refusal(f"{text} * * * *")


@pytest.mark.parametrize(
    ("text", "field", "hint"),
    [
        ("60 * * * *", "minute", "must be 0-59"),
        ("60 * * * * *", "second", "must be 0-59"),
        ("0 24 * * *", "hour", "hours are 0-23: midnight is 0"),
        ("0 25 * * *", "hour", "must be 0-23"),
        ("0 0 0 * *", "day of month", "must be 1-31"),
        ("0 0 32 * *", "day of month", "must be 1-31"),
        ("0 0 * 13 *", "month", "must be 1-12 or JAN-DEC"),
        ("0 0 * * 8", "day of week", "must be 0-7 (0 and 7 are Sunday) or SUN-SAT"),
        ("0 0 0 * * * 1969", "year", "must be 1970-2199"),
        ("0 0 0 * * * 2200", "year", "must be 1970-2199"),
    ],
)
def test_r3_values_outside_a_field_are_refused(text: str, field: str, hint: str) -> None:
    error = refusal(text)
    assert (error.field, error.hint) == (field, hint)


def test_r3_sunday_is_0_and_7_and_sun() -> None:
    assert values("weekdays", "0") == values("weekdays", "7") == values("weekdays", "SUN") == {0}
    assert values("weekdays", "0-7") == set(range(7))
    assert values("weekdays", "5-7") == {5, 6, 0}
    assert values("weekdays", "7/2") == values("weekdays", "0/2") == {0, 2, 4, 6}


def test_r3_names_are_read_in_any_case_in_ranges_and_lists() -> None:
    assert values("months", "jan,Mar-MAY,dEc") == {1, 3, 4, 5, 12}
    assert values("weekdays", "mon-WED,Sat") == {1, 2, 3, 6}
    assert values("weekdays", "MON-3/2") == {1, 3}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0 0 * FOO *", "not known here: write 1-12 or JAN-DEC"),
        ("0 0 * MON *", "not known here: write 1-12 or JAN-DEC"),
        ("0 JAN * * *", "not known here: write 0-23"),
        ("0 0 * * MONDAY", "names have three letters: SUN, MON, TUE, WED, THU, FRI, SAT"),
    ],
)
def test_r3_other_names_are_refused(text: str, hint: str) -> None:
    assert refusal(text).hint == hint


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("*", set(range(60))),
        ("7", {7}),
        ("3-6", {3, 4, 5, 6}),
        ("*/20", {0, 20, 40}),
        ("10-30/10", {10, 20, 30}),
        ("50/4", {50, 54, 58}),
        ("5-5/8", {5}),
        ("5-5", {5}),
        ("*/100", {0}),
        ("*/9999", {0}),
        ("1,1,2-3,58/1", {1, 2, 3, 58, 59}),
        ("5,*/30", {5, 0, 30}),
    ],
)
def test_r4_items_mean_these_values(text: str, minutes: set[int]) -> None:
    assert values("minutes", text) == minutes


def test_r4_a_step_in_the_day_of_week_ends_with_saturday() -> None:
    assert values("weekdays", "1/2") == {1, 3, 5}
    assert values("weekdays", "*/2") == {0, 2, 4, 6}


@pytest.mark.parametrize("text", [",", "1,", ",1", "1,,2"])
def test_r4_empty_items_are_refused(text: str) -> None:
    assert refusal(f"{text} * * * *").hint.startswith("an item is missing beside a comma")


@pytest.mark.parametrize("text", ["*/0", "5/0", "1-5/00"])
def test_r4_a_step_is_one_at_least(text: str) -> None:
    error = refusal(f"{text} * * * *")
    assert (error.text, error.hint) == (text, "a step is 1 or more, of at most 4 digits")


@pytest.mark.parametrize(
    "text",
    ["**", "*5", "5*", "*-5", "1-", "-", "1-2-3", "/5", "*/", "*/2/3", "1~5", "!", "1-*", "%"],
)
def test_r4_other_forms_are_refused(text: str) -> None:
    assert refusal(f"{text} * * * *").hint.startswith("write `*`, a number (0-59), a-b, `*/n`")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("22-2 * * * *", "write 22-59,0-2"),
        ("0 22-2 * * *", "write 22-23,0-2"),
        ("0 23-2/2 * * *", "write 23,0-2"),
        ("0 0 28-3 * *", "write 28-31,1-3"),
        ("0 0 * NOV-FEB *", "write NOV-DEC,JAN-FEB"),
        ("0 0 * 11-FEB *", "write 11-12,1-FEB"),
        ("0 0 * * FRI-TUE", "write FRI-SAT,SUN-TUE"),
        ("0 0 * * 7-2", "write 7,0-2"),
        ("0 0 0 * * * 2030-2027", "write 2027-2030"),
    ],
)
def test_r5_a_reversed_range_is_refused_with_what_to_write(text: str, hint: str) -> None:
    assert refusal(text).hint == f"a range runs upwards: {hint}"


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("FRI-SUN", {5, 6, 0}),
        ("mon-sun", set(range(7))),
        ("5-SUN", {5, 6, 0}),
        ("FRI-SUN/2", {5, 0}),
        ("SUN-TUE", {0, 1, 2}),
        ("SUN-SAT", set(range(7))),
        ("SUN-SUN", {0}),
    ],
)
def test_r5_a_range_may_end_in_the_name_sun(text: str, weekdays: set[int]) -> None:
    assert values("weekdays", text) == weekdays


def test_r6_a_question_mark_is_a_star_in_the_day_fields() -> None:
    assert parse("0 0 ? * MON").days == parse("0 0 * * MON").days
    assert parse("0 0 */2 * ?").days == parse("0 0 */2 * *").days


@pytest.mark.parametrize("text", ["? * * * *", "0 0 * ? *", "0 0 ?,1 * *", "0 0 * * ?/2"])
def test_r6_a_question_mark_stands_alone_in_a_day_field(text: str) -> None:
    assert refusal(text).hint.startswith("`?` stands alone")


@pytest.mark.parametrize(
    ("nickname", "text"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_r7_nicknames(nickname: str, text: str) -> None:
    assert parse(f" {nickname} ") == parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("@reboot", "not supported, a fleet has no one start"),
        ("@Daily", "nicknames are written small: @daily"),
        ("@often", "no such nickname, known are @yearly, @annually"),
        ("@daily *", "no such nickname, known are @yearly, @annually"),
        ("0 @daily * * *", "write `*`, a number (0-23)"),
    ],
)
def test_r7_other_nicknames_are_refused(text: str, hint: str) -> None:
    assert refusal(text).hint.startswith(hint)


def test_r10_an_error_is_a_value_error_with_field_text_and_hint() -> None:
    error = refusal("0 0 * 13 *")
    assert isinstance(error, ValueError)
    assert (error.field, error.text) == ("month", "13")
    assert str(error) == "month '13': must be 1-12 or JAN-DEC"


@pytest.mark.parametrize("text", [r"0 \* \* \* \*", r"\*/5 \* \* \* \*", r"\*"])
def test_r10_backslashes_are_named_as_markdown(text: str) -> None:
    assert refusal(text).hint == r"remove the backslashes: `\*` is Markdown escaping"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('"0 * * * *"', "remove the quotation marks"),
        ("'0 * * * *'", "remove the quotation marks"),
        ("TZ=Europe/Berlin 0 * * * *", "no settings in here: give the time zone as `tz`"),
        ("CRON_TZ=UTC 0 * * * *", "no settings in here: give the time zone as `tz`"),
        ("0 0 1 1 * 2030", "six fields begin with the second: for a year write seven"),
        ("0 L * * *", "L, W and # are for the day of month"),
        ("15W * * * *", "L, W and # are for the day of month"),
        ("0 0 * MON#1 *", "L, W and # are for the day of month"),
        ("0 0 * * L", "L, W and # are for the day of month"),
    ],
)
def test_r10_a_frequent_mistake_gets_a_hint_of_its_own(text: str, hint: str) -> None:
    assert refusal(text).hint.startswith(hint)
