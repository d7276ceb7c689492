"""A real mail server on loopback, which misbehaves when told to."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, AnyStr

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from cronfleet.apps.mailing.smtp import SmtpServer, SmtpTimes

USER, PASSWORD = "it@example.com", "hunter2-ü"
QUICK = SmtpTimes(connect_s=20, login_s=20, command_s=20, after_dot_s=20)


class Act(Enum):
    """What a server may do instead of an answer."""

    DROP = "close the connection"
    SILENCE = "say nothing any more"


DROP, SILENCE = Act.DROP, Act.SILENCE


@dataclass
class MailServer:
    """What it was sent, and what it is to do at each stage: then one thing a time, once.

    Stages are MAIL, RCPT, DATA (before the 354), 354 (in its place) and DOT.
    """

    mails: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    connections: int = 0
    logins: list[bool] = field(default_factory=list[bool])
    login_refusal: str | None = None
    _acts: defaultdict[str, deque[str | Act]] = field(
        default_factory=lambda: defaultdict[str, deque[str | Act]](deque)
    )
    port: int = 0
    pipelines: bool = False
    """Whether it says that it takes several commands in one breath; it does so anyway."""
    authority: trustme.CA = field(default_factory=trustme.CA)

    def at(self, stage: str, *acts: str | Act) -> None:
        self._acts[stage].extend(acts)

    def client(self, times: SmtpTimes = QUICK, password: str = PASSWORD) -> SmtpServer:
        """How to reach it."""
        trust = ssl.create_default_context()
        trust.load_verify_locations(cadata=self.authority.cert_pem.bytes().decode())
        return SmtpServer("localhost", self.port, "starttls", USER, password, trust, times)

    def identity(self, name: str = "localhost") -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        leaf = self.authority.issue_cert(name)
        with leaf.private_key_and_cert_chain_pem.tempfile() as file:
            context.load_cert_chain(file)
        return context

    @property
    def recipients(self) -> list[str]:
        return sorted(recipient for _, recipient, _ in self.mails)

    async def answer(self, stage: str, protocol: SMTP, otherwise: str) -> str:
        act = self._acts[stage].popleft() if self._acts[stage] else otherwise
        if act is SILENCE:
            await asyncio.Event().wait()
        if act is DROP:
            assert isinstance(protocol.transport, asyncio.WriteTransport)
            protocol.transport.abort()
            return "421 gone"
        return str(act)

    # What aiosmtpd calls

    async def handle_EHLO(  # noqa: N802 - its name for it
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, said: list[str]
    ) -> list[str]:
        session.host_name = name
        return [*said[:-1], "250-PIPELINING", said[-1]] if self.pipelines else said

    async def handle_MAIL(  # noqa: N802 - its name for it
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = await self.answer("MAIL", server, "250 OK")
        envelope.mail_from = address if answer == "250 OK" else None
        return answer

    async def handle_RCPT(  # noqa: N802 - its name for it
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = await self.answer("RCPT", server, "250 OK")
        if answer == "250 OK":
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - its name for it
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.original_content, bytes)
        (recipient,) = envelope.rcpt_tos
        self.mails.append((str(envelope.mail_from), recipient, envelope.original_content))
        return await self.answer("DOT", server, "250 OK")

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(is_right)
        return AuthResult(success=is_right, handled=False, message=self.login_refusal)


class _Protocol(SMTP):
    """aiosmtpd, with a hook at DATA and in place of its 354."""

    def __init__(self, server: MailServer, **options: Any) -> None:
        self._server = server
        super().__init__(server, authenticator=server.authenticate, **options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None:
            self._server.connections += 1
        super().connection_made(transport)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - its name for it
        before = await self._server.answer("DATA", self, "")
        if before:
            await self.push(before)
        else:
            await super().smtp_DATA(arg)

    async def push(self, status: AnyStr) -> None:
        if str(status).startswith("354"):
            await super().push(await self._server.answer("354", self, str(status)))
        else:
            await super().push(status)


@asynccontextmanager
async def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    is_tls_from_the_start: bool = False,
    server: MailServer | None = None,
) -> AsyncGenerator[MailServer]:
    """A server that takes mails from those who log in over TLS; `tls` None: it offers none."""
    server = server or MailServer()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        if is_tls_from_the_start:
            return _Protocol(server, loop=loop, auth_require_tls=False)
        if tls is None:
            return _Protocol(server, loop=loop)
        return _Protocol(
            server, loop=loop, tls_context=tls, require_starttls=True, auth_required=True
        )

    listening = await loop.create_server(
        protocol, "127.0.0.1", 0, ssl=tls if is_tls_from_the_start else None
    )
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    await listening.wait_closed()
