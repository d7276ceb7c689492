"""The mail itself: text and HTML, and no header that anything a user can write gets into as it is.

A user's name stands in the text, and in the subject if the template says so, where it is made one
readable line first. An address is checked, and written in ASCII, before it reaches the `To` line
or the envelope.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache, lru_cache

from cronfleet.apps.mailing.addresses import from_line
from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.password_expiry.mails.wording.encoding import BOUNDARY
from cronfleet.apps.password_expiry.mails.wording.wording import Wording
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY, _NO_ID = "nobody@nowhere.invalid", "0" * 32
_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_SHORT = 70  # With that, a line of 78 letters is not full.
_HEADS = 256  # There are few subjects, unless a template puts a name into each.


class Letterhead:
    """Who the mails are from, and what they say.

    `email_from` is an address alone or `Name <address>`. Raises `ConfigurationError`.
    """

    def __init__(self, email_from: str, wording: Wording | None = None) -> None:
        self._from = from_line(email_from)
        self.address: str = self._from.addr_spec
        self.wording: Wording = wording or _usual_wording()
        self._head_of = lru_cache(maxsize=_HEADS)(self._made_head)

    def write(
        self,
        notice_id: str,
        recipient: str,
        user: User,
        key: NoticeKey,
        expiry: datetime,
        date: datetime,
    ) -> Mail:
        """The mail of a notice: the same bytes for the same notice.

        `recipient` must have been through `checked_address`; `date` is when the notice was made.
        Raises `MailTemplateError`.
        """
        body = self.wording.body(user, key, expiry, date)
        head = self._head_of(body.subject, body.language)
        if head.fits(notice_id, recipient):
            headers = head.filled_in(notice_id, recipient, date)
        else:
            headers = self.headers(notice_id, recipient, body.subject, body.language, date)
        return Mail(notice_id, self.address, recipient, headers + body.content)

    def headers(
        self, notice_id: str, recipient: str, subject: str, language: str, date: datetime
    ) -> bytes:
        """By the library's rules, which takes it longer than sending a mail takes."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self._from
        message["To"] = Address(addr_spec=recipient)
        message["Subject"] = subject
        message["Date"] = _dated(date)
        message["Message-ID"] = f"<{notice_id}@{self.address.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = language.replace("_", "-")
        message["MIME-Version"] = "1.0"
        message["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY}"'
        head, end, _ = bytes(message).partition(b"\r\n\r\n")
        return head + end

    def _made_head(self, subject: str, language: str) -> _Head:
        return _Head(self.headers(_NO_ID, _NOBODY, subject, language, _EPOCH))


class _Head:
    """The headers of a mail to nobody, to be filled in for others that it would be the same for."""

    def __init__(self, headers: bytes) -> None:
        self._from, self._to, head = headers.partition(f"\r\nTo: {_NOBODY}\r\n".encode())
        self._subject, self._date, head = head.partition(f"\r\nDate: {_dated(_EPOCH)}\r\n".encode())
        self._id, _, self._rest = head.partition(_NO_ID.encode())

    def fits(self, notice_id: str, recipient: str) -> bool:
        """Whether no line of theirs is broken otherwise, and nothing in it quoted."""
        is_short = len(recipient) <= _SHORT and len(notice_id) == len(_NO_ID)
        return is_short and _PLAIN.fullmatch(recipient) is not None

    def filled_in(self, notice_id: str, recipient: str, date: datetime) -> bytes:
        to = self._to.replace(_NOBODY.encode(), recipient.encode("ascii"))
        on = self._date.replace(_dated(_EPOCH).encode(), _dated(date).encode())
        id_ = notice_id.encode("ascii")
        return b"".join((self._from, to, self._subject, on, self._id, id_, self._rest))


@cache
def _usual_wording() -> Wording:
    """English and German, as they come."""
    return Wording()


@lru_cache(maxsize=64)  # Notices are made many at a time.
def _dated(date: datetime) -> str:
    return format_datetime(date.replace(microsecond=0))
