"""What the application shows: plain values, for a page or a terminal."""

from __future__ import annotations

import heapq
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from cronfleet.apps.password_expiry.notices import Notice

SHOWN = 50

_LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class MailboxMail:
    """A mail in the mailbox folder, as text: to be escaped like any other."""

    file: str
    to: str
    subject: str
    date: str
    text: str


@dataclass(frozen=True, slots=True)
class PasswordExpiryPage:
    """How it stands: `counts` by state, the notices that changed last, the newest mails."""

    users: str
    sender: str
    is_dry: bool
    counts: dict[str, int]
    notices: list[Notice]
    mails: list[MailboxMail]


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
        message = message_from_bytes(file.read_bytes())
    except OSError:
        return None
    return MailboxMail(
        file=file.name,
        to=_header(message, "To"),
        subject=_header(message, "Subject"),
        date=_header(message, "Date"),
        text=_text(message),
    )


def _header(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())


def _text(message: Message) -> str:
    payload = message.get_payload(decode=True)
    content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return content.replace("\r\n", "\n")[:_LONGEST_TEXT]
