from __future__ import annotations

import pytest

from cronfleet.apps.password_expiry.sending.refusals import FIRST, FirstAnswers


def after(*said: str) -> list[list[int]]:
    """What each of these refusals brought to light."""
    first: FirstAnswers[int] = FirstAnswers()
    return [first.refused(number, text) for number, text in enumerate(said)]


@pytest.mark.parametrize(
    "said",
    [
        ["554 5.7.1 relaying denied"] * FIRST,
        [f"550 5.7.1 denied, see http://x/{number}" for number in range(FIRST)],
        [f"550 Mail {number}@x rejected (id={number}a)" for number in range(FIRST)],
    ],
)
def test_one_and_the_same_refusal_for_all_is_nobodys_fault_but_ours(said: list[str]) -> None:
    assert after(*said)[-1] == list(range(FIRST))


@pytest.mark.parametrize(
    "said",
    [
        ["554 5.7.1 relaying denied"] * (FIRST - 1),
        ["550 5.1.1 no such user"] * FIRST,
        ["552 5.2.2 mailbox full"] * FIRST,
        ["550 no such user", *["554 relaying denied"] * FIRST],
        ["550 no such user"] * (FIRST - 1) + ["550 no such place"],
    ],
)
def test_what_may_be_the_recipients_fault_is_taken_for_it(said: list[str]) -> None:
    assert not any(after(*said))


def test_each_is_told_once_those_that_were_under_way_meanwhile_too() -> None:
    told = after(*["554 no"] * 7, "554 other", "554 no")
    assert told[FIRST:] == [[5], [6], [], [8]]


def test_a_sender_that_is_to_blame_is_no_more_once_it_takes_a_mail() -> None:
    first: FirstAnswers[int] = FirstAnswers()
    assert [first.refused(number, "554 no") for number in range(FIRST)][-1]
    first.answered()
    assert first.refused(9, "554 no") == []


def test_any_other_answer_clears_the_sender() -> None:
    first: FirstAnswers[int] = FirstAnswers()
    first.answered()
    assert not any(first.refused(number, "554 no") for number in range(9))
