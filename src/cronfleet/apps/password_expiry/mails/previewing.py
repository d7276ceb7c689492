"""What a mail would look like: for a page, a terminal, or a file. Nothing is noted or sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cronfleet.apps.mailing.addresses import BadAddressError, checked_address
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.users.copies import recipient_of
from cronfleet.apps.password_expiry.users.policy import (
    EXPIRED,
    BadRowError,
    ExpiryRule,
    NoticeKey,
    User,
    days_before,
    stored_instant,
)

SAMPLE = User("1", "anna@example.com", "Anna Example", stored_date=None, manager="boss@example.com")

_ID = "0" * 32
_NOBODY = "nobody@nowhere.invalid"
_THRESHOLD = re.compile(rf"({EXPIRED}|[1-9][0-9]{{0,2}}d)(/manager)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it would be, `eml` in bytes; `template` is where its words are from."""

    recipient: str
    subject: str
    text: str
    html: str
    eml: bytes
    language: str
    template: str


@dataclass(frozen=True, slots=True)
class Previewer:
    """Writes mails that nobody gets."""

    letterhead: Letterhead
    rule: ExpiryRule

    def preview(self, user: User, key: NoticeKey, now: datetime) -> Preview:
        """The mail of this notice, were it made now. Raises `MailTemplateError`.

        An address that no mail can be sent to is replaced by one that leads to nobody.
        """
        expiry = self._expiry(user, key)
        letter = self.letterhead.wording.letter(user, key, expiry, now)
        try:
            recipient = checked_address(recipient_of(user, key))
        except BadAddressError:
            recipient = _NOBODY
        mail = self.letterhead.write(_ID, recipient, user, key, expiry, now)
        return Preview(
            recipient,
            letter.subject,
            letter.text,
            letter.html,
            mail.content,
            letter.language,
            letter.template,
        )

    def sample(self, threshold: str, locale: str, now: datetime) -> Preview:
        """The mail to somebody made up, as if it were due now.

        Raises ValueError for what is no threshold, `MailTemplateError`.
        """
        days = _days_of(threshold)
        stored = now + timedelta(days=days) - (self.rule.max_age or timedelta())
        user = replace(SAMPLE, locale=locale)
        return self.preview(user, NoticeKey(user.key, stored.isoformat(), threshold), now)

    def of(self, user: User, threshold: str, now: datetime) -> Preview:
        """The mail to a user, as if the day of the threshold had come.

        Raises ValueError for what is no threshold, or when the user has no date of expiry;
        `MailTemplateError`.
        """
        days = _days_of(threshold)
        try:
            stored = stored_instant(user.stored_date or "", now)
        except BadRowError as error:
            raise ValueError(f"the user's row cannot be used: {error}") from None
        if stored is None:
            raise ValueError("the user's password never expires: no date is stored for it")
        key = NoticeKey(user.key, stored.isoformat(), threshold)
        try:
            made = self._expiry(user, key) - timedelta(days=days)
        except OverflowError:
            raise ValueError("the user's password never expires: its date is too far") from None
        return self.preview(user, key, made)

    def _expiry(self, user: User, key: NoticeKey) -> datetime:
        return self.rule.expiry(key, user)


def _days_of(threshold: str) -> int:
    """How many days before the expiry it lies."""
    found = _THRESHOLD.fullmatch(threshold)
    if found is None:
        raise ValueError(
            f"{threshold!r} is no threshold: write expired, or days before, as in 3d; "
            "with /manager behind it, it is the manager's copy"
        )
    return days_before(found[1]) or 0
