"""What becomes of a mail, whatever the server answers to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cronfleet.apps.mailing.replies import without
from cronfleet.apps.mailing.sending import (
    Answer,
    SenderUnavailableError,
    SendResult,
)
from cronfleet.apps.mailing.smtp import SmtpSender, SmtpTimes
from cronfleet.apps.password_expiry.users.sample import _ODD
from tests.apps.mail_server import DROP, SILENCE, MailServer
from tests.apps.sending import HandOff, mail, pipelining, send


async def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    hand_off = HandOff()
    assert (await send(server, hand_off)).answer is Answer.ACCEPTED
    assert server.mails == [("it@example.com", "anna@example.com", mail().content)]
    assert hand_off.asked == 1


async def test_a_line_that_begins_with_a_dot_arrives_as_it_was_written(server: MailServer) -> None:
    dotted = replace(mail(), content=b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n")
    sender = SmtpSender(server.client())
    await sender.send(dotted, HandOff())
    await sender.close()
    assert server.mails[0][2] == dotted.content


BEFORE_THE_DOT = [
    ("MAIL", "451 not now", Answer.LATER),
    ("MAIL", DROP, Answer.LATER),
    ("RCPT", "451 not now", Answer.LATER),
    ("RCPT", "550 no such user", Answer.REFUSED),
    ("RCPT", "421 closing", Answer.LATER),
    ("RCPT", "252 perhaps", Answer.LATER),
    ("RCPT", DROP, Answer.LATER),
    ("DATA", "451 not now", Answer.LATER),
    ("DATA", "554 no", Answer.REFUSED),
    ("DATA", "250 what?", Answer.LATER),
    ("DATA", DROP, Answer.LATER),
    ("354", DROP, Answer.LATER),
    ("RCPT", "530 5.7.0 authentication required", Answer.NOBODY),
    ("RCPT", "450 4.3.2 system not accepting messages", Answer.NOBODY),
    ("RCPT", "550 5.4.5 daily sending limit exceeded", Answer.NOBODY),
    ("DATA", "535 5.7.8 bad credentials", Answer.NOBODY),
    ("RCPT", "550 5.4.51 no", Answer.REFUSED),
    ("354", "354 go on\r\n250 OK", Answer.LATER),
]


@pipelining
@pytest.mark.parametrize(("stage", "act", "answer"), BEFORE_THE_DOT)
async def test_what_fails_before_the_354_was_surely_not_accepted(
    server: MailServer, stage: str, act: str, answer: Answer, *, pipelines: bool
) -> None:
    server.pipelines = pipelines
    server.at(stage, act)
    hand_off = HandOff()
    assert (await send(server, hand_off)).answer is answer
    assert (hand_off.asked, server.mails) == (0, [])


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "354"])
async def test_silence_before_the_354_is_tried_again(server: MailServer, stage: str) -> None:
    server.at(stage, SILENCE)
    hand_off = HandOff()
    result = await send(server, hand_off, SmtpTimes(command_s=0.3))
    assert result.answer is Answer.LATER
    assert hand_off.asked == 0


async def test_a_connection_lost_between_the_354_and_the_dot_is_tried_again(
    server: MailServer,
) -> None:
    sender = SmtpSender(server.client())
    lost: list[SendResult] = []
    with _watched_connections(sender) as drop_all:
        lost.append(await sender.send(mail(), HandOff(drop_all)))
    assert lost[0].answer is Answer.LATER
    assert server.mails == []


@contextmanager
def _watched_connections(sender: SmtpSender) -> Generator[Callable[[], None]]:
    """Cuts every connection that the sender makes meanwhile."""
    made: list[object] = []
    connect = sender._connect

    async def watched() -> object:
        made.append(connection := await connect())
        return connection

    def drop_all() -> None:
        for connection in made:
            transport = getattr(connection, "transport", None)
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()

    sender.__dict__["_connect"] = watched
    yield drop_all


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        ("250 OK", Answer.ACCEPTED),
        ("451 not now", Answer.LATER),
        ("552 too big", Answer.REFUSED),
        ("550 5.4.5 daily sending limit exceeded", Answer.NOBODY),
        ("452 4.3.1 insufficient storage", Answer.NOBODY),
        ("354 what?", Answer.UNKNOWN),
        ("what?", Answer.UNKNOWN),
        (DROP, Answer.UNKNOWN),
    ],
)
async def test_after_the_dot_only_an_answer_says_what_became_of_it(
    server: MailServer, act: str, answer: Answer
) -> None:
    server.at("DOT", act)
    hand_off = HandOff()
    assert (await send(server, hand_off)).answer is answer
    assert (hand_off.asked, len(server.mails)) == (1, 1)


async def test_silence_after_the_dot_is_unknown(server: MailServer) -> None:
    server.at("DOT", SILENCE)
    result = await send(server, HandOff(), SmtpTimes(after_dot_s=0.1))
    assert result.answer is Answer.UNKNOWN
    assert len(server.mails) == 1


async def test_a_mail_not_wanted_at_the_last_moment_is_not_sent(server: MailServer) -> None:
    assert (await send(server, HandOff(says=False))).answer is Answer.NOT_WANTED
    assert server.mails == []


async def test_a_hand_off_that_fails_sends_nothing_and_keeps_no_connection(
    server: MailServer,
) -> None:
    def fail() -> None:
        raise RuntimeError

    sender = SmtpSender(server.client())
    with pytest.raises(RuntimeError):
        await sender.send(mail(), HandOff(fail))
    assert (server.mails, sender._idle) == ([], [])


@pipelining
async def test_a_refused_mail_does_not_spoil_the_next_on_its_connection(
    server: MailServer, *, pipelines: bool
) -> None:
    server.pipelines = pipelines
    server.at("RCPT", "550 no such user")
    sender = SmtpSender(server.client())
    answers = [(await sender.send(mail(), HandOff())).answer for _ in range(2)]
    await sender.close()
    assert answers == [Answer.REFUSED, Answer.ACCEPTED]
    assert server.connections == 1


@pipelining
@pytest.mark.parametrize("act", ["421 4.7.0 enough mails for one connection", DROP])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "354"])
async def test_a_server_that_ends_a_kept_connection_costs_no_mail_anything(
    server: MailServer, stage: str, act: str, *, pipelines: bool
) -> None:
    server.pipelines = pipelines
    sender, hand_off = SmtpSender(server.client()), HandOff()
    await sender.send(mail(), HandOff())
    server.at(stage, act)
    assert (await sender.send(mail(), hand_off)).answer is Answer.ACCEPTED
    await sender.close()
    assert (hand_off.asked, len(server.mails), server.connections) == (1, 2, 2)


async def test_a_server_that_ends_each_connection_at_once_puts_the_mail_off(
    server: MailServer,
) -> None:
    sender = SmtpSender(server.client())
    await sender.send(mail(), HandOff())
    server.at("RCPT", DROP, DROP)
    assert (await sender.send(mail(), HandOff())).answer is Answer.LATER
    await sender.close()
    assert (len(server.mails), server.connections) == (1, 2)


async def test_a_mail_that_is_awaited_although_its_recipient_was_refused_is_not_sent(
    server: MailServer,
) -> None:
    server.pipelines = True
    server.at("RCPT", "550 no such user")
    server.at("DATA", "354 go on all the same")
    sender, hand_off = SmtpSender(server.client()), HandOff()
    assert (await sender.send(mail(), hand_off)).answer is Answer.REFUSED
    assert (hand_off.asked, sender._idle) == (0, [])


async def test_what_the_server_says_is_one_line_without_the_address(server: MailServer) -> None:
    server.at("RCPT", "550-<Anna@Example.com> is\r\n550 unknown\x1b[31m here" + "!" * 500)
    result = await send(server, HandOff())
    assert result.said.startswith("550 <(the address)> is unknown [31m here")
    assert len(result.said) <= 160


async def test_what_a_server_says_in_another_encoding_can_be_stored() -> None:
    assert without("anna@corp.test", "550 caf\udce9 ferm\udce9").encode()


async def test_a_refused_sender_stops_the_sending(server: MailServer) -> None:
    server.at("MAIL", "550 not yours")
    with pytest.raises(SenderUnavailableError, match=r"refuses it@example.com as sender.*550 not"):
        await send(server, HandOff())


async def test_odd_names_and_addresses_arrive_where_they_belong(server: MailServer) -> None:
    from cronfleet.apps.mailing.addresses import checked_address

    sender = SmtpSender(server.client())
    recipients = [checked_address(address) for _, address in _ODD]
    for (name, _), recipient in zip(_ODD, recipients, strict=True):
        assert (await sender.send(mail(recipient, name or ""), HandOff())).answer is Answer.ACCEPTED
    await sender.close()
    assert server.recipients == sorted(recipients)
