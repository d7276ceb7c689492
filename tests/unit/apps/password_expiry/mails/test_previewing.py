"""What a mail would look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP

import pytest

from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.mails.previewing import Previewer
from cronfleet.apps.password_expiry.users.policy import ExpiryRule, NoticeKey, User

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ANNA = User("7", "anna@example.com", "Anna", "2026-01-01", locale="de")
PREVIEWER = Previewer(Letterhead("it@example.com"), ExpiryRule(timedelta(days=90)))


def test_a_preview_is_the_mail_that_would_be_sent() -> None:
    key = NoticeKey("7", "2026-01-01T00:00:00+00:00")
    shown = PREVIEWER.preview(ANNA, key, NOW)
    expiry = datetime(2026, 4, 1, tzinfo=UTC)
    sent = PREVIEWER.letterhead.write("0" * 32, "anna@example.com", ANNA, key, expiry, NOW)
    assert shown.eml == sent.content
    assert shown == PREVIEWER.preview(ANNA, key, NOW)
    message = message_from_bytes(shown.eml, policy=SMTP)
    assert (message["Subject"], message["To"]) == (shown.subject, shown.recipient)
    assert shown.template == "de/expired.txt (ours)"


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        ("expired", "has expired"),
        ("3d", "expires in 3 days"),
        ("1d", "expires tomorrow"),
        ("3d/manager", "The password of Anna Example expires in 3 days"),
    ],
)
@pytest.mark.parametrize("max_age", [timedelta(days=90), None])
def test_a_made_up_user_is_due_now(threshold: str, said: str, max_age: timedelta | None) -> None:
    previewer = Previewer(Letterhead("it@example.com"), ExpiryRule(max_age))
    assert said in previewer.sample(threshold, "en", NOW).subject


def test_a_user_is_shown_as_on_the_day_of_the_threshold() -> None:
    assert "in 3 Tagen ab, am Mittwoch, 1. April." in PREVIEWER.of(ANNA, "3d", NOW).text


def test_what_a_manager_would_get_goes_to_the_manager() -> None:
    managed = User("7", "anna@example.com", "Anna", "2026-01-01", manager="boss@example.com")
    assert PREVIEWER.of(managed, "expired/manager", NOW).recipient == "boss@example.com"


def test_an_address_that_is_none_is_replaced() -> None:
    user = User("7", "anna\r\nBcc: x@example.com", "Anna", "2026-01-01")
    assert PREVIEWER.of(user, "expired", NOW).recipient == "nobody@nowhere.invalid"


@pytest.mark.parametrize(
    "threshold", ["", "3", "0d", "1000d", "expired/boss", "../expired", "3d\n"]
)
def test_what_is_no_threshold_is_said(threshold: str) -> None:
    with pytest.raises(ValueError, match="is no threshold"):
        PREVIEWER.sample(threshold, "en", NOW)


@pytest.mark.parametrize("date", [None, "", "infinity", "soon", "9999-12-31"])
def test_a_user_without_an_expiry_has_no_mail(date: str | None) -> None:
    with pytest.raises(ValueError, match=r"the user's (row|password)"):
        PREVIEWER.of(User("7", "anna@example.com", "Anna", date), "expired", NOW)
