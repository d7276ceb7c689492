"""Sending by SMTP: only over verified TLS, one recipient a transaction, connections kept for a run.

The server owns a mail once it has answered the dot that ends it. So the hand-off is committed
between its 354 and that dot: what fails before is tried again, what is silent after is unknown.
"""

from __future__ import annotations

import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from cronfleet.apps.password_expiry.message import Mail
from cronfleet.apps.password_expiry.senders import (
    Answer,
    HandOff,
    SenderUnavailableError,
    SendResult,
)

_OURSELVES = "[127.0.0.1]"  # for EHLO: valid everywhere, and tells nobody the host's name
_START_INPUT = 354
_LONGEST_REPLY = 160
_QUIT_S = 2  # A courtesy: what was accepted is accepted.


@dataclass(frozen=True, slots=True)
class SmtpTimes:
    """How many seconds to wait: for a connection, for an answer, and for the one after the dot."""

    connect_s: float = 10
    command_s: float = 30
    after_dot_s: float = 600


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where to send. Without a user there is no login; `trust` None is the system's authorities."""

    host: str
    port: int
    tls: Literal["starttls", "tls"] = "starttls"
    user: str | None = None
    password: str | None = None
    trust: ssl.SSLContext | None = None
    times: SmtpTimes = SmtpTimes()

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"


class SmtpSender:
    """Sends mails to people."""

    reaches_people = True

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._trust = server.trust or ssl.create_default_context()
        self._idle: list[SMTP] = []

    def describe(self) -> str:
        return f"the mail server {self._server} ({self._server.tls})"

    async def check(self) -> None:
        """EHLO, STARTTLS, AUTH, QUIT."""
        connection = await self._connect()
        try:
            with suppress(SMTPException, OSError):
                await connection.quit(timeout=_QUIT_S)
        finally:
            connection.close()

    async def send(self, mail: Mail, hand_off: HandOff) -> SendResult:
        connection = await self._connection()
        try:
            result = await self._transaction(connection, mail, hand_off)
        except BaseException:
            connection.close()  # In the middle of a mail, it is good for nothing else.
            raise
        if connection.is_connected:
            self._idle.append(connection)
        return SendResult(result.answer, _without(mail.recipient, result.said))

    async def close(self) -> None:
        while self._idle:
            connection = self._idle.pop()
            with suppress(SMTPException, OSError):
                await connection.quit(timeout=_QUIT_S)
            connection.close()

    async def _connection(self) -> SMTP:
        while self._idle:
            connection = self._idle.pop()
            if await self._is_fresh(connection):
                return connection
        return await self._connect()

    async def _is_fresh(self, connection: SMTP) -> bool:
        """Clear what is left of the last mail; whether the connection still lives."""
        try:
            await connection.rset()
        except (SMTPException, OSError):
            connection.close()
            return False
        except BaseException:
            connection.close()
            raise
        return True

    async def _connect(self) -> SMTP:
        connection = SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=_OURSELVES,
            use_tls=self._server.tls == "tls",
            start_tls=self._server.tls == "starttls",
            tls_context=self._trust,
            timeout=self._server.times.command_s,
        )
        try:
            await connection.connect(timeout=self._server.times.connect_s)
            await self._log_in(connection)
        except (SMTPException, OSError) as error:
            connection.close()
            raise SenderUnavailableError(
                f"{self.describe()} cannot be used: {_why_not(error)}"
            ) from None
        return connection

    async def _log_in(self, connection: SMTP) -> None:
        if self._server.user is None:
            return
        if connection.get_transport_info("sslcontext") is None:
            raise SMTPException("no password is sent without TLS")
        password = self._server.password or ""
        await connection.login(self._server.user.encode(), password.encode())

    async def _transaction(self, connection: SMTP, mail: Mail, hand_off: HandOff) -> SendResult:
        refusal = await self._envelope(connection, mail)
        if refusal:
            return refusal
        if not await hand_off():
            connection.close()  # The only way not to send what DATA has announced.
            return SendResult(Answer.NOT_WANTED)
        return await self._content(connection, mail.content)

    async def _envelope(self, connection: SMTP, mail: Mail) -> SendResult | None:
        """Everything before the content; None when the server now waits for that."""
        try:
            await connection.mail(mail.sender)
            await connection.rcpt(mail.recipient)
            reply = await connection.execute_command(b"DATA")
        except SMTPSenderRefused as error:
            if error.code // 100 == 5:  # It would be the same for everyone.
                raise SenderUnavailableError(
                    f"{self.describe()} refuses {mail.sender} as sender: "
                    f"{_reply(error.code, error.message)}; "
                    "correct EMAIL_FROM, EMAIL_USER and EMAIL_PASSWORD"
                ) from None
            return _not_accepted(error.code, error.message)
        except SMTPResponseException as error:
            return _not_accepted(error.code, error.message)
        except (SMTPException, OSError) as error:
            connection.close()
            return SendResult(Answer.LATER, f"before the mail was handed over: {error}")
        if reply.code == _START_INPUT:
            return None
        return _not_accepted(reply.code, reply.message)

    async def _content(self, connection: SMTP, content: bytes) -> SendResult:
        protocol = connection.protocol
        if protocol is None:
            return SendResult(Answer.LATER, "the connection was lost before the mail was sent")
        try:
            protocol.write(_with_dots(content))
        except SMTPServerDisconnected:
            return SendResult(Answer.LATER, "the connection was lost before the mail was sent")
        try:
            reply = await protocol.read_response(timeout=self._server.times.after_dot_s)
        except (SMTPException, OSError) as error:
            connection.close()
            return SendResult(Answer.UNKNOWN, f"no answer to the mail: {error}")
        if reply.code // 100 == 2:
            return SendResult(Answer.ACCEPTED, _reply(reply.code, reply.message))
        if reply.code // 100 in (4, 5):
            return _not_accepted(reply.code, reply.message)
        return SendResult(Answer.UNKNOWN, _reply(reply.code, reply.message))


def _with_dots(content: bytes) -> bytes:
    """The content as it goes over the wire: dots at the beginning of lines doubled, and the end."""
    return re.sub(rb"(?m)^\.", b"..", content) + b".\r\n"


def _not_accepted(code: int, message: str) -> SendResult:
    """What another answer than the expected one means; a senseless one may be better later."""
    return SendResult(Answer.REFUSED if code // 100 == 5 else Answer.LATER, _reply(code, message))


def _reply(code: int, message: str) -> str:
    return f"{code} {' '.join(message.split())}"


def _without(address: str, said: str) -> str:
    shown = re.sub(re.escape(address), "(the address)", said, flags=re.IGNORECASE)
    return "".join(c if c.isprintable() else " " for c in shown)[:_LONGEST_REPLY]


def _why_not(error: SMTPException | OSError) -> str:
    # With TLS from the beginning, the certificate's fault is only the cause of the error.
    match error.__cause__ or error:
        case ssl.SSLCertVerificationError() as fault:
            return f"its certificate is not trusted ({fault.verify_message}): nothing is sent to it"
        case SMTPAuthenticationError() as fault:
            return (
                f"it refuses the login ({_reply(fault.code, fault.message)}): "
                "correct EMAIL_USER and EMAIL_PASSWORD; Gmail wants an app password"
            )
        case SMTPResponseException() as fault:
            return f"it says {_reply(fault.code, fault.message)}"
        case _:
            return f"{error}: check SMTP_HOST, SMTP_PORT and SMTP_TLS"
