from __future__ import annotations

import pytest

from cronfleet.apps.mailing.dialogue import Reply
from cronfleet.apps.mailing.replies import not_accepted
from cronfleet.apps.mailing.sending import Answer


@pytest.mark.parametrize(
    "said",
    [
        "5.1.1 no such user",
        "5.1.2 no such domain",
        "5.1.10 the domain takes no mail",
        "5.2.1 mailbox disabled",
    ],
)
@pytest.mark.parametrize("code", [550, 551, 553])
def test_where_nobody_lives_nothing_else_arrives_either(code: int, said: str) -> None:
    result = not_accepted(Reply(code, said))
    assert (result.answer, result.is_gone) == (Answer.REFUSED, True)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (550, "no such user"),
        (554, ""),
        (554, "5.7.1 relaying denied"),
        (550, "5.7.26 unauthenticated"),
        (552, "5.2.2 mailbox full"),
        (552, "5.3.4 message too big"),
        (550, "5.1.8 bad sender"),
        (550, "5.1.0 rejected"),
        (550, "5.1.100 something new"),
        (550, "see 5.1.1"),
        (450, "4.1.1 no such user yet"),
        (450, "4.2.1 mailbox disabled for now"),
    ],
)
def test_a_refusal_for_policy_content_or_us_is_not_about_the_next_mail(
    code: int, said: str
) -> None:
    assert not not_accepted(Reply(code, said)).is_gone


@pytest.mark.parametrize("code", [421, 450, 451, 452])
def test_a_passing_refusal_is_for_this_mail_and_for_later(code: int) -> None:
    assert not_accepted(Reply(code, "not now")).answer is Answer.LATER


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (530, "5.7.0 authentication required"),
        (534, "5.7.9 application-specific password required"),
        (535, "5.7.8 bad credentials"),
        (452, "4.3.1 insufficient storage"),
        (550, "5.4.5 daily limit exceeded"),
        (454, "Throttling failure: Daily message quota exceeded"),
    ],
)
def test_what_is_said_of_us_is_said_of_every_mail(code: int, said: str) -> None:
    assert not_accepted(Reply(code, said)).answer is Answer.NOBODY
