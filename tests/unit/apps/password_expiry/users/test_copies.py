"""Who else is told: a manager has a notice of their own."""

from __future__ import annotations

import pytest

from cronfleet.apps.password_expiry.users.copies import NO_COPIES, Copies, is_copy, recipient_of
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User

ANNA = User("1", "anna@example.com", "Anna", "2026-01-01", manager="boss@example.com")
EXPIRED = NoticeKey("1", "2026-01-01T00:00:00+00:00")
COPY = NoticeKey("1", "2026-01-01T00:00:00+00:00", "expired/manager")
COPIES = Copies(frozenset({"expired"}))


def test_a_copy_is_a_notice_of_its_own_for_the_manager() -> None:
    due = COPIES.with_copy(ANNA, EXPIRED)
    assert due == [EXPIRED, COPY]
    assert [is_copy(key) for key in due] == [False, True]
    assert [recipient_of(ANNA, key) for key in due] == ["anna@example.com", "boss@example.com"]


@pytest.mark.parametrize("copies", [NO_COPIES, Copies(frozenset({"3d"}))])
def test_no_copy_is_made_that_was_not_asked_for(copies: Copies) -> None:
    assert copies.with_copy(ANNA, EXPIRED) == [EXPIRED]


@pytest.mark.parametrize("manager", [None, "", "  ", "anna@example.com", " Anna@Example.com "])
def test_who_has_no_manager_or_is_their_own_has_no_copy(manager: str | None) -> None:
    user = User("1", "anna@example.com", "Anna", "2026-01-01", manager=manager)
    assert COPIES.with_copy(user, EXPIRED) == [EXPIRED]


def test_where_nothing_is_due_there_is_nothing_to_copy() -> None:
    assert COPIES.with_copy(ANNA, None) == []
