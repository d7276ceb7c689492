"""Mails of users to somebody else, to see what they would get. No notice is made or changed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.policy import SMTP

from cronfleet.apps.mailing.addresses import BadAddressError, readable_name, recipient_address
from cronfleet.apps.mailing.sending import Answer, Mail, Sender, always
from cronfleet.apps.password_expiry.foreseeing import Chosen
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.users.policy import ExpiryRule
from cronfleet.errors import ConfigurationError, CronfleetError

_LONGEST_ID = 60


class NotTakenError(CronfleetError):
    """The sender did not take a mail."""


class Trial:
    """Sends to one address, which need not be a user's."""

    def __init__(self, sender: Sender, letterhead: Letterhead, rule: ExpiryRule) -> None:
        self._sender = sender
        self._letterhead = letterhead
        self._rule = rule

    async def send(self, to: str, chosen: Iterable[Chosen], now: datetime) -> int:
        """How many were sent. Raises `NotTakenError` and `ConfigurationError`."""
        try:
            address = recipient_address(to, reaches_people=self._sender.reaches_people)
        except BadAddressError as error:
            raise ConfigurationError(f"--to: {error}") from None
        sent = 0
        try:
            for each in chosen:
                await self._send(self._mail(address, each, now))
                sent += 1
        finally:
            await self._sender.close()
        return sent

    def _mail(self, address: str, chosen: Chosen, now: datetime) -> Mail:
        user, key = chosen.user, chosen.key
        expiry = self._rule.expiry(key, user)
        mail = self._letterhead.write(secrets.token_hex(16), address, user, key, expiry, now)
        return marked(mail, user.key)

    async def _send(self, mail: Mail) -> None:
        await self._sender.ready()
        result = await self._sender.send(mail, always)
        if result.answer is not Answer.ACCEPTED:
            raise NotTakenError(f"{self._sender.describe()} did not take the mail: {result.said}")


def marked(mail: Mail, user: str) -> Mail:
    """The mail with a note in its subject of whose it would be."""
    message = message_from_bytes(mail.content, policy=SMTP)
    subject = str(message["Subject"])
    message.replace_header("Subject", f"[for user {readable_name(user)[:_LONGEST_ID]}] {subject}")
    return replace(mail, content=bytes(message))
