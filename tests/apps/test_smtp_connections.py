"""Connections: how many, who is let in, and who is trusted."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

import pytest
from aiosmtplib import SMTP, SMTPException

from cronfleet.apps.mailing.sending import (
    Answer,
    SenderRefusedError,
    SenderUnavailableError,
)
from cronfleet.apps.mailing.smtp import SmtpSender, SmtpServer
from tests.apps.mail_server import MailServer, mail_server
from tests.apps.sending import HandOff, mail, send


async def test_mails_share_a_connection_and_a_login(server: MailServer) -> None:
    sender = SmtpSender(server.client())
    for _ in range(3):
        await sender.send(mail(), HandOff())
    await sender.close()
    assert (len(server.mails), server.connections, server.logins) == (3, 1, [True])


async def test_mails_at_a_time_have_connections_of_their_own(server: MailServer) -> None:
    sender = SmtpSender(server.client())
    await asyncio.gather(*(sender.send(mail(), HandOff()) for _ in range(3)))
    await sender.close()
    assert (len(server.mails), server.connections) == (3, 3)


async def test_a_sender_may_be_used_again_after_it_was_closed(server: MailServer) -> None:
    sender = SmtpSender(server.client())
    for _ in range(2):
        await sender.send(mail(), HandOff())
        await sender.close()
    assert len(server.mails) == 2


async def test_a_kept_connection_that_was_lost_is_replaced(server: MailServer) -> None:
    sender = SmtpSender(server.client())
    await sender.send(mail(), HandOff())
    for connection in sender._idle:
        connection.close()
    assert (await sender.send(mail(), HandOff())).answer is Answer.ACCEPTED
    await sender.close()


async def test_a_host_that_is_no_name_is_a_clear_error(server: MailServer) -> None:
    sender = SmtpSender(replace(server.client(), host="a" * 70 + ".com"))
    with pytest.raises(SenderUnavailableError, match=r"cannot be used.*check SMTP_HOST"):
        await sender.ready()


async def test_who_is_ready_needs_no_second_connection(server: MailServer) -> None:
    sender = SmtpSender(server.client())
    await asyncio.gather(sender.ready(), sender.ready())
    await asyncio.gather(*(sender.send(mail(), HandOff()) for _ in range(2)))
    assert (server.connections, len(server.mails)) == (2, 2)
    await sender.ready()
    await sender.close()
    assert (server.connections, sender._ready, sender._idle) == (2, [], [])


@pytest.mark.parametrize(
    "refusal",
    [
        "534-5.7.9 Application-specific password required. Learn more at\n534 5.7.9 support",
        "535 5.7.8 Username and Password not accepted",
    ],
)
async def test_what_gmail_refuses_is_answered_with_what_it_wants(
    server: MailServer, refusal: str
) -> None:
    server.login_refusal = refusal.replace("\n", "\r\n")
    with pytest.raises(SenderRefusedError, match="Gmail wants an app password"):
        await SmtpSender(server.client(password="of the account")).ready()


@pytest.mark.parametrize("greeting", ["421 4.3.2 not now", "554 no service here", "450 busy"])
async def test_a_server_that_greets_with_a_refusal_has_refused_nobodys_mail(greeting: str) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{greeting}\r\n".encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        hand_off = HandOff()
        with pytest.raises(SenderUnavailableError, match=greeting[:3]):
            await SmtpSender(SmtpServer("127.0.0.1", port)).send(mail(), hand_off)
    assert hand_off.asked == 0


async def test_a_login_that_is_refused_for_now_is_no_wrong_password(server: MailServer) -> None:
    server.login_refusal = "454 4.7.0 Temporary authentication failure"
    with pytest.raises(SenderUnavailableError, match="454") as error:
        await SmtpSender(server.client(password="any")).ready()
    assert not isinstance(error.value, SenderRefusedError)


async def test_what_was_the_matter_when_it_was_asked_is_forgotten(server: MailServer) -> None:
    server.login_refusal = "454 4.7.0 Temporary authentication failure"
    sender = SmtpSender(replace(server.client(), password="any"))
    for _ in range(2):
        with pytest.raises(SenderUnavailableError):
            await sender.check()
    assert server.connections == 2


async def test_a_wrong_password_is_a_clear_error_without_the_password(server: MailServer) -> None:
    sender = SmtpSender(server.client(password="wrong-secret"))
    with pytest.raises(SenderRefusedError, match=r"refuses the login.*EMAIL_PASSWORD") as error:
        await sender.send(mail(), HandOff())
    assert "wrong-secret" not in str(error.value)
    assert not any(server.logins)


async def test_a_wrong_password_is_tried_once_until_the_sender_is_closed(
    server: MailServer,
) -> None:
    sender = SmtpSender(server.client(password="wrong-secret"))
    ends = await asyncio.gather(*(sender.ready() for _ in range(4)), return_exceptions=True)
    assert [type(end) for end in ends] == [SenderRefusedError] * 4
    assert server.connections == 1
    await sender.close()
    with pytest.raises(SenderRefusedError):
        await sender.ready()
    assert server.connections == 2


async def test_a_server_without_starttls_gets_no_password_and_no_mail() -> None:
    async with mail_server() as server:
        with pytest.raises(SenderUnavailableError, match="STARTTLS"):
            await send(server, HandOff())
    assert (server.logins, server.mails) == ([], [])


async def test_a_certificate_from_a_stranger_is_refused() -> None:
    server = MailServer()
    async with mail_server(tls=MailServer().identity(), server=server):
        with pytest.raises(SenderUnavailableError, match="its certificate is not trusted"):
            await send(server, HandOff())
    assert (server.logins, server.mails) == ([], [])


async def test_a_certificate_for_another_name_is_refused() -> None:
    server = MailServer()
    async with mail_server(tls=server.identity("example.com"), server=server):
        with pytest.raises(SenderUnavailableError, match="its certificate is not trusted"):
            await send(server, HandOff())
    assert (server.logins, server.mails) == ([], [])


async def test_tls_from_the_start_is_verified_too() -> None:
    server = MailServer()
    async with mail_server(
        tls=server.identity("example.com"), is_tls_from_the_start=True, server=server
    ):
        sender = SmtpSender(replace(server.client(), tls="tls"))
        with pytest.raises(SenderUnavailableError, match="its certificate is not trusted"):
            await sender.send(mail(), HandOff())


async def test_a_mail_arrives_over_tls_from_the_start() -> None:
    server = MailServer()
    async with mail_server(tls=server.identity(), is_tls_from_the_start=True, server=server):
        sender = SmtpSender(replace(server.client(), tls="tls"))
        await sender.send(mail(), HandOff())
        await sender.close()
    assert (server.logins, len(server.mails)) == ([True], 1)


async def test_without_a_user_there_is_no_login() -> None:
    server = MailServer()
    async with mail_server(tls=server.identity(), is_tls_from_the_start=True, server=server):
        sender = SmtpSender(replace(server.client(), tls="tls", user=None))
        await sender.send(mail(), HandOff())
        await sender.close()
    assert (server.logins, len(server.mails)) == ([], 1)


async def test_no_connection_without_tls_gets_the_password() -> None:
    async with mail_server() as server, SMTP(hostname="localhost", port=server.port) as plain:
        with pytest.raises(SMTPException, match="no password is sent without TLS"):
            await SmtpSender(server.client())._log_in(plain)
    assert server.logins == []


async def test_no_server_at_all_is_a_clear_error() -> None:
    async with mail_server() as server:
        gone = server.client()
    with pytest.raises(SenderUnavailableError, match=r"localhost:.*check SMTP_HOST, SMTP_PORT"):
        await SmtpSender(gone).send(mail(), HandOff())


def test_the_certificates_of_the_system_are_asked_and_nothing_else() -> None:
    sender = SmtpSender(replace(MailServer().client(), trust=None))
    assert sender._trust.verify_mode is ssl.CERT_REQUIRED
    assert sender._trust.check_hostname


def test_the_password_is_not_in_what_is_shown() -> None:
    server = MailServer().client()
    assert "hunter2" not in f"{server!r} {SmtpSender(server).describe()}"
