"""Sending by Amazon SES: its API v2, a raw mail in each request, signed by ourselves.

SES knows no key by which it would tell a second request for the same mail. So what it leaves
unanswered once the mail has gone is unknown; and so is a 500, which it gives for whatever failed.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cronfleet.apps.mailing.aws_signature import AwsCredentials, AwsRequest, AwsScope, signed
from cronfleet.apps.mailing.posting import Heard, HttpTimes, Poster
from cronfleet.apps.mailing.sending import (
    Answer,
    Mail,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
)
from cronfleet.apps.mailing.web_answers import code, document, is_redirect, said, text
from cronfleet.apps.mailing.web_sender import WebSender

_SEND = "/v2/email/outbound-emails"
_ACCOUNT = "/v2/email/account"
_NOT_THE_MAILS_FAULT = {
    "AccountSuspendedException",
    "LimitExceededException",
    "MailFromDomainNotVerifiedException",
    "NotFoundException",
    "OptInRequired",
    "RequestExpired",
    "SendingPausedException",
}
_THE_MAILS_FAULT = {"BadRequestException", "MessageRejected", "ValidationException"}
_OF_A_DAY = "daily message quota"
_NOT_ALLOWED_TO_ASK = {"AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True, slots=True)
class Ses:
    """Where to send, and as whom. `endpoint` None is the region's own."""

    region: str
    credentials: AwsCredentials
    endpoint: str | None = None
    trust: ssl.SSLContext | None = None
    times: HttpTimes = field(default_factory=HttpTimes)
    connections: int = 4

    @property
    def url(self) -> str:
        return (self.endpoint or f"https://email.{self.region}.amazonaws.com").rstrip("/")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SesSender(WebSender):
    """See `Sender`."""

    name = "ses"

    def __init__(self, ses: Ses, now: Callable[[], datetime] = _utc_now) -> None:
        poster = Poster(ses.trust, ses.times, ses.connections)
        super().__init__(poster, ses.connections, ("AWS_REGION", "SES_ENDPOINT_URL"))
        self._ses = ses
        self._now = now
        token = ses.credentials.session_token
        self._secrets = [ses.credentials.secret_access_key, *([token] if token else [])]

    def describe(self) -> str:
        at = f" at {self._ses.endpoint}" if self._ses.endpoint else ""
        return f"Amazon SES in {self._ses.region}{at}"

    def _request(self, mail: Mail) -> tuple[str, dict[str, str], bytes]:
        body = _request(mail)
        return self._ses.url + _SEND, self._signed("POST", _SEND, body), body

    async def _look(self) -> None:
        heard = await self._asked(self._ses.url + _ACCOUNT, self._signed("GET", _ACCOUNT, b""))
        what = _code(heard)
        if heard.status in (401, 403) and what not in _NOT_ALLOWED_TO_ASK:
            raise SenderRefusedError(
                f"{self.describe()} refuses the credentials: {self._said(heard)}; correct "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION"
            )
        self._refuse_redirect(heard)
        if heard.status in (500, 502, 503, 504):
            raise self._away(self._said(heard))
        if heard.status == 200 and (why_not := _why_not(document(heard))):
            raise SenderUnavailableError(f"{self.describe()} takes no mails for now: {why_not}")

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"} if body else {}
        request = AwsRequest(method, self._ses.url + path, headers, body)
        scope = AwsScope(self._ses.region, "ses")
        return signed(request, self._ses.credentials, scope, self._now())

    def _result(self, heard: Heard, mail: Mail) -> SendResult:
        if heard.status == 200 and (id_ := text(document(heard).get("MessageId"))):
            return SendResult(Answer.ACCEPTED, self._said(heard, id_))
        return SendResult(_answer(heard, mail), self._said(heard, recipient=mail.recipient))

    def _said(self, heard: Heard, what: str = "", recipient: str = "") -> str:
        """The first line of the message: the others of a wrong signature repeat the request."""
        first = _message(heard).partition("\n")[0]
        told = what or ": ".join(filter(None, (_code(heard), first)))
        return said(heard, told, self._secrets, recipient)


def _request(mail: Mail) -> bytes:
    return json.dumps(
        {
            "FromEmailAddress": mail.sender,
            "Destination": {"ToAddresses": [mail.recipient]},
            "Content": {"Raw": {"Data": base64.b64encode(mail.content).decode("ascii")}},
        }
    ).encode()


def _answer(heard: Heard, mail: Mail) -> Answer:
    """What another answer than an id means, after the mail has gone."""
    what, message = _code(heard), _message(heard).lower()
    if heard.status in (401, 403, 404, 405) or is_redirect(heard):
        return Answer.NOBODY
    if heard.status == 413:
        return Answer.REFUSED
    if heard.status // 100 != 4 and heard.status != 503:
        return Answer.UNKNOWN
    if _OF_A_DAY in message or what in _NOT_THE_MAILS_FAULT or _is_about_us(message, mail):
        return Answer.NOBODY
    is_final = heard.status == 400 and what in _THE_MAILS_FAULT
    return Answer.REFUSED if is_final else Answer.LATER  # Most of all what came too fast.


def _is_about_us(message: str, mail: Mail) -> bool:
    """In a new account each recipient must be verified, too: then it is that one who is named."""
    return "not verified" in message and mail.recipient.lower() not in message


def _why_not(account: dict[str, object]) -> str | None:
    """Why the account may not send, if it says so."""
    if account.get("SendingEnabled") is False:
        return "the account's sending is paused"
    if account.get("EnforcementStatus") == "SHUTDOWN":
        return "the account's sending is shut down"
    match account.get("SendQuota"):
        case {"Max24HourSend": int() | float() as most, "SentLast24Hours": int() | float() as sent}:
            return "its quota of a day is used up" if 0 <= most <= sent else None
        case _:
            return None


def _code(heard: Heard) -> str:
    found = document(heard)
    given = heard.headers.get("x-amzn-errortype") or found.get("__type") or found.get("code")
    return code(given)


def _message(heard: Heard) -> str:
    found = document(heard)
    return text(found.get("message")) or text(found.get("Message"))
