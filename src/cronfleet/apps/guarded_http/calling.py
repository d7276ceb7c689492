"""One request, redirects included, to addresses that were looked at."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TypeAlias

import httpx

from cronfleet.apps.guarded_http.allowing import Allowed
from cronfleet.errors import CronfleetError

MOST_REDIRECTS = 5
MOST_READ = 64 * 1024
"""Bytes of an answer's body: what comes after them is not even read."""

_TIMEOUT = httpx.Timeout(None, connect=10)  # The job's time limit ends all the rest.
_PORTS = {"http": 80, "https": 443}
_SEE_OTHER = (301, 302, 303)
_SAME_AGAIN = (307, 308)

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses behind a host's name."""


class HttpError(CronfleetError):
    """A request that had no success; the message says whether it may have taken effect."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of whom."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    body: str
    location: str | None


async def resolve(host: str, port: int) -> Sequence[str]:
    """By the system's resolver. Raises HttpError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HttpError(f"the host {host} has no address: {error}; nothing was sent") from None
    return [str(address[0]) for *_, address in found]


@cache
def _tls() -> ssl.SSLContext:
    """With the certificates that the system trusts, or those that SSL_CERT_FILE names."""
    return ssl.create_default_context()


class Caller:
    """Makes requests to where they are allowed.

    The name is resolved once, and the connection goes to the very address that was looked at;
    certificates are checked for the name. No proxy is asked, whatever the environment says.
    """

    def __init__(self, allowed: Allowed, resolve: Resolve = resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve

    async def call(self, ask: Ask, expected: Callable[[int], bool]) -> Answer:
        """The answer; redirects are followed to allowed hosts, unless they are what is expected.

        Raises HttpError.
        """
        answer = await self._asked(ask)
        for _ in range(MOST_REDIRECTS):
            if expected(answer.status) or answer.location is None:
                return answer
            ask = self._redirected(ask, answer.status, answer.location)
            try:
                answer = await self._asked(ask)
            except HttpError as error:
                raise HttpError(f"it answered {answer.status}, a redirect; then: {error}") from None
        raise HttpError(f"it was redirected more than {MOST_REDIRECTS} times")

    async def _asked(self, ask: Ask) -> Answer:
        host = ask.url.raw_host.decode("ascii")
        addresses = await self._addresses(host, ask.url.port or _PORTS[ask.url.scheme])
        # Without httpx's client around it, which would tell the whole URL to the log.
        async with httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False) as transport:
            for address in addresses[:-1]:
                try:
                    return await _sent(transport, ask, host, address)
                except _NotConnectedError:
                    continue  # Nothing was sent, so the next address may be asked.
            return await _sent(transport, ask, host, addresses[-1])

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Those of a host. One that is not allowed among them spoils them all."""
        addresses = list(dict.fromkeys(await self._resolve(host, port)))
        for address in addresses:
            if not self._allowed.address(address):
                raise HttpError(
                    f"the host {host} has the address {address}, which is not of the public "
                    f"Internet: name its network in {self._allowed.networks_named_in} if it is "
                    "meant; nothing was sent"
                )
        if not addresses:
            raise HttpError(f"the host {host} has no address; nothing was sent")
        return addresses

    def _redirected(self, ask: Ask, status: int, location: str) -> Ask:
        try:
            url = ask.url.join(location)
        except httpx.InvalidURL:
            raise HttpError(f"it answered {status}, a redirect to no URL") from None
        if url.scheme not in _PORTS or (ask.url.scheme, url.scheme) == ("https", "http"):
            raise HttpError(f"it answered {status}, a redirect to {url.scheme}: not followed")
        host = url.raw_host.decode("ascii")
        if url.userinfo or not self._allowed.host(host):
            raise HttpError(f"it answered {status}, a redirect to {host!r}, which is not allowed")
        same_place = (url.scheme, url.raw_host, url.port) == (
            ask.url.scheme,
            ask.url.raw_host,
            ask.url.port,
        )
        # What was said to one host, a password perhaps, is not for another.
        headers = ask.headers if same_place else _without_own(ask.headers)
        if status in _SEE_OTHER and ask.method not in ("GET", "HEAD"):
            return Ask("GET", url, headers, b"")
        return Ask(ask.method, url, headers, ask.body)


class _NotConnectedError(HttpError):
    """No connection to one address."""


async def _sent(transport: httpx.AsyncBaseTransport, ask: Ask, host: str, address: str) -> Answer:
    try:
        response = await transport.handle_async_request(_request(ask, host, address))
        try:
            return await _answer(response)
        finally:
            await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        said = str(error) or "no answer"
        raise _NotConnectedError(
            f"no connection to {host} ({address}): {said}; nothing was sent"
        ) from None
    except httpx.HTTPError as error:
        said = str(error) or type(error).__name__
        raise HttpError(
            f"{host} gave no whole answer: {said}; whether it took effect is not known"
        ) from None


def _request(ask: Ask, host: str, address: str) -> httpx.Request:
    """To the address; all that the host hears of it is its own name."""
    port = f":{ask.url.port}" if ask.url.port else ""
    named = f"[{host}]{port}" if ":" in host else f"{host}{port}"
    return httpx.Request(
        ask.method,
        ask.url.copy_with(host=address),
        headers={**ask.headers, **_PLAIN, "Host": named},
        content=ask.body or None,
        extensions={"sni_hostname": host, "timeout": _TIMEOUT.as_dict()},
    )


async def _answer(response: httpx.Response) -> Answer:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= MOST_READ:
            break
    is_redirect = response.status_code in (*_SEE_OTHER, *_SAME_AGAIN)
    return Answer(
        status=response.status_code,
        reason=response.reason_phrase,
        body=body[:MOST_READ].decode("utf-8", "replace"),
        location=response.headers.get("location") if is_redirect else None,
    )


_PLAIN = {"Accept-Encoding": "identity", "User-Agent": f"cronfleet/{version('cronfleet')}"}
_FOR_ALL = ("idempotency-key", "content-type")


def _without_own(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _FOR_ALL}
