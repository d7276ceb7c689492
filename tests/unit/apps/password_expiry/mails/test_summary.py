"""What administrators are told."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.mails.summary import (
    NOTHING_KEPT_BACK,
    KeptBack,
    csv_of,
    summary_mail,
    text_of,
)
from cronfleet.apps.password_expiry.outbox.changes import Changed, Failure
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Notice
from cronfleet.apps.password_expiry.users.policy import NoticeKey

NOON = datetime(2026, 12, 4, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
DAY_MS = 86_400_000


def notice(user: str = "anna", reason: str = "", state: NoticeState = NoticeState.SENT) -> Notice:
    key = NoticeKey(user, "2026-01-01T00:00:00+00:00")
    return Notice("0" * 32, key, state, reason, 1, NOON, NOON, NOON)


CHANGED = Changed(
    since=NOON_MS - DAY_MS,
    until=NOON_MS,
    counts={NoticeState.SENT: 3, NoticeState.DEAD: 2},
    failures=[Failure(NoticeState.DEAD, "550 no\r\nsuch user", 2)],
    parked=["ben"],
    parked_count=1,
    rows=[notice("anna"), notice("ben", "550", NoticeState.DEAD)],
)


def parsed(kept_back: KeptBack = NOTHING_KEPT_BACK) -> EmailMessage:
    mail = summary_mail("summary-1", "it@example.com", "boss@example.com", CHANGED, kept_back)
    return message_from_bytes(mail.content, policy=SMTP)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_it_counts_by_state_and_says_what_failed_and_what_is_parked() -> None:
    text = text_of(CHANGED)
    assert "from 2026-12-03 12:00 to 2026-12-04 12:00 UTC" in text
    for line in ("  SENT: 3\n", "  DEAD: 2\n", "  2 DEAD: 550 no such user\n", "Parked now: 1."):
        assert line in text
    assert "leaves out 3 notices" in text
    assert parsed()["Subject"] == "Password expiry: 3 sent, 2 refused, 1 parked"


@pytest.mark.parametrize(
    ("is_dry", "is_held", "told"),
    [(True, False, "dry run, 3 sent"), (False, True, "held, 3 sent"), (True, True, "held, 3 sent")],
)
def test_why_nothing_is_sent_is_said(told: str, *, is_dry: bool, is_held: bool) -> None:
    kept_back = KeptBack(is_dry, is_held, ["DRY RUN: until somebody approves", "HELD: too many"])
    assert told in str(parsed(kept_back)["Subject"])
    assert text_of(CHANGED, kept_back).splitlines()[1:3] == list(kept_back.lines)


def test_the_mail_holds_a_table_and_is_the_same_again() -> None:
    (table,) = parsed().iter_attachments()
    assert table.get_filename() == "password-expiry-2026-12-04.csv"
    assert table.get_content_type() == "text/csv"
    assert table.get_content().removeprefix("\ufeff").startswith('"user","threshold","state"')
    assert parsed()["Auto-Submitted"] == "auto-generated"
    assert bytes(parsed()) == bytes(parsed())


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "=cmd|' /C calc'!A0",
        "|calc",
        "%0A=1+1",
        "\uff1d1+1",
        "\u00a0=1",
    ],
)
def test_what_a_spreadsheet_would_carry_out_is_text(cell: str) -> None:
    _, first = rows(csv_of([notice(cell, reason=cell)]))
    assert first[0].startswith("'")
    assert first[3].startswith("'")


@given(st.text(), st.text())
def test_whatever_a_cell_is_the_table_has_a_row_for_each_notice(user: str, reason: str) -> None:
    found = rows(csv_of([notice(user, reason), notice()]))
    assert [len(row) for row in found] == [5, 5, 5]
    assert all(cell.isprintable() for row in found for cell in row)
    assert found[2] == ["anna", "expired", "SENT", "", "2026-12-04T12:00:00Z"]


@given(st.text())
def test_whatever_a_user_or_a_reason_is_the_text_has_no_other_lines(said: str) -> None:
    failures = [Failure(NoticeState.DEAD, said, 2)]
    odd = Changed(0, NOON_MS, CHANGED.counts, failures, [said], 1, CHANGED.rows)
    assert text_of(odd).count("\n") == text_of(CHANGED).count("\n")
    mail = summary_mail("summary-1", "it@example.com", "boss@example.com", odd)
    assert mail.content.isascii()
