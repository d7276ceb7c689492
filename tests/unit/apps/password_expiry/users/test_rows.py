from __future__ import annotations

import pytest

from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.rows import (
    ACTIVE,
    LOCALE,
    MANAGER,
    MAX_AGE_DAYS,
    NEVER_EXPIRES,
    OPTIONS,
    user_of,
    with_options,
)

ANNA = User("anna", "anna@example.com", "Anna", "2026-01-01")


@pytest.mark.parametrize("stored", ["1", "true", "TRUE", "t", "yes", "Y", "on", " true ", "\x01"])
def test_many_ways_to_say_yes(stored: str) -> None:
    user = with_options(ANNA, {ACTIVE: stored, NEVER_EXPIRES: stored})
    assert (user.is_active, user.never_expires, user.complaint) == (True, True, "")


@pytest.mark.parametrize("stored", ["0", "false", "False", "f", "no", "N", "off", b"0", "\0"])
def test_many_ways_to_say_no(stored: object) -> None:
    user = with_options(ANNA, {ACTIVE: stored, NEVER_EXPIRES: stored})
    assert (user.is_active, user.never_expires, user.complaint) == (False, False, "")


@pytest.mark.parametrize("blank", [None, "", "  ", b""])
def test_what_is_blank_is_as_if_there_were_no_such_column(blank: object) -> None:
    assert with_options(ANNA, dict.fromkeys(OPTIONS, blank)) == ANNA


@pytest.mark.parametrize("name", [ACTIVE, NEVER_EXPIRES])
@pytest.mark.parametrize("stored", ["maybe", "2", "-1", "1.0", "2026-01-01", "\xff", "x" * 10_000])
def test_neither_yes_nor_no_is_a_complaint_that_names_the_column(name: str, stored: str) -> None:
    complaint = with_options(ANNA, {name: stored}).complaint
    assert complaint == f"its {OPTIONS[name]} is neither true nor false"


@pytest.mark.parametrize(
    ("stored", "days"), [("90", 90), ("90.00", 90), ("1", 1), ("36500", 36500)]
)
def test_an_age_is_in_whole_days(stored: str, days: int) -> None:
    assert with_options(ANNA, {MAX_AGE_DAYS: stored}).max_age_days == days


@pytest.mark.parametrize("stored", ["0", "-1", "36501", "90.5", "1e2", "ninety", "٩٠", "9" * 5000])
def test_another_age_is_a_complaint(stored: str) -> None:
    user = with_options(ANNA, {MAX_AGE_DAYS: stored})
    assert user.complaint == "its USERS_MAX_AGE_DAYS_COLUMN is no whole number from 1 to 36500"
    assert stored not in user.complaint.replace("from 1 to 36500", "").split()


@pytest.mark.parametrize(
    ("stored", "locale"),
    [
        ("de", "de"),
        ("de_AT", "de_AT"),
        ("de-AT", "de_AT"),
        ("de_DE.UTF-8", "de_DE"),
        ("de-AT,de;q=0.8", "de_AT"),
        ("zh_Hant_TW", "zh_Hant_TW"),
        ("../../etc/passwd", ""),
        ("{{ 7 * 7 }}", ""),
        ("d", ""),
        ("1", ""),
    ],
)
def test_a_language_is_letters_and_nothing_that_names_a_file(stored: str, locale: str) -> None:
    assert with_options(ANNA, {LOCALE: stored}).locale == locale


def test_a_manager_is_an_address_that_nobody_has_checked_yet() -> None:
    assert with_options(ANNA, {MANAGER: " boss@corp.test "}).manager == "boss@corp.test"


def test_a_row_has_its_options_behind_the_date() -> None:
    user = user_of((1, "a@corp.test", None, "2026-01-01", "0", "de"), (ACTIVE, LOCALE))
    assert (user.key, user.name, user.is_active, user.locale) == ("1", "", False, "de")
