"""The mail itself: plain text, and no header that anything a user can write gets into.

A user's name stands in the text only. An address is checked, and written in ASCII, before it
reaches the `To` line or the envelope.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import quoprimime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

from cronfleet.apps.mailing.addresses import (
    from_line,
    readable_name,
)
from cronfleet.apps.mailing.sending import Mail

SUBJECT = "Your password has expired"

_TEXT = """\
Hello{name},

the password of your account expired on {day} (UTC). Please choose a new one.

This message was sent automatically; nobody reads answers to it.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY, _NO_ID = "nobody@nowhere.invalid", "0" * 32
_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_SHORT = 70  # With that, a line of 78 letters is not full.


class Letterhead:
    """Who the mails are from: `EMAIL_FROM`, an address alone or `Name <address>`.

    Raises `ConfigurationError`.
    """

    def __init__(self, email_from: str) -> None:
        self._from = from_line(email_from)
        self.address: str = self._from.addr_spec
        self._head = _Head(self.written(_NO_ID, _NOBODY, _EPOCH, ""))

    def write(
        self, notice_id: str, recipient: str, name: str, expiry: datetime, date: datetime
    ) -> Mail:
        """The mail of a notice: the same bytes for the same notice.

        `recipient` must have been through `checked_address`; `date` is when the notice was made.
        """
        text = _text(name, expiry)
        if self._head.fits(notice_id, recipient):
            content = self._head.filled_in(notice_id, recipient, date) + _body(text)
        else:
            content = self.written(notice_id, recipient, date, text)
        return Mail(notice_id, self.address, recipient, content)

    def written(self, notice_id: str, recipient: str, date: datetime, text: str) -> bytes:
        """A mail by the library's rules for headers, which takes it longer than sending it takes."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self._from
        message["To"] = Address(addr_spec=recipient)
        message["Subject"] = SUBJECT
        message["Date"] = _dated(date)
        message["Message-ID"] = f"<{notice_id}@{self.address.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")
        return bytes(message)


class _Head:
    """The headers of a mail to nobody, to be filled in for others that it would be the same for."""

    def __init__(self, mail: bytes) -> None:
        head, self._end, _ = mail.partition(b"\r\n\r\n")
        self._from, self._to, head = head.partition(f"\r\nTo: {_NOBODY}\r\n".encode())
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
        return b"".join((self._from, to, self._subject, on, self._id, id_, self._rest, self._end))


def _text(name: str, expiry: datetime) -> str:
    return _TEXT.format(name=_greeting(name), day=f"{expiry:%Y-%m-%d}")


@lru_cache(maxsize=64)  # Notices are made many at a time.
def _dated(date: datetime) -> str:
    return format_datetime(date.replace(microsecond=0))


def _body(text: str) -> bytes:
    """As `EmailMessage.set_content` encodes it."""
    encoded = quoprimime.body_encode(text.encode().decode("latin-1"), SMTP.max_line_length or 78)
    return encoded.replace("\n", "\r\n").encode("ascii")


def _greeting(name: str) -> str:
    readable = readable_name(name)
    return f" {readable}" if readable else ""
