"""A mail whose envelope goes with the dot of the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cronfleet.apps.mailing.sending import Answer, Mail
from cronfleet.apps.mailing.smtp import SmtpSender
from tests.apps.mail_server import DROP, MailServer
from tests.apps.sending import HandOff, mail
from tests.apps.test_smtp import BEFORE_THE_DOT

NEXT = replace(mail("bert@example.com"), id="1" * 32)


@pytest.fixture
def pipelining_server(server: MailServer) -> MailServer:
    server.pipelines = True
    return server


@pytest.fixture
def sender(pipelining_server: MailServer) -> SmtpSender:
    return SmtpSender(pipelining_server.client())


def following() -> Mail:
    return NEXT


async def announced(sender: SmtpSender, then: Callable[[], object] = lambda: None) -> Answer:
    """What became of a mail that another one was announced with."""
    return (await sender.send(mail(), HandOff(then), following)).answer


async def test_it_has_a_hand_off_of_its_own(server: MailServer, sender: SmtpSender) -> None:
    arrived: list[int] = []
    assert await announced(sender) is Answer.ACCEPTED
    hand_off = HandOff(lambda: arrived.append(len(server.mails)))
    assert (await sender.send(NEXT, hand_off)).answer is Answer.ACCEPTED
    await sender.close()
    assert (hand_off.asked, arrived) == (1, [1])
    assert server.recipients == ["anna@example.com", "bert@example.com"]
    assert server.connections == 1


async def test_it_is_announced_with_the_dot(server: MailServer, sender: SmtpSender) -> None:
    await announced(sender)
    server.at("RCPT", "550 too late to be seen")
    assert (await sender.send(NEXT, HandOff())).answer is Answer.ACCEPTED
    await sender.close()


async def test_nothing_is_announced_to_a_server_that_wants_one_command_at_a_time(
    server: MailServer,
) -> None:
    sender = SmtpSender(server.client())
    await sender.send(mail(), HandOff(), following)
    assert sender._announced == {}
    await sender.close()


async def test_it_is_not_sent_if_nobody_sends_it(server: MailServer, sender: SmtpSender) -> None:
    await announced(sender)
    await sender.close()
    assert (server.recipients, sender._announced) == (["anna@example.com"], {})


async def test_it_is_not_sent_without_its_hand_off(server: MailServer, sender: SmtpSender) -> None:
    await announced(sender)
    assert (await sender.send(NEXT, HandOff(says=False))).answer is Answer.NOT_WANTED
    await sender.close()
    assert server.recipients == ["anna@example.com"]


async def test_another_mail_does_not_go_in_its_envelope(
    server: MailServer, sender: SmtpSender
) -> None:
    await announced(sender)
    other = replace(mail("carl@example.com"), id="2" * 32)
    assert (await sender.send(other, HandOff())).answer is Answer.ACCEPTED
    await sender.close()
    assert [recipient for _, recipient, _ in server.mails] == [
        "anna@example.com",
        "carl@example.com",
    ]


REPLIES = [
    each
    for each in BEFORE_THE_DOT
    if isinstance(each[1], str) and not each[1].startswith("421") and "\n" not in each[1]
]


@pytest.mark.parametrize(("stage", "act", "answer"), REPLIES)
async def test_what_is_said_to_it_is_no_answer_to_the_mail_before(
    server: MailServer, sender: SmtpSender, stage: str, act: str, answer: Answer
) -> None:
    hand_off = HandOff()
    assert await announced(sender, lambda: server.at(stage, act)) is Answer.ACCEPTED
    assert (await sender.send(NEXT, hand_off)).answer is answer
    await sender.close()
    assert (hand_off.asked, len(server.mails)) == (0, 1)


@pytest.mark.parametrize("act", ["421 4.7.0 enough mails for one connection", DROP])
@pytest.mark.parametrize("stage", ["RCPT", "DATA", "354"])
async def test_a_server_that_leaves_after_the_mail_before_costs_it_nothing(
    server: MailServer, sender: SmtpSender, stage: str, act: str
) -> None:
    await announced(sender, lambda: server.at(stage, act))
    assert (await sender.send(NEXT, HandOff())).answer is Answer.ACCEPTED
    await sender.close()
    assert (len(server.mails), server.connections) == (2, 2)


async def test_a_server_that_answers_what_it_was_not_asked_is_left(
    server: MailServer, sender: SmtpSender
) -> None:
    await announced(sender, lambda: server.at("354", "354 go on\r\n250 OK"))
    assert (await sender.send(NEXT, HandOff())).answer is Answer.ACCEPTED
    await sender.close()
    assert (len(server.mails), server.connections) == (2, 2)


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        ("451 not now", Answer.LATER),
        ("552 too big", Answer.REFUSED),
        ("what?", Answer.UNKNOWN),
        (DROP, Answer.UNKNOWN),
    ],
)
async def test_it_is_sent_whatever_became_of_the_mail_before(
    server: MailServer, sender: SmtpSender, act: str, answer: Answer
) -> None:
    server.at("DOT", act)
    assert await announced(sender) is answer
    hand_off = HandOff()
    assert (await sender.send(NEXT, hand_off)).answer is Answer.ACCEPTED
    await sender.close()
    assert (hand_off.asked, server.recipients[-1]) == (1, "bert@example.com")
