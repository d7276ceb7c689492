from __future__ import annotations

import pytest

from tests.chaos.outbox.users import OutboxRow, address
from tests.chaos.postfix.judging import Taken, judge

ANNA, BERT = address(1), address(2)
WHY = "its sender ended before the answer"


def row(state: str = "SENT", reason: str = "", user: str = ANNA, notice: str = "n1") -> OutboxRow:
    return OutboxRow(notice, user, state, reason)


def mail(queue_id: str = "A", user: str = ANNA, notice: str = "n1") -> Taken:
    return Taken(queue_id, user, notice)


@pytest.mark.parametrize(
    ("notice", "mails"),
    [
        (row("SENT"), [mail()]),
        (row("UNCERTAIN", WHY), []),
        (row("UNCERTAIN", WHY), [mail()]),
    ],
)
def test_what_may_be_is_not_complained_of(notice: OutboxRow, mails: list[Taken]) -> None:
    assert judge([ANNA], [notice], mails, 1).wrong == []


@pytest.mark.parametrize(
    ("notice", "mails", "wrong"),
    [
        (row("SENT"), [], "sent on record, and never taken"),
        (row("SENT"), [mail("A"), mail("B")], "mailed 2 times"),
        (row("UNCERTAIN", WHY), [mail("A"), mail("B")], "mailed 2 times"),
        (row("UNCERTAIN", ""), [mail()], "parked without a reason"),
        (row("PENDING", "450"), [], "never settled: PENDING (450)"),
        (row("LEASED"), [], "never settled: LEASED ()"),
        (row("HANDOFF"), [mail()], "never settled: HANDOFF ()"),
        (row("DEAD", "550 no"), [], "never settled: DEAD (550 no)"),
        (row("CANCELLED", "changed"), [mail()], "never settled: CANCELLED (changed)"),
    ],
)
def test_each_wrong_fate_is_found(notice: OutboxRow, mails: list[Taken], wrong: str) -> None:
    assert judge([ANNA], [notice], mails, 1).wrong == [f"{ANNA}: {wrong}"]


def test_a_user_without_a_notice_is_found() -> None:
    assert judge([ANNA], [], [], 0).wrong == [f"{ANNA}: has 0 notices"]


def test_a_second_notice_of_a_user_is_found() -> None:
    rows = [row(notice="n1"), row("UNCERTAIN", WHY, notice="n2")]
    assert judge([ANNA], rows, [mail()], 1).wrong == [f"{ANNA}: has 2 notices"]


def test_a_mail_for_each_of_two_notices_of_a_user_is_one_too_many() -> None:
    verdict = judge(
        [ANNA], [row(notice="n1"), row(notice="n2")], [mail(), mail("B", ANNA, "n2")], 0
    )
    assert verdict.wrong == [f"{ANNA}: has 2 notices", f"{ANNA}: mailed 2 times"]
    assert verdict.surplus == 1


def test_a_mail_without_a_notice_is_found() -> None:
    verdict = judge([ANNA], [row("UNCERTAIN", WHY)], [mail(notice="other")], 1)
    assert verdict.wrong == [f"{ANNA}: mailed without a notice"]


def test_a_mail_that_went_to_another_user_is_found() -> None:
    rows = [row(), row(user=BERT, notice="n2")]
    verdict = judge([ANNA, BERT], rows, [mail(), mail("B", ANNA, "n2")], 0)
    assert f"{ANNA}: got the mail of {BERT}" in verdict.wrong
    assert f"{ANNA}: mailed 2 times" in verdict.wrong


def test_a_mail_to_somebody_who_is_no_user_is_found() -> None:
    verdict = judge([ANNA], [row()], [mail(), mail("B", BERT)], 0)
    assert f"{BERT}: is no user" in verdict.wrong


def test_one_mail_to_two_recipients_is_found() -> None:
    rows = [row(), row(user=BERT, notice="n2")]
    verdict = judge([ANNA, BERT], rows, [mail(), mail("A", BERT, "n2")], 0)
    assert verdict.wrong == ["A: one mail for several"]


def test_what_postfix_delivers_twice_was_taken_once() -> None:
    verdict = judge([ANNA], [row()], [mail(), mail()], 0)
    assert (verdict.wrong, verdict.mails, verdict.delivered_again) == ([], 1, 1)


def test_more_parked_notices_than_were_under_way_are_found() -> None:
    rows = [row("UNCERTAIN", WHY), row("UNCERTAIN", WHY, BERT, "n2")]
    verdict = judge([ANNA, BERT], rows, [mail()], 1)
    assert verdict.wrong == ["2 notices are parked, and 1 at most were under way"]
    assert (verdict.states["UNCERTAIN"], verdict.parked_taken) == (2, 1)
