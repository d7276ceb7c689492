"""A run whose mails go by the next sender when the first one cannot send any more."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import timedelta

import pytest

from cronfleet.apps.mailing.in_order import SendersInOrder
from cronfleet.apps.mailing.sending import SenderUnavailableError
from cronfleet.apps.mailing.smtp import SmtpSender
from tests.apps.mail_server import DROP, SILENCE, Act, MailServer
from tests.apps.mail_services import (
    IMPATIENT,
    KINDS,
    MailService,
    Told,
    mail_service,
    sendgrid,
    ses,
)
from tests.apps.outboxes import let_pass
from tests.apps.sending import pipelining
from tests.apps.worlds import OpenWorld, World, row

COUNT = 30


@pytest.fixture
async def service() -> AsyncGenerator[MailService]:
    async with mail_service(KINDS[0].service()) as service:
        yield service


def senders(world: World) -> Counter[tuple[str, str | None]]:
    """How many notices stand where, by whose they were to send."""
    with closing(sqlite3.connect(world.file)) as connection:
        return Counter(connection.execute("SELECT state, sender FROM password_notices"))


def recipients(service: MailService) -> list[str]:
    return [asked.document["Destination"]["ToAddresses"][0] for asked in service.mails]


async def test_a_login_that_is_refused_costs_no_notice_anything(
    world_of: OpenWorld, server: MailServer, service: MailService
) -> None:
    these = world_of(*map(row, range(1, COUNT + 1)))
    wrong = SmtpSender(server.client(password="wrong"))
    await these.run(SendersInOrder([wrong, ses(service)]))
    assert senders(these) == {("SENT", "ses"): COUNT}
    assert server.connections == 1
    assert len(set(recipients(service))) == len(recipients(service)) == COUNT


@pipelining
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_takes_no_more_has_the_rest_go_by_the_next(
    world_of: OpenWorld, server: MailServer, service: MailService, stage: str, *, pipelines: bool
) -> None:
    server.pipelines = pipelines
    server.at(stage, *["250 OK"] * 5 if stage != "DATA" else [""] * 5, *["550 5.4.5 limit"] * 9)
    these = world_of(*map(row, range(1, COUNT + 1)))
    await these.run(SendersInOrder([SmtpSender(server.client()), ses(service)]))
    found = senders(these)
    assert found["SENT", "smtp"] == len(server.mails)
    assert found["SENT", "ses"] == COUNT - len(server.mails) > 0
    assert sorted(server.recipients + recipients(service)) == sorted(
        f"user{number}@corp.test" for number in range(1, COUNT + 1)
    )


async def test_an_account_that_is_paused_in_the_middle_sends_nothing_twice(
    world_of: OpenWorld, server: MailServer, service: MailService
) -> None:
    service.mail = Told(400, {"__type": "SendingPausedException"})
    these = world_of(*map(row, range(1, COUNT + 1)))
    await these.run(SendersInOrder([ses(service), SmtpSender(server.client())]))
    found = senders(these)
    assert found["PENDING", "ses"] == len(service.mails)  # put off: they had their sender
    assert found["SENT", "smtp"] == COUNT - len(service.mails) == len(server.mails)


@pytest.mark.parametrize("act", [DROP, SILENCE])
async def test_a_silence_after_the_hand_off_is_nobody_elses_mail(
    world_of: OpenWorld, server: MailServer, service: MailService, act: Act
) -> None:
    service.at("BODY", *[act] * COUNT)
    these = world_of(row(1), row(2))
    await these.run(SendersInOrder([ses(service, IMPATIENT), SmtpSender(server.client())]))
    assert senders(these) == {("UNCERTAIN", "ses"): 2}
    assert server.mails == []


@pytest.mark.parametrize("stage", ["RCPT", "DOT"])
async def test_what_a_server_refuses_for_policy_goes_by_the_next(
    world_of: OpenWorld, server: MailServer, service: MailService, stage: str
) -> None:
    server.at(stage, *["554 5.7.1 your IP is blocked"] * COUNT)
    these = world_of(*map(row, range(1, COUNT + 1)))
    in_order = SendersInOrder([SmtpSender(server.client()), ses(service)])
    await these.run(in_order)
    found = Counter(these.states().values())
    assert 5 <= found["PENDING"] == COUNT - found["SENT"] < 5 + 2 * in_order.at_a_time
    let_pass(these.outbox, timedelta(minutes=1))
    await these.run_put_off(in_order)
    assert senders(these) == {("SENT", "ses"): COUNT}
    assert len(set(recipients(service))) == len(recipients(service)) == COUNT


async def test_when_all_refuse_the_first_for_policy_every_notice_waits(
    world_of: OpenWorld, server: MailServer, service: MailService
) -> None:
    server.at("RCPT", *["554 5.7.1 your IP is blocked"] * COUNT)
    service.mail = Told(400, {"__type": "MessageRejected", "message": "it contains a virus"})
    these = world_of(*map(row, range(1, COUNT + 1)))
    with pytest.raises(SenderUnavailableError, match="refused the first 5 mails alike"):
        await these.run(SendersInOrder([SmtpSender(server.client()), ses(service)]))
    assert set(these.states().values()) == {"PENDING"}


async def test_when_none_can_send_every_notice_waits(
    world_of: OpenWorld, server: MailServer, service: MailService
) -> None:
    service.account = Told(401)
    these = world_of(*map(row, range(1, 4)))
    wrong = SmtpSender(server.client(password="wrong"))
    with pytest.raises(SenderUnavailableError, match=r"refuses the login.*refuses the key"):
        await these.run(SendersInOrder([wrong, sendgrid(service)]))
    assert senders(these) == {("PENDING", None): 3}
