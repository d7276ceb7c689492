"""What a page of users comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronfleet.apps.password_expiry.users.copies import Copies
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.apps.password_expiry.users.policy import BadRowError, ExpiryRule, NoticeKey, User
from cronfleet.apps.password_expiry.users.source import UserPage

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RULE = ExpiryRule(timedelta(days=90), remind=(7,))
JUDGE = Judge(RULE, NOW, Copies(frozenset({"expired"})))


def user(key: str, changed: str | None, manager: str | None = None) -> User:
    return User(key, f"{key}@corp.test", key, changed, manager=manager)


def test_a_page_is_judged_row_by_row() -> None:
    users = [
        user("expired", "2026-01-01", "boss@corp.test"),
        user("soon", "2026-08-08"),
        user("later", "2026-10-01"),
        user("never", None),
        user("odd", "yesterday"),
        user("twice", "2026-01-01"),
    ]
    judged = JUDGE.page(UserPage(users, "twice", repeated=frozenset({"twice"})))
    assert [(key.user, key.threshold) for key in judged.due] == [
        ("expired", "expired"),
        ("expired", "expired/manager"),
        ("soon", "7d"),
    ]
    assert {each.key for each in judged.due.values()} == {"expired", "soon"}
    assert [key for key, _ in judged.bad] == ["odd", "twice"]
    assert judged.expiries == [
        datetime(2026, 4, 1, tzinfo=UTC),
        datetime(2026, 11, 6, tzinfo=UTC),
        datetime(2026, 12, 30, tzinfo=UTC),
    ]


def test_one_user_alone_is_judged_as_on_a_page() -> None:
    stored = "2026-01-01T00:00:00+00:00"
    managed = user("1", stored, "boss@corp.test")
    assert JUDGE.user(managed) == [
        NoticeKey("1", stored),
        NoticeKey("1", stored, "expired/manager"),
    ]
    assert JUDGE.user(user("1", None)) == []
    with pytest.raises(BadRowError):
        JUDGE.user(user("1", "yesterday"))
