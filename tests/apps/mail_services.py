"""Services on loopback that take mails over HTTP, and misbehave when told to."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from cronfleet.apps.mailing.aws_signature import AwsCredentials
from cronfleet.apps.mailing.posting import HttpTimes
from cronfleet.apps.mailing.sendgrid import SendGrid, SendGridSender
from cronfleet.apps.mailing.sending import Sender
from cronfleet.apps.mailing.ses import Ses, SesSender
from tests.apps.mail_server import Act

QUICK = HttpTimes(connect_s=20, write_s=20, answer_s=20)
IMPATIENT = HttpTimes(connect_s=0.2, write_s=0.2, answer_s=0.2)
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "hunter2/secret", "hunter2/token"


@dataclass(frozen=True)
class Asked:
    """A request, all of it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __bytes__(self) -> bytes:
        body = b"" if self.document is None else json.dumps(self.document).encode()
        headers = {**self.headers, "Content-Length": str(len(body))}
        lines = [f"HTTP/1.1 {self.status} So", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + body


@dataclass
class MailService:
    """What it was asked, and what it does at each stage: then one thing a time, once.

    Stages are CONNECT, HEAD (before the body is read), BODY (before the answer) and ANSWER (in the
    middle of it). The look at the account is not acted on.
    """

    mail: Told
    account: Told
    asked: list[Asked] = field(default_factory=list[Asked])
    head: asyncio.Event = field(default_factory=asyncio.Event)
    body: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when those of a mail have come."""
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    _acts: defaultdict[str, deque[Act | Told]] = field(
        default_factory=lambda: defaultdict[str, deque[Act | Told]](deque)
    )
    _serving: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def mails(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "POST"]

    def at(self, stage: str, *acts: Act | Told) -> None:
        self._acts[stage].extend(acts)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self.connections += 1
        try:
            if not await self._acted("CONNECT", writer):
                while await self._answered(reader, writer):
                    pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._serving.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def stop(self) -> None:
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether there may be another request."""
        method, path, headers = _head((await reader.readuntil(b"\r\n\r\n")).decode())
        is_mail = method == "POST"
        if is_mail:
            self.head.set()
        if is_mail and await self._acted("HEAD", writer):
            return False
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append(Asked(method, path, headers, body))
        if is_mail:
            self.body.set()
        if is_mail and await self._acted("BODY", writer):
            return False
        told = bytes(self.mail if is_mail else self.account)
        if is_mail and self._acts["ANSWER"]:
            writer.write(told[: len(told) // 2])
            await writer.drain()
            return not await self._acted("ANSWER", writer)
        writer.write(told)
        await writer.drain()
        return True

    async def _acted(self, stage: str, writer: asyncio.StreamWriter) -> bool:
        match self._acts[stage].popleft() if self._acts[stage] else None:
            case None:
                return False
            case Told() as told:
                writer.write(bytes(told))
                await writer.drain()
            case Act.SILENCE:
                await asyncio.Event().wait()
            case _:
                writer.transport.abort()
        return True


def _head(text: str) -> tuple[str, str, dict[str, str]]:
    first, *lines = text.strip().split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    return method, path, {name.lower(): value.strip() for name, value in pairs}


@asynccontextmanager
async def mail_service(
    service: MailService, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[MailService]:
    listening = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls)
    service.port = listening.sockets[0].getsockname()[1]
    service.scheme = "https" if tls else "http"
    try:
        yield service
    finally:
        listening.close()
        await service.stop()


@dataclass(frozen=True)
class Kind:
    """A service of one kind, and how its sender is made."""

    name: str
    service: Callable[[], MailService]
    sender: Callable[..., Sender]


def ses(
    service: MailService, times: HttpTimes = QUICK, trust: ssl.SSLContext | None = None
) -> SesSender:
    credentials = AwsCredentials(KEY, SECRET, TOKEN)
    return SesSender(Ses("eu-west-1", credentials, service.url, trust, times))


def sendgrid(
    service: MailService, times: HttpTimes = QUICK, trust: ssl.SSLContext | None = None
) -> SendGridSender:
    return SendGridSender(SendGrid(SECRET, service.url, trust, times))


KINDS = [
    Kind(
        "ses",
        lambda: MailService(
            Told(200, {"MessageId": "0102-1"}), Told(200, {"SendingEnabled": True})
        ),
        ses,
    ),
    Kind(
        "sendgrid",
        lambda: MailService(
            Told(202, headers={"X-Message-Id": "14c5d75c"}), Told(200, {"scopes": ["mail.send"]})
        ),
        sendgrid,
    ),
]
