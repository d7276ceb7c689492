"""Which of the days before its expiry a user is told on, and who is told nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.users.policy import (
    EXPIRED,
    BadRowError,
    ExpiryRule,
    NoticeKey,
    QuietHours,
    User,
    days_before,
)

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
REMIND = (14, 7, 3, 1)
RULE = ExpiryRule(timedelta(days=90), REMIND)
BY_EXPIRY = ExpiryRule(None, REMIND)
ANNA = User("anna", "anna@example.com", "Anna", "2026-01-01")
BERLIN = ZoneInfo("Europe/Berlin")


def threshold(expiry: datetime, rule: ExpiryRule = BY_EXPIRY, now: datetime = NOW) -> str | None:
    key = rule.due_notice(replace(ANNA, stored_date=expiry.isoformat()), now)
    return key.threshold if key else None


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (16, None),
        (15, None),
        (14, "14d"),
        (10, "14d"),
        (8, "14d"),
        (7, "7d"),
        (4, "7d"),
        (3, "3d"),
        (2, "3d"),
        (1, "1d"),
        (0, EXPIRED),
        (-1, EXPIRED),
        (-400, EXPIRED),
    ],
)
def test_of_the_days_before_it_is_the_nearest_that_is_still_to_come(
    days: int, told: str | None
) -> None:
    assert threshold(NOW + timedelta(days=days)) == told


def test_without_days_before_only_those_are_told_whose_passwords_have_expired() -> None:
    silent = ExpiryRule(None)
    assert threshold(NOW + timedelta(seconds=1), silent) is None
    assert threshold(NOW, silent) == EXPIRED


def test_the_order_of_the_days_says_nothing() -> None:
    rule = ExpiryRule(None, (1, 7, 14, 3))
    assert threshold(NOW + timedelta(days=5), rule) == "7d"


def test_what_expires_later_today_is_told_as_the_nearest_day() -> None:
    assert threshold(NOW + timedelta(hours=3)) == "1d"
    assert threshold(NOW + timedelta(hours=3), ExpiryRule(None, (14,))) == "14d"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        (UTC, "1d"),  # 1 April 11:30 to 2 April 22:30
        (BERLIN, "3d"),  # 1 April 13:30 to 3 April 00:30
        (ZoneInfo("Etc/GMT+12"), "3d"),  # 31 March 23:30 to 2 April 10:30
    ],
)
def test_days_are_counted_by_the_calendar_of_the_zone(zone: tzinfo, told: str) -> None:
    now, expiry = datetime(2026, 4, 1, 11, 30, tzinfo=UTC), datetime(2026, 4, 2, 22, 30, tzinfo=UTC)
    assert threshold(expiry, ExpiryRule(None, REMIND, zone), now) == told


def test_a_day_with_a_change_of_the_clocks_is_one_day() -> None:
    """Berlin leaves out 02:00 to 03:00 on 29 March 2026: 23 hours to the same time of the day."""
    now = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    expiry = datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    assert threshold(expiry.astimezone(UTC), ExpiryRule(None, REMIND, BERLIN), now) == "1d"


def test_a_reminder_belongs_to_the_stored_date_and_not_to_the_age() -> None:
    due = RULE.due_notice(ANNA, datetime(2026, 3, 30, tzinfo=UTC))
    assert due == NoticeKey("anna", "2026-01-01T00:00:00+00:00", "3d")


def test_a_date_in_the_last_year_there_is_means_never_for_reminders_too() -> None:
    last = replace(ANNA, stored_date="9999-12-31 23:59:59")
    assert RULE.due_notice(last, NOW) is None
    assert ExpiryRule(None, REMIND, BERLIN).due_notice(last, NOW) is None


@given(
    st.integers(-400 * 24 * 60, 400 * 24 * 60),
    st.lists(st.integers(1, 365), max_size=5, unique=True),
    st.sampled_from([UTC, BERLIN, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")]),
)
def test_as_time_passes_a_user_is_told_nearer_days_only(
    minutes: int, remind: list[int], zone: ZoneInfo
) -> None:
    rule = ExpiryRule(None, tuple(remind), zone)
    expiry = NOW + timedelta(minutes=minutes)
    told = [threshold(expiry, rule, NOW + timedelta(hours=hours)) for hours in range(0, 96, 7)]
    days = [
        days_before(each) if each and each != EXPIRED else (0 if each else 999) for each in told
    ]
    assert all(isinstance(each, int) for each in days)
    assert days == sorted(days, key=lambda each: -(each or 0))
    assert all(each in (0, 999, *remind) for each in days)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"is_active": False}, "who is not active is told nothing"),
        ({"never_expires": True}, "nor who need not change it"),
        ({"stored_date": None}, "nor who has no date"),
        ({"is_active": False, "stored_date": "soon"}, "whatever the date says"),
    ],
)
def test_some_are_told_nothing(changed: dict[str, object], why: str) -> None:
    assert RULE.due_notice(replace(ANNA, **changed), NOW) is None, why


def test_a_user_may_have_an_age_of_its_own() -> None:
    assert RULE.due_notice(replace(ANNA, max_age_days=365), NOW) is None
    soon = RULE.due_notice(replace(ANNA, max_age_days=93), NOW)
    assert soon
    assert soon.threshold == "3d"
    assert RULE.expiry(soon, replace(ANNA, max_age_days=93)) == datetime(2026, 4, 4, tzinfo=UTC)


def test_what_a_source_knows_of_the_expiry_counts_before_any_age() -> None:
    told = replace(ANNA, expires=NOW + timedelta(days=6), max_age_days=1)
    due = RULE.due_notice(told, NOW)
    assert due
    assert due.threshold == "7d"
    assert RULE.expiry(due, told) == NOW + timedelta(days=6)


def test_what_could_not_be_read_of_a_row_is_its_complaint() -> None:
    with pytest.raises(BadRowError, match="its age is odd"):
        RULE.due_notice(replace(ANNA, complaint="its age is odd", is_active=False), NOW)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("14d", 14),
        ("1d", 1),
        ("365d", 365),
        (EXPIRED, None),
        ("0d", None),
        ("d", None),
        ("3d ", None),
    ],
)
def test_a_threshold_says_how_many_days_before(text: str, days: int | None) -> None:
    assert days_before(text) == days


@pytest.mark.parametrize(
    ("begin", "end", "at", "is_quiet"),
    [
        (time(22), time(7), time(21, 59), False),
        (time(22), time(7), time(22), True),
        (time(22), time(7), time(0), True),
        (time(22), time(7), time(6, 59, 59), True),
        (time(22), time(7), time(7), False),
        (time(12), time(13, 30), time(11, 59), False),
        (time(12), time(13, 30), time(12), True),
        (time(12), time(13, 30), time(13, 30), False),
        (time(0), time(6), time(23), False),
        (time(0), time(6), time(0), True),
    ],
)
def test_quiet_hours_go_from_one_time_to_another_over_midnight_too(
    begin: time, end: time, at: time, is_quiet: bool
) -> None:
    assert QuietHours(begin, end, UTC).hold_at(datetime.combine(NOW, at, UTC)) is is_quiet


def test_quiet_hours_are_those_of_the_zone() -> None:
    hours = QuietHours(time(22), time(7), BERLIN)
    assert hours.hold_at(datetime(2026, 7, 1, 20, tzinfo=UTC))
    assert not hours.hold_at(datetime(2026, 7, 1, 19, 59, tzinfo=UTC))
    assert hours.hold_at(datetime(2026, 1, 1, 21, tzinfo=UTC))
    assert not hours.hold_at(datetime(2026, 1, 1, 20, tzinfo=UTC))
