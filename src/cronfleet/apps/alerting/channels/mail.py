"""Alerts by mail, to a few people."""

from __future__ import annotations

from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from cronfleet.apps.alerting.channels import NotToldError
from cronfleet.apps.alerting.message import Message
from cronfleet.apps.mailing.addresses import readable_name
from cronfleet.apps.mailing.sending import (
    MAY_HAVE_ARRIVED,
    Answer,
    Mail,
    Sender,
    SenderUnavailableError,
    always,
)
from cronfleet.apps.mailing.smtp import SmtpTimes


class MailChannel:
    """A mail to each of the recipients; one who gets it is enough."""

    name = "mail"

    def __init__(self, sender: Sender, from_address: str, recipients: Sequence[str]) -> None:
        self._sender = sender
        self._from = from_address
        self._recipients = recipients

    def describe(self) -> str:
        return f"mail to {', '.join(self._recipients)} by {self._sender.describe()}"

    async def send(self, message: Message) -> None:
        """Raises NotToldError."""
        try:
            answers = [await self._sent(message, each) for each in self._recipients]
        except SenderUnavailableError as error:
            raise NotToldError(str(error)) from None
        finally:
            await self._sender.close()
        refused = [said for answer, said in answers if answer not in MAY_HAVE_ARRIVED]
        if len(refused) == len(answers):
            raise NotToldError(f"{self._sender.describe()} took no alert: {'; '.join(refused)}")

    async def _sent(self, message: Message, recipient: str) -> tuple[Answer, str]:
        result = await self._sender.send(self._mail(message, recipient), always)
        return result.answer, result.said

    def _mail(self, message: Message, recipient: str) -> Mail:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = Address(addr_spec=self._from)
        mail["To"] = Address(addr_spec=recipient)
        mail["Subject"] = readable_name(message.subject)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.id}@{self._from.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text, cte="quoted-printable")
        return Mail(message.id, self._from, recipient, bytes(mail))


def alert_times() -> SmtpTimes:
    """Shorter than for the notices: the job that tells has a minute."""
    return SmtpTimes(connect_s=10, login_s=10, command_s=10, after_dot_s=20)
