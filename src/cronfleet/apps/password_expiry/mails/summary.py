"""What administrators are told once a day: a mail with a table of what has changed. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from cronfleet.apps.mailing.addresses import readable_name
from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.password_expiry.outbox.changes import Changed
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Notice

_BOUNDARY = "=_summary"  # Neither quoted-printable nor base64 can have `=_` in it.
_COLUMNS = ("user", "threshold", "state", "reason", "changed_at")
_BEGINS_A_FORMULA = tuple("=+-@|%\t\r\n\uff1d\uff0b\uff0d\uff20")


@dataclass(frozen=True, slots=True)
class KeptBack:
    """Why no notice is sent at this moment, if so: in `lines`, with what ends it."""

    is_dry: bool = False
    is_held: bool = False
    lines: Sequence[str] = ()


NOTHING_KEPT_BACK = KeptBack()


def summary_mail(
    id_: str,
    sender: str,
    recipient: str,
    changed: Changed,
    kept_back: KeptBack = NOTHING_KEPT_BACK,
) -> Mail:
    """The same bytes for the same changes."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(addr_spec=sender)
    mail["To"] = Address(addr_spec=recipient)
    mail["Subject"] = _subject(changed, kept_back)
    mail["Date"] = format_datetime(changed.ends.replace(microsecond=0))
    mail["Message-ID"] = f"<{id_}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text_of(changed, kept_back), cte="quoted-printable")
    mail.add_attachment(
        csv_of(changed.rows).encode("utf-8-sig", "replace"),  # Else some take it for Latin-1.
        maintype="text",
        subtype="csv",
        filename=f"password-expiry-{changed.ends:%Y-%m-%d}.csv",
        params={"charset": "utf-8"},
    )
    mail.set_boundary(_BOUNDARY)
    return Mail(id_, sender, recipient, bytes(mail))


def text_of(changed: Changed, kept_back: KeptBack = NOTHING_KEPT_BACK) -> str:
    """For people, as plain text."""
    return "\n".join(_lines(changed, kept_back)) + "\n"


def csv_of(notices: Iterable[Notice]) -> str:
    """A table that any program may open: what would be a formula in it is text."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for each in notices:
        changed_at = f"{each.changed_at:%Y-%m-%dT%H:%M:%SZ}"
        cells = (each.user, each.threshold, each.state.value, each.reason, changed_at)
        writer.writerow([_harmless(cell) for cell in cells])
    return file.getvalue()


def _subject(changed: Changed, kept_back: KeptBack) -> str:
    failed = changed.counts.get(NoticeState.DEAD, 0)
    told = [f"{changed.counts.get(NoticeState.SENT, 0)} sent"]
    told += [f"{failed} refused"] if failed else []
    told += [f"{changed.parked_count} parked"] if changed.parked_count else []
    why = "held, " if kept_back.is_held else "dry run, " if kept_back.is_dry else ""
    return f"Password expiry: {why}{', '.join(told)}"


def _lines(changed: Changed, kept_back: KeptBack) -> Iterator[str]:
    yield f"Password expiry from {changed.begins:%Y-%m-%d %H:%M} to {changed.ends:%Y-%m-%d %H:%M} UTC"
    yield from kept_back.lines
    yield ""
    yield f"Notices that changed, by where they stand now: {changed.total}"
    for state in NoticeState:
        if count := changed.counts.get(state):
            yield f"  {state.value}: {count}"
    if changed.failures:
        yield ""
        yield "What failed, and why:"
        for failure in changed.failures:
            yield f"  {failure.count} {failure.state.value}: {readable_name(failure.reason, 200)}"
    if changed.parked_count:
        yield ""
        yield (
            f"Parked now: {changed.parked_count}. Whether these mails were accepted is not known, "
            "and they are not sent again. Users, the longest parked first:"
        )
        yield f"  {', '.join(readable_name(user) for user in changed.parked)}"
    if changed.left_out:
        yield ""
        yield f"The table leaves out {changed.left_out} notices, none of which failed first."


def _harmless(cell: str) -> str:
    """A spreadsheet would carry out what begins like a formula, blanks before it or not."""
    line = "".join(c if c.isprintable() else " " for c in cell)
    is_formula = cell.startswith(_BEGINS_A_FORMULA) or line.lstrip().startswith(_BEGINS_A_FORMULA)
    return f"'{line}" if is_formula else line
