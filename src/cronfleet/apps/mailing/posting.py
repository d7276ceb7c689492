"""A mail that leaves in one HTTP request: the hand-off stands between its headers and its body.

Until a byte of the body has gone nobody can have accepted the mail; after that, silence is unknown.
The client of `apps.guarded_http` is for addresses that strangers may have written: it asks no
private network, follows redirects, and makes a connection for each request. Here the operator has
named the host, which may be a private one, and no redirect is followed: it would be a second body.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

import httpx

from cronfleet.apps.mailing.sending import HandOff, SenderUnavailableError

_MOST_READ = 64 * 1024
# A connection that was idle for longer may have been closed by the other side, without a word yet.
_KEPT_S = 2
_PLAIN = {"Accept-Encoding": "identity", "User-Agent": f"cronfleet/{version('cronfleet')}"}


@dataclass(frozen=True, slots=True)
class HttpTimes:
    """How many seconds to wait: for a connection, for each write, and for the answer to a body."""

    connect_s: float = 10
    write_s: float = 30
    answer_s: float = 300  # A hand-off holds for longer than that.


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotSentError(Exception):
    """Nothing of the body has gone; `is_away`: there was not even a connection."""

    def __init__(self, why: str, *, is_away: bool = False) -> None:
        self.is_away = is_away
        super().__init__(why)


class NotWantedError(Exception):
    """The hand-off said no, and nothing of the body has gone."""


class NoAnswerError(Exception):
    """The body has gone, or some of it, and there was no whole answer."""


class Poster:
    """Requests to one service, on connections that are kept from mail to mail."""

    def __init__(self, trust: ssl.SSLContext | None, times: HttpTimes, connections: int) -> None:
        self._trust = trust or ssl.create_default_context()
        self._times = times
        self._limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=connections, keepalive_expiry=_KEPT_S
        )
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def get(self, url: str, headers: Mapping[str, str]) -> Heard:
        """Raises `NotSentError`: a question that has no answer has changed nothing."""
        request = self._request("GET", url, headers, None)
        try:
            async with asyncio.timeout(self._times.connect_s + self._times.write_s):
                return await self._heard(request)
        except (httpx.HTTPError, TimeoutError) as error:
            raise NotSentError(_why(error), is_away=True) from None

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, hand_off: HandOff
    ) -> Heard:
        """Raises `NotSentError`, `NotWantedError` and `NoAnswerError`, or what the hand-off does."""
        has_gone = False
        try:
            # Without an end until the body goes: how long a commit takes is not for us to say.
            async with asyncio.timeout(None) as end:

                async def content() -> AsyncIterator[bytes]:
                    nonlocal has_gone
                    if not await hand_off():
                        raise NotWantedError
                    has_gone = True
                    end.reschedule(asyncio.get_running_loop().time() + self._times.answer_s)
                    yield body

                sized = {**headers, "Content-Length": str(len(body))}
                return await self._heard(self._request("POST", url, sized, content()))
        except (httpx.HTTPError, TimeoutError) as error:
            if has_gone:
                raise NoAnswerError(_why(error)) from None
            is_away = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise NotSentError(_why(error), is_away=is_away) from None

    async def close(self) -> None:
        """Give up the connections; the next request makes others."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | None,
    ) -> httpx.Request:
        timeout = httpx.Timeout(
            connect=self._times.connect_s,
            write=self._times.write_s,
            read=self._times.answer_s,
            pool=self._times.connect_s,
        )
        return httpx.Request(
            method,
            url,
            headers={**headers, **_PLAIN},
            content=content,
            extensions={"timeout": timeout.as_dict()},
        )

    async def _heard(self, request: httpx.Request) -> Heard:
        # Without httpx's client around it: that would log each request, and ask proxies.
        if self._transport is None:
            self._transport = httpx.AsyncHTTPTransport(verify=self._trust, limits=self._limits)
        response = await self._transport.handle_async_request(request)
        try:
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MOST_READ:
                    break
            return Heard(response.status_code, response.headers, body)
        finally:
            await response.aclose()


class FirstLook:
    """A look that is taken once, whoever asks first; what it found holds until `forget`.

    To ask again for each mail with credentials that are refused would only get them locked.
    """

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._looking = asyncio.Lock()
        self._is_done = False
        self._trouble: SenderUnavailableError | None = None

    async def take(self) -> None:
        """Raises `SenderUnavailableError`."""
        async with self._looking:
            if self._trouble is not None:
                raise self._trouble
            if self._is_done:
                return
            try:
                await self._look()
            except SenderUnavailableError as error:
                self._trouble = error
                raise
            self._is_done = True

    def forget(self) -> None:
        self._is_done, self._trouble = False, None


def _why(error: Exception) -> str:
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return "no answer"
        case _:
            return " ".join(str(error).split()) or type(error).__name__
