"""Sending by SMTP: only over verified TLS, one recipient a transaction, connections kept for a run.

The server owns a mail once it has answered the dot that ends it. So the hand-off is committed
between its 354 and that dot: what fails before is tried again, what is silent after is unknown.
With PIPELINING the commands for the next mail may go with that dot (RFC 2920, section 3.1); its
content goes only after a hand-off of its own.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from cronfleet.apps.mailing.dialogue import (
    Dialogue,
    LostError,
    Reply,
    in_one_breath,
)
from cronfleet.apps.mailing.replies import not_accepted, printable, shown, without
from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
    unknown,
)

_OURSELVES = "[127.0.0.1]"  # for EHLO: valid everywhere, and tells nobody the host's name
_CLOSING = 421
_WANTED = ((250,), (250, 251), (354,))
"""The replies to MAIL, RCPT and DATA that let a mail go on."""
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
    connections: int = 3

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"


class _StaleError(Exception):
    """A connection that was kept turns out to be none any more; nothing was handed over."""


class SmtpSender:
    """Sends mails to people."""

    name = "smtp"
    reaches_people = True

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._trust = server.trust or ssl.create_default_context()
        self._idle: list[Dialogue] = []
        self._ready: list[Dialogue] = []
        self._announced: dict[str, Dialogue] = {}
        self._connecting = asyncio.Lock()
        self._trouble: SenderUnavailableError | None = None

    @property
    def at_a_time(self) -> int:
        return self._server.connections

    def describe(self) -> str:
        return f"the mail server {self._server} ({self._server.tls})"

    async def ready(self) -> None:
        self._ready.append(self._kept() or await self._connect())

    async def check(self) -> None:
        """EHLO, STARTTLS, AUTH, QUIT."""
        try:
            await self.ready()
        finally:
            await self.close()  # What was the matter may be over by the first mail.

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        dialogue = self._for(mail) or await self._connect()
        try:
            result = await self._transaction(dialogue, mail, hand_off, following)
        except _StaleError:
            dialogue = await self._connect()
            result = await self._transaction(dialogue, mail, hand_off, following)
        if dialogue.is_in_step:
            self._idle.append(dialogue)
        return replace(result, said=without(mail.recipient, result.said))

    async def close(self) -> None:
        self._trouble = None
        while self._announced:
            self._announced.popitem()[1].close()
        while self._idle or self._ready:
            dialogue = (self._idle or self._ready).pop()
            with suppress(LostError):
                await dialogue.ask(b"QUIT", within_s=_QUIT_S)
            dialogue.close()

    def _for(self, mail: Mail) -> Dialogue | None:
        """The one that has announced the mail, or else any that is there."""
        announced = self._announced.pop(mail.id, None)
        if announced and not announced.is_closing:
            return announced
        return self._ready.pop() if self._ready else self._kept()

    def _kept(self) -> Dialogue | None:
        """One whose last mail was settled a moment ago: that it still lives, the next one shows."""
        while self._idle:
            if (dialogue := self._idle.pop()).is_in_step:
                return dialogue
        return None

    async def _connect(self) -> Dialogue:
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

    async def _logged_in(self) -> Dialogue:
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
            return await _dialogue(connection)
        except (SMTPException, OSError, UnicodeError) as error:
            connection.close()
            raise _unavailable(error)(
                printable(f"{self.describe()} cannot be used: {_why_not(error)}")
            ) from None
        except BaseException:
            connection.close()
            raise

    async def _log_in(self, connection: SMTP) -> None:
        if self._server.user is None:
            return
        if connection.get_transport_info("sslcontext") is None:
            raise SMTPException("no password is sent without TLS")
        password = self._server.password or ""
        await connection.login(self._server.user.encode(), password.encode())

    async def _transaction(
        self, dialogue: Dialogue, mail: Mail, hand_off: HandOff, following: Following
    ) -> SendResult:
        try:
            refusal = await self._envelope(dialogue, mail)
            if refusal:
                await self._forget(dialogue)
                return refusal
            if not await hand_off():
                dialogue.close()  # The only way not to send what DATA has announced.
                return SendResult(Answer.NOT_WANTED)
            return await self._content(dialogue, mail.content, following)
        except BaseException:
            dialogue.close()  # In the middle of a mail, it is good for nothing else.
            raise

    async def _envelope(self, dialogue: Dialogue, mail: Mail) -> SendResult | None:
        """Everything before the content; None when the server now waits for that."""
        is_kept = not dialogue.is_new
        commands = _commands(mail)
        replies: list[Reply] = []
        refusal: SendResult | None = None
        try:
            for group in [commands] if dialogue.pipelines else [(each,) for each in commands]:
                if not dialogue.owed:  # Else it was said with the mail before.
                    dialogue.say(in_one_breath(group), len(group))
                replies += await dialogue.replies(len(group), self._server.times.command_s)
                if refusal := self._refusal(mail, replies):
                    break
            if refusal and replies[-1].code in _WANTED[-1]:  # It waits for the mail all the same.
                dialogue.close()
        except LostError as error:
            refusal = SendResult(Answer.LATER, f"before the mail was handed over: {error}")
        if is_kept and (dialogue.has_left or any(reply.code == _CLOSING for reply in replies)):
            raise _StaleError
        return refusal or _out_of_turn(dialogue, replies)

    def _refusal(self, mail: Mail, replies: Sequence[Reply]) -> SendResult | None:
        for number, (reply, wanted) in enumerate(zip(replies, _WANTED, strict=False)):
            if reply.code in wanted:
                continue
            if number == 0 and reply.code // 100 == 5:  # It would be the same for everyone.
                raise SenderUnavailableError(
                    f"{self.describe()} refuses {mail.sender} as sender: {shown(reply)}; "
                    "correct EMAIL_FROM, EMAIL_USER and EMAIL_PASSWORD"
                )
            return not_accepted(reply)
        return None

    async def _forget(self, dialogue: Dialogue) -> None:
        """Clear what is left of a mail that was refused, for the next one."""
        with suppress(LostError):
            await dialogue.ask(b"RSET", within_s=self._server.times.command_s)

    async def _content(
        self, dialogue: Dialogue, content: bytes, following: Following
    ) -> SendResult:
        if not dialogue.is_in_step:
            dialogue.close()
            return SendResult(Answer.LATER, "the connection was lost before the mail was sent")
        self._say(dialogue, content, following() if dialogue.pipelines else None)
        try:
            (reply,) = await dialogue.replies(1, self._server.times.after_dot_s)
        except LostError as error:
            return SendResult(Answer.UNKNOWN, f"no answer to the mail: {error}")
        if reply.code // 100 == 2:
            return SendResult(Answer.ACCEPTED, shown(reply))
        if reply.code // 100 in (4, 5):
            return not_accepted(reply)
        dialogue.close()
        return SendResult(Answer.UNKNOWN, shown(reply))

    def _say(self, dialogue: Dialogue, content: bytes, following: Mail | None) -> None:
        """The content to its end, and the commands for the next mail if there is one."""
        if following is None:
            return dialogue.say(_with_dots(content), 1)
        commands = _commands(following)
        self._announced[following.id] = dialogue
        return dialogue.say(_with_dots(content) + in_one_breath(commands), 1 + len(commands))


async def _dialogue(connection: SMTP) -> Dialogue:
    """Go on by ourselves, with one who has let us in: several commands may go in one breath."""
    if connection.is_ehlo_or_helo_needed:
        try:
            await connection.ehlo()
        except SMTPHeloError:
            await connection.helo()
    transport = connection.transport
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        raise SMTPServerDisconnected("Connection lost")
    return Dialogue(transport, pipelines=connection.supports_extension("pipelining"))


def _commands(mail: Mail) -> tuple[bytes, ...]:
    """All that comes before the content of a mail."""
    return (
        b"MAIL FROM:<%b>" % mail.sender.encode("ascii"),
        b"RCPT TO:<%b>" % mail.recipient.encode("ascii"),
        b"DATA",
    )


def _with_dots(content: bytes) -> bytes:
    """The content as it goes over the wire: dots at the beginning of lines doubled, and the end."""
    return re.sub(rb"(?m)^\.", b"..", content) + b".\r\n"


def _out_of_turn(dialogue: Dialogue, replies: Sequence[Reply]) -> SendResult | None:
    """Refuse what was said in one breath with the 354: it would pass for the answer to the dot."""
    if len(replies) == len(_WANTED) and dialogue.is_in_step:
        return None
    dialogue.close()
    return SendResult(Answer.LATER, "the server left, or answers what it has not been asked")


def _reply(fault: SMTPResponseException) -> str:
    return f"{fault.code} {' '.join(fault.message.split())}"


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
        case SMTPAuthenticationError() as fault if fault.code // 100 == 5:
            return (
                f"it refuses the login ({_reply(fault)}): "
                "correct EMAIL_USER and EMAIL_PASSWORD; Gmail wants an app password"
            )
        case SMTPResponseException() as fault:
            return f"it says {_reply(fault)}"
        case _:
            return f"{error}: check SMTP_HOST, SMTP_PORT and SMTP_TLS"
