"""Sending by SendGrid: its API v3, which takes no mail as it is, but the parts of one.

They are taken from the mail that was written. SendGrid knows no key by which it would tell a second
request for the same mail: what it leaves unanswered once the mail has gone is unknown.
"""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from cronfleet.apps.mailing.posting import Heard, HttpTimes, Poster
from cronfleet.apps.mailing.sending import (
    Answer,
    Mail,
    SenderRefusedError,
    SendResult,
)
from cronfleet.apps.mailing.web_answers import document, is_redirect, is_unsure, said, text
from cronfleet.apps.mailing.web_sender import WebSender

_SEND = "/v3/mail/send"
_SCOPES = "/v3/scopes"
_MAY_SEND = "mail.send"
_ANSWERS = {
    202: Answer.ACCEPTED,
    400: Answer.REFUSED,
    401: Answer.NOBODY,
    403: Answer.NOBODY,
    404: Answer.NOBODY,
    405: Answer.NOBODY,
    413: Answer.REFUSED,
    429: Answer.LATER,
}
# It writes these itself, from what it is given; to name one is refused, or makes it stand twice.
_ITS_OWN = {
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "date",
    "dkim-signature",
    "from",
    "mime-version",
    "received",
    "reply-to",
    "subject",
    "to",
    "x-sg-eid",
    "x-sg-id",
}
# A link that leads elsewhere first, and a picture that tells on its reader: not in these mails.
_NO_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
}


@dataclass(frozen=True, slots=True)
class SendGrid:
    """Where to send, and as whom."""

    api_key: str = field(repr=False)
    url: str = "https://api.sendgrid.com"
    trust: ssl.SSLContext | None = None
    times: HttpTimes = field(default_factory=HttpTimes)
    connections: int = 4


class SendGridSender(WebSender):
    """See `Sender`."""

    name = "sendgrid"

    def __init__(self, sendgrid: SendGrid) -> None:
        poster = Poster(sendgrid.trust, sendgrid.times, sendgrid.connections)
        super().__init__(poster, sendgrid.connections, ("SENDGRID_URL",))
        self._sendgrid = sendgrid
        self._url = sendgrid.url.rstrip("/")

    def describe(self) -> str:
        return f"SendGrid at {self._url.partition('://')[2]}"

    def _request(self, mail: Mail) -> tuple[str, dict[str, str], bytes]:
        headers = {**self._login(), "Content-Type": "application/json"}
        return self._url + _SEND, headers, json.dumps(parts_of(mail)).encode()

    async def _look(self) -> None:
        heard = await self._asked(self._url + _SCOPES, self._login())
        if heard.status in (401, 403):
            raise SenderRefusedError(
                f"{self.describe()} refuses the key: {self._said(heard)}; correct SENDGRID_API_KEY"
            )
        self._refuse_redirect(heard)
        if heard.status // 100 == 5:
            raise self._away(self._said(heard))
        scopes = document(heard).get("scopes")
        if isinstance(scopes, list) and _MAY_SEND not in scopes:
            raise SenderRefusedError(
                f"{self.describe()}: the key of SENDGRID_API_KEY may not send mails; "
                f"give it {_MAY_SEND}"
            )

    def _result(self, heard: Heard, mail: Mail) -> SendResult:
        return SendResult(_answer(heard), self._said(heard, mail.recipient))

    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._sendgrid.api_key}"}

    def _said(self, heard: Heard, recipient: str = "") -> str:
        if heard.status == 202:
            return said(heard, heard.headers.get("x-message-id", ""), [])
        return said(heard, _complaint(heard), [self._sendgrid.api_key], recipient)


def parts_of(mail: Mail) -> dict[str, Any]:
    """The request for a mail, as SendGrid documents it."""
    message = message_from_bytes(mail.content, policy=SMTP)
    request: dict[str, Any] = {
        "personalizations": [{"to": [{"email": mail.recipient}]}],
        "from": _person(_addresses(message, "From")[0]),
        "subject": str(message["Subject"]),
        "content": _contents(message),
        "headers": {
            name: str(value) for name, value in message.items() if name.lower() not in _ITS_OWN
        },
        "tracking_settings": _NO_TRACKING,
    }
    if answers_to := _addresses(message, "Reply-To"):
        request["reply_to"] = _person(answers_to[0])
    if attachments := [_attachment(part) for part in message.iter_attachments()]:
        request["attachments"] = attachments
    return request


def _addresses(message: EmailMessage, name: str) -> tuple[Address, ...]:
    header = message[name]
    return header.addresses if isinstance(header, AddressHeader) else ()


def _person(address: Address) -> dict[str, str]:
    person = {"email": address.addr_spec}
    return person | {"name": address.display_name} if address.display_name else person


def _contents(message: EmailMessage) -> list[dict[str, str]]:
    """Text before HTML, as is asked for."""
    bodies = (message.get_body((kind,)) for kind in ("plain", "html"))
    return [
        {"type": body.get_content_type(), "value": body.get_content()} for body in bodies if body
    ]


def _attachment(part: EmailMessage) -> dict[str, str]:
    content = part.get_payload(decode=True)
    return {
        "content": base64.b64encode(content if isinstance(content, bytes) else b"").decode("ascii"),
        "type": part.get_content_type(),
        "filename": part.get_filename() or "attachment",
        "disposition": "attachment",
    }


def _answer(heard: Heard) -> Answer:
    if heard.status in _ANSWERS:
        return _ANSWERS[heard.status]
    if is_redirect(heard):
        return Answer.NOBODY
    if heard.status // 100 == 2 or is_unsure(heard):
        return Answer.UNKNOWN
    return Answer.LATER


def _complaint(heard: Heard) -> str:
    """What it says of the first thing that is wrong, and where that stands."""
    match document(heard).get("errors"):
        case [{"message": message, **others}, *_]:
            where = text(others.get("field"))
            return f"{text(message)} ({where})" if where else text(message)
        case _:
            return ""
