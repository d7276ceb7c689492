"""What the application shows: plain values, for a page or a terminal."""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path

from cronfleet.apps.password_expiry.outbox.records import Hold, Run
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Notice
from cronfleet.apps.password_expiry.pages.pictures import Calendar, Funnel, calendar, funnel

SHOWN = 50

_LONGEST_TEXT = 10_000
_MOST_READ = 64 * 1024  # Of each of those listed: our own mails have not a thousand bytes.


@dataclass(frozen=True, slots=True)
class MailboxMail:
    """A mail in the mailbox folder, as text: to be escaped like any other."""

    file: str
    to: str
    subject: str
    date: datetime | None
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class PasswordExpiryPage:
    """How it stands: `counts` by state, the notices that changed last, the newest mails."""

    users: str
    sender: str
    is_dry: bool
    counts: dict[str, int]
    notices: list[Notice]
    mails: list[MailboxMail]
    needs_approval: bool = False
    holds: Sequence[Hold] = ()
    runs: Sequence[Run] = ()
    parked_notices: Sequence[Notice] = ()

    @property
    def found(self) -> int:
        """How many notices were due, and are to be sent or were."""
        return sum(self.counts.values()) - self.counts.get(NoticeState.CANCELLED, 0)

    @property
    def mailed(self) -> int:
        return self.counts.get(NoticeState.SENT, 0)

    @property
    def on_their_way(self) -> int:
        """How many wait for their turn, or are being sent."""
        waiting = (NoticeState.PENDING, NoticeState.LEASED, NoticeState.HANDOFF)
        return sum(self.counts.get(state, 0) for state in waiting)

    @property
    def parked(self) -> int:
        """How many may have arrived or not: a person decides about them."""
        return self.counts.get(NoticeState.UNCERTAIN, 0)

    @property
    def refused(self) -> int:
        """How many will never be sent."""
        return self.counts.get(NoticeState.DEAD, 0)

    @property
    def seen(self) -> str:
        """The numbers of the holds, for whoever approves what is shown, and nothing else."""
        return ",".join(str(hold.id) for hold in self.holds)

    @property
    def funnel(self) -> Funnel:
        """From the users to those who were mailed."""
        last = self.runs[0] if self.runs else None
        return funnel(
            {
                "Users": (last.users if last else 0, "users"),
                "Due": (last.due if last else 0, "due"),
                "To notify": (self.on_their_way, "waiting"),
                "Sent": (self.mailed, "succeeded"),
                "Parked": (self.parked, "missed"),
                "Dead": (self.refused, "failed"),
            }
        )

    @property
    def calendar(self) -> Calendar:
        """The expiries to come, as the last run found them."""
        last = self.runs[0] if self.runs else None
        today = last.at.date() if last else datetime.now(UTC).date()
        return calendar(last.ahead if last else {}, today)


def mails_in(folder: Path, limit: int = SHOWN) -> list[MailboxMail]:
    """The newest mails in the folder, the newest first; none when there is no folder. Blocks."""
    newest = heapq.nlargest(limit, _mail_files(folder))
    return [mail for _, file in newest if (mail := _mail(file))]


def _mail_files(folder: Path) -> Iterator[tuple[int, Path]]:
    if not folder.is_dir():
        return
    for file in folder.glob("*.eml"):
        with suppress(OSError):  # Deleted meanwhile, or a link to nothing.
            status = file.stat()
            if stat.S_ISREG(status.st_mode):
                yield status.st_mtime_ns, file


def _mail(file: Path) -> MailboxMail | None:
    try:
        start = _start_of(file)
    except OSError:
        return None
    message = message_from_bytes(start[:_MOST_READ])
    text = _text(message)
    return MailboxMail(
        file=file.name,
        to=_header(message, "To"),
        subject=_header(message, "Subject"),
        date=_date(message),
        text=text[:_LONGEST_TEXT],
        is_cut=len(start) > _MOST_READ or len(text) > _LONGEST_TEXT,
    )


def _start_of(file: Path) -> bytes:
    """As much of it as is shown. It may have become something else since it was listed."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # A pipe would wait for its writer.
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no file")
        return opened.read(_MOST_READ + 1)


def _date(message: Message) -> datetime | None:
    try:
        date = parsedate_to_datetime(_header(message, "Date"))
    except ValueError:
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)


def _header(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())


def _text(message: Message) -> str:
    """Of the first part that is text."""
    part = next((each for each in message.walk() if each.get_content_maintype() == "text"), message)
    payload = part.get_payload(decode=True)
    content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return content.replace("\r\n", "\n")
