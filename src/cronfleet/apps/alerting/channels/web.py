"""Alerts as requests: to a webhook, signed, and to what takes messages in the shape of Slack's."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence

import httpx

from cronfleet.apps.alerting.channels import NotToldError
from cronfleet.apps.alerting.message import Message
from cronfleet.apps.guarded_http.allowing import Allowed, Network
from cronfleet.apps.guarded_http.calling import Ask, Caller, HttpError

TIMEOUT_S = 5
SIGNATURE = "Cronfleet-Signature"
_SLACK_LONGEST = 3_000
_CUT = "\nThere is more, which is too long for a message: see the page, or cronfleet jobs"


class WebChannel:
    """One request a message, to an address that was looked at; no redirect is followed."""

    def __init__(
        self,
        name: str,
        url: str,
        written: Callable[[Message], str],
        *,
        secret: str = "",
        networks: Sequence[Network] = (),
    ) -> None:
        self._name = name
        self._url = httpx.URL(url)
        self._written = written
        self._secret = secret
        host = self._url.raw_host.decode("ascii")
        self._caller = Caller(Allowed([host], networks, "ALERT_ALLOW_NETWORKS"))

    @property
    def name(self) -> str:
        return self._name

    def describe(self) -> str:
        """Without the path, which is a password where Slack is asked."""
        return f"{self._name} at {self._url.host}"

    async def send(self, message: Message) -> None:
        """Raises NotToldError."""
        body = self._written(message).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        ask = Ask("POST", self._url, headers | self._signed(body), body)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._caller.call(ask, _whatever)
        except TimeoutError:
            raise NotToldError(f"{self.describe()}: no answer within {TIMEOUT_S} s") from None
        except HttpError as error:
            raise NotToldError(f"{self.describe()}: {error}") from None
        if answer.status not in range(200, 300):
            raise NotToldError(f"{self.describe()}: it answered {answer.status}")

    def _signed(self, body: bytes) -> dict[str, str]:
        if not self._secret:
            return {}
        return {SIGNATURE: signature(self._secret, int(time.time()), body)}


def signature(secret: str, at_s: int, body: bytes) -> str:
    """As in "t=1700000000,v1=..." with the HMAC-SHA256 of "1700000000." and the body.

    The time is in it, so that a message that was listened in on is of no use later.
    """
    signed = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={signed.hexdigest()}"


def for_slack(message: Message) -> str:
    """The message as Slack, Mattermost and others take it."""
    text = f"*{_escaped(message.subject)}*\n{_escaped(message.text)}"
    if len(text) > _SLACK_LONGEST:
        text = text[:_SLACK_LONGEST].rpartition("\n")[0] + _CUT
    return json.dumps({"text": text})


def for_programs(message: Message) -> str:
    return message.document


def _escaped(text: str) -> str:
    """As Slack asks for; so no name in it calls the whole channel, or becomes a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _whatever(_status: int) -> bool:
    """Any answer will do, a redirect too: it is not followed."""
    return True
