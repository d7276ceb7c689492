"""Sending by SMTP: only over verified TLS, one recipient a transaction, connections kept for a run.

The server owns a mail once it has answered the dot that ends it. So the hand-off is committed
between its 354 and that dot: what fails before is tried again, what is silent after is unknown.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from cronfleet.apps.password_expiry.message import Mail
from cronfleet.apps.password_expiry.senders import (
    Answer,
    HandOff,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
)

_OURSELVES = "[127.0.0.1]"  # for EHLO: valid everywhere, and tells nobody the host's name
_START_INPUT = 354
_LONGEST_REPLY = 160
# Whose fault an answer is (RFC 3463): X.3 is the mail system's, X.4.5 its load, or a daily limit.
_OUR_LOGIN = (530, 535)
_OUR_SERVER = re.compile(r"[45]\d\d [45]\.(?:3\.\d+|4\.5)\b")
_QUIT_S = 2  # A courtesy: what was accepted is accepted.


@dataclass(frozen=True, slots=True)
class SmtpTimes:
    """How many seconds to wait: for a connection, for each answer, and for the one after the dot.

    `login_s` is for the answers before the first mail.
    """

    connect_s: float = 10
    login_s: float = 30
    command_s: float = 30  # Three of them stand between a lease and its hand-off.
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

    name = "smtp"
    reaches_people = True

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._trust = server.trust or ssl.create_default_context()
        self._idle: list[SMTP] = []
        self._ready: list[SMTP] = []
        self._connecting = asyncio.Lock()
        self._trouble: SenderUnavailableError | None = None

    def describe(self) -> str:
        return f"the mail server {self._server} ({self._server.tls})"

    async def ready(self) -> None:
        self._ready.append(await self._connection())

    async def check(self) -> None:
        """EHLO, STARTTLS, AUTH, QUIT."""
        await self.ready()
        await self.close()

    async def send(self, mail: Mail, hand_off: HandOff) -> SendResult:
        connection = self._ready.pop() if self._ready else await self._connection()
        try:
            result = await self._transaction(connection, mail, hand_off)
        except BaseException:
            connection.close()  # In the middle of a mail, it is good for nothing else.
            raise
        if connection.is_connected:
            self._idle.append(connection)
        return SendResult(result.answer, _without(mail.recipient, result.said))

    async def close(self) -> None:
        self._trouble = None
        while self._idle or self._ready:
            connection = (self._idle or self._ready).pop()
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
        """One at a time: what kept one out until `close` would keep out the others as well.

        Servers count the attempts with a wrong password, and lock the account.
        """
        async with self._connecting:
            if self._trouble is not None:
                raise self._trouble
            try:
                return await self._logged_in()
            except SenderUnavailableError as error:
                self._trouble = error
                raise

    async def _logged_in(self) -> SMTP:
        connection = SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=_OURSELVES,
            use_tls=self._server.tls == "tls",
            start_tls=self._server.tls == "starttls",
            tls_context=self._trust,
            timeout=self._server.times.login_s,
        )
        try:
            await connection.connect(timeout=self._server.times.connect_s)
            await self._log_in(connection)
            connection.timeout = self._server.times.command_s
        except (SMTPException, OSError, UnicodeError) as error:
            connection.close()
            raise _unavailable(error)(
                _printable(f"{self.describe()} cannot be used: {_why_not(error)}")
            ) from None
        except BaseException:
            connection.close()
            raise
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
                    f"{_printable(_reply(error.code, error.message))}; "
                    "correct EMAIL_FROM, EMAIL_USER and EMAIL_PASSWORD"
                ) from None
            return _not_accepted(error.code, error.message)
        except SMTPResponseException as error:
            return _not_accepted(error.code, error.message)
        except (SMTPException, OSError) as error:
            connection.close()
            return SendResult(Answer.LATER, f"before the mail was handed over: {error}")
        if reply.code == _START_INPUT:
            return _out_of_turn(connection)
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


def _out_of_turn(connection: SMTP) -> SendResult | None:
    """Refuse what was said in one breath with the 354: it would pass for the answer to the dot."""
    protocol = connection.protocol
    if protocol is None or not protocol._buffer:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return None
    connection.close()
    return SendResult(Answer.LATER, "the server answers what it has not been asked")


def _not_accepted(code: int, message: str) -> SendResult:
    """What another answer than the expected one means; a senseless one may be better later."""
    said = _reply(code, message)
    if code in _OUR_LOGIN or _OUR_SERVER.match(said):
        return SendResult(Answer.NOBODY, said)
    return SendResult(Answer.REFUSED if code // 100 == 5 else Answer.LATER, said)


def _reply(code: int, message: str) -> str:
    return f"{code} {' '.join(message.split())}"


def _without(address: str, said: str) -> str:
    shown = re.sub(re.escape(address), "(the address)", said, flags=re.IGNORECASE)
    return _printable(shown)[:_LONGEST_REPLY]


def _printable(said: str) -> str:
    """Without halves of characters, too, which neither a database nor a terminal takes."""
    return "".join(c if c.isprintable() else " " for c in said)


def _unavailable(error: Exception) -> type[SenderUnavailableError]:
    match error.__cause__ or error:
        case ssl.SSLCertVerificationError() | SMTPNotSupported():
            return SenderRefusedError
        case SMTPAuthenticationError() as fault if fault.code // 100 == 5:
            return SenderRefusedError
        case _:
            return SenderUnavailableError


def _why_not(error: SMTPException | OSError | UnicodeError) -> str:
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
