from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.users.policy import (
    BadRowError,
    ExpiryRule,
    NoticeKey,
    User,
    next_delay,
    stored_instant,
)

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
RULE = ExpiryRule(timedelta(days=90))


def user(stored_date: str | None, key: str = "anna") -> User:
    return User(key, "anna@example.com", "Anna", stored_date)


def instant(text: str) -> datetime | None:
    return stored_instant(text, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T10:00:00+00:00",
        "2026-01-01T10:00:00Z",
        "2026-01-01 10:00:00",
        "2026-01-01 10:00:00.000000",
        "2026-01-01 12:00:00+02",
        "2026-01-01 05:00:00-05:00",
        " 2026-01-01 10:00:00 ",
        "20260101T100000",
        "202601011000",
        "20260101100000",
        "1767261600",
        "1767261600.0",
        "1767261600000",
        "1767261600000000",
    ],
)
def test_one_instant_is_read_from_each_way_to_store_it(text: str) -> None:
    assert instant(text) == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-01", "20260101"])
def test_a_date_alone_is_its_midnight_in_utc(text: str) -> None:
    assert instant(text) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "  ", "infinity"])
def test_a_blank_date_and_never_are_none(text: str) -> None:
    assert instant(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "0000-00-00 00:00:00",
        "2026-13-01",
        "-infinity",
        "10000-01-01",
        "-1",
        "1e9",
        "9" * 18,
        "0",  # never set,
        "20454",  # days since 1970,
        "2461041.5",  # and since 4713 BC
        "631151999",  # one second before 1990
        "4932792000",  # more than 100 years ahead
        "20261301",
        "202601012500",
        "20260101100099",
        "2026001",
    ],
)
def test_what_is_no_date_is_a_bad_row(text: str) -> None:
    with pytest.raises(BadRowError):
        instant(text)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("631152000", 1990),
        ("4900000000", 2125),
        ("946684800000", 2000),
        ("999912312359", 9999),
        ("99991231", 9999),
        ("99991231235959", 9999),
        ("19700101", 1970),
        ("999999999999", 2001),
    ],
)
def test_a_number_is_a_date_of_digits_or_else_a_plausible_count(text: str, year: int) -> None:
    moment = instant(text)
    assert moment
    assert moment.year == year


@given(st.text(max_size=40))
def test_no_text_does_worse_than_be_a_bad_row(text: str) -> None:
    with suppress(BadRowError):
        assert instant(text) is None or text.strip()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_key_holds_an_instant_that_reads_back(moment: datetime) -> None:
    assert instant(moment.isoformat()) == moment


def test_a_password_expires_when_its_age_is_the_maximum() -> None:
    changed = NOW - timedelta(days=90)
    assert RULE.due_notice(user(changed.isoformat()), NOW)
    assert not RULE.due_notice(user((changed + timedelta(seconds=1)).isoformat()), NOW)


def test_a_stored_expiry_needs_no_age() -> None:
    rule = ExpiryRule(max_age=None)
    assert rule.due_notice(user(NOW.isoformat()), NOW)
    assert not rule.due_notice(user((NOW + timedelta(seconds=1)).isoformat()), NOW)


def test_a_user_without_a_date_is_due_nothing() -> None:
    assert RULE.due_notice(user(None), NOW) is None
    assert RULE.due_notice(user(" "), NOW) is None


def test_a_date_in_the_last_year_there_is_means_never() -> None:
    assert RULE.due_notice(user("9999-12-31 23:59:59"), NOW) is None


def test_a_changed_maximum_age_names_the_same_notice() -> None:
    stored = user("2025-01-01")
    assert RULE.due_notice(stored, NOW) == ExpiryRule(timedelta(days=91)).due_notice(stored, NOW)


def test_one_instant_stored_in_two_ways_names_the_same_notice() -> None:
    assert RULE.due_notice(user("2025-01-01"), NOW) == RULE.due_notice(user("1735689600"), NOW)


def test_a_password_changed_again_names_another_notice() -> None:
    assert RULE.due_notice(user("2025-01-01"), NOW) != RULE.due_notice(user("2025-01-02"), NOW)


def test_the_expiry_is_the_stored_date_and_the_age() -> None:
    key = NoticeKey("anna", "2026-01-01T00:00:00+00:00")
    assert RULE.expiry(key, user(None)) == datetime(2026, 4, 1, tzinfo=UTC)
    assert ExpiryRule(None).expiry(key, user(None)) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", ["x" * 256, "x\0"])
def test_an_id_that_no_table_can_hold_is_a_bad_row(key: str) -> None:
    with pytest.raises(BadRowError):
        RULE.due_notice(user("2025-01-01", key), NOW)


def test_a_bad_row_is_not_repeated_in_its_error() -> None:
    with pytest.raises(BadRowError) as caught:
        RULE.due_notice(user("hunter2"), NOW)
    assert "hunter2" not in str(caught.value)


def test_a_mail_is_put_off_longer_and_longer_and_given_up_after_a_day() -> None:
    minutes = [next_delay(failures, timedelta()) for failures in range(1, 7)]
    assert minutes == [timedelta(minutes=m) for m in (1, 5, 15, 60, 60, 60)]
    assert next_delay(5, timedelta(hours=24, seconds=1)) is None


def test_a_day_in_which_it_was_hardly_tried_is_no_reason_to_give_up() -> None:
    assert next_delay(4, timedelta(days=3)) == timedelta(minutes=60)
    assert next_delay(9, timedelta(hours=24)) == timedelta(minutes=60)
