"""Sending a single mail, and what decides whether it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cronfleet.apps.mailing.sending import Mail, SendResult
from cronfleet.apps.mailing.smtp import SmtpSender, SmtpTimes
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User
from tests.apps.mail_server import QUICK, MailServer

MADE = datetime(2026, 4, 1, tzinfo=UTC)

pipelining = pytest.mark.parametrize("pipelines", [False, True])
"""Whether the commands come one by one, or all before the content in one breath."""


def mail(recipient: str = "anna@example.com", name: str = "Anna") -> Mail:
    user = User("1", recipient, name, MADE.isoformat())
    key = NoticeKey(user.key, MADE.isoformat())
    return Letterhead("it@example.com").write("0" * 32, recipient, user, key, MADE, MADE)


class HandOff:
    """Says yes, and whether it was asked."""

    def __init__(self, then: Callable[[], object] = lambda: None, *, says: bool = True) -> None:
        self.asked = 0
        self.by: list[str | None] = []
        self._then = then
        self._says = says

    async def __call__(self, by: str | None = None, /) -> bool:
        self.asked += 1
        self.by.append(by)
        self._then()
        for _ in range(100):  # What the server does meanwhile arrives.
            await asyncio.sleep(0)
        return self._says


async def send(server: MailServer, hand_off: HandOff, times: SmtpTimes = QUICK) -> SendResult:
    sender = SmtpSender(server.client(times))
    try:
        return await sender.send(mail(), hand_off)
    finally:
        await sender.close()
