from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chaos.outbox.judging import Verdict, judge
from tests.chaos.outbox.users import Notice, address

ANNA = address(1)
REFUSAL = "550 5.1.1 no such mailbox"


def judged(folder: Path, notice: Notice | None, *furthest: str, mails: int, answer: str) -> Verdict:
    """One user, whose dialogues got so far, each with this answer."""
    accepted = [{"effect": "did", "key": f"mail {ANNA}", "at": 1_000 + n} for n in range(mails)]
    talks = [{"to": ANNA, "furthest": step, "answers": [answer]} for step in furthest]
    for name, lines in (("mails", accepted), ("dialogues", talks)):
        (folder / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    notices = {ANNA: notice} if notice else {}
    return judge(1, notices, folder / "mails", folder / "dialogues")


@pytest.mark.parametrize(
    ("notice", "furthest", "mails", "answer"),
    [
        (Notice("SENT", ""), "NEXT", 1, "250 yes"),
        (Notice("UNCERTAIN", ""), "UNREAD", 1, "250 yes"),
        (Notice("UNCERTAIN", ""), "DOT", 0, "354 go on"),
        (Notice("DEAD", REFUSAL), "RCPT", 0, REFUSAL),
    ],
)
def test_what_may_be_is_not_complained_of(
    tmp_path: Path, notice: Notice, furthest: str, mails: int, answer: str
) -> None:
    assert judged(tmp_path, notice, furthest, mails=mails, answer=answer).wrong == []


@pytest.mark.parametrize(
    ("notice", "furthest", "mails", "answer", "wrong"),
    [
        (Notice("SENT", ""), "DOT", 0, "354", "never accepted"),
        (Notice("UNCERTAIN", "x"), "DATA", 0, "354", "it could be known"),
        (Notice("DEAD", REFUSAL), "ACCEPTED", 1, REFUSAL, "and mailed"),
        (Notice("DEAD", REFUSAL), "RCPT", 0, "250 yes", "the peer never said"),
        (Notice("DEAD", "450 busy"), "RCPT", 0, "450 busy", "the peer never said"),
        (Notice("PENDING", ""), "RCPT", 0, "450 busy", "never mailed: PENDING"),
        (Notice("HANDOFF", ""), "UNREAD", 1, "250 yes", "never mailed: HANDOFF"),
        (None, "CONNECT", 0, "220 peer", "never mailed: none"),
    ],
)
def test_each_wrong_fate_is_found(
    tmp_path: Path, notice: Notice | None, furthest: str, mails: int, answer: str, wrong: str
) -> None:
    (found,) = judged(tmp_path, notice, furthest, mails=mails, answer=answer).wrong
    assert wrong in found


def test_a_mail_to_somebody_who_is_no_user_is_found(tmp_path: Path) -> None:
    sent, stranger = {ANNA: Notice("SENT", "")}, address(2)
    (tmp_path / "dialogues").write_text("")
    keys = (f"mail {ANNA}", f"mail {stranger}")
    lines = [{"effect": "did", "key": key, "at": 1_000} for key in keys]
    (tmp_path / "mails").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    verdict = judge(1, sent, tmp_path / "mails", tmp_path / "dialogues")
    assert verdict.wrong == [f"{stranger}: mailed, and no user"]


def test_a_surplus_mail_is_found_by_us_and_by_the_checker(tmp_path: Path) -> None:
    sent = Notice("SENT", "")
    verdict = judged(tmp_path, sent, "NEXT", "NEXT", mails=3, answer="250 yes")
    assert verdict.surplus == 2
    assert verdict.wrong == [f"{ANNA}: mailed 3 times", "the checker found 2 twice"]
