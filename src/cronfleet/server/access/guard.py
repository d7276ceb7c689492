"""What every request must pass, whatever is behind: deny by default.

A route that is not on the list of open ones in `access.py` is asked only by a caller who is known,
whether it says what it needs or not; and what changes something is never sent by another site.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cronfleet.errors import ConfigurationError
from cronfleet.server.access.access import LOGIN, Access, is_loopback
from cronfleet.server.access.bodies import read_body, replayed
from cronfleet.server.access.callers import Asker, Callers
from cronfleet.server.access.csrf import check_origin, check_token
from cronfleet.server.access.limits import Limit
from cronfleet.server.access.proxies import is_from, seen_through
from cronfleet.server.access.refusals import (
    UnknownCallerError,
    UnknownHostError,
    UnknownMethodError,
    UnreadableCredentialsError,
    refusal,
)
from cronfleet.server.problems import ForbiddenError, RefusedError
from cronfleet.server.security import headers_for, hosts_served, is_address

_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_LOOKING = ("GET", "HEAD")
_MOST_REQUESTS = 1_000
_OVER_S = 2


class Guard:
    """Lets through who may ask, tells the routes who it is, and marks every answer."""

    def __init__(
        self, app: ASGIApp, access: Access, callers: Callers, *, host: str, port: int
    ) -> None:
        self.app = app
        self._access = access
        self._callers = callers
        self._hosts = hosts_served(host, port, access.allowed_hosts)
        self._takes_addresses = not is_loopback(host) or access.proxies is not None
        self._limit = Limit("requests", _MOST_REQUESTS, _OVER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        is_head = scope["method"] == "HEAD"

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(headers_for(headers.get("Content-Security-Policy")))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        app = self.app
        try:
            scope = self._seen(scope)
            asker = self._admit(scope)
            receive = await self._body(scope, receive, asker)
            scope["asker"] = asker
            scope["caller"] = asker.caller if asker else None
            scope["csrf"] = asker.csrf if asker else ""
        except RefusedError as error:
            app = refusal(scope, error)
        # Routes know GET alone; its answer without the body is the answer to HEAD.
        seen = {**scope, "method": "GET", "is_head": True} if is_head else scope
        await app(seen, receive, send_marked)

    def _seen(self, scope: Scope) -> Scope:
        """The request as it was sent, before a proxy passed it on."""
        scope = {**scope, "scheme": "https" if self._access.certificate else "http"}
        proxies = self._access.proxies
        if proxies is None:
            return scope
        if is_from(scope, proxies):
            return seen_through(scope, proxies)
        if self._access.is_probe(scope["path"]):
            return scope
        raise ForbiddenError(
            "this server is asked through its proxy only: write the address that the proxy asks "
            "from into TRUSTED_PROXIES"
        )

    def _admit(self, scope: Scope) -> Asker | None:
        """Who asks; None where that need not be known."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in _METHODS:
            raise UnknownMethodError(_METHODS)
        asker = self._asker(scope["path"], headers)
        if asker is not None:
            self._limit.take(asker.caller.name)
        elif not self._access.is_open(scope["path"]):
            raise UnknownCallerError(
                "this needs credentials: log in at /login, or send a token as the header "
                "Authorization: Bearer TOKEN; `cronfleet token new` makes one"
            )
        return asker

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) == 1 and hosts[0].lower() in self._hosts:
            return
        if len(hosts) == 1 and self._takes_addresses and is_address(hosts[0]):
            return
        served = ", ".join(sorted(self._hosts))
        raise UnknownHostError(f"this server answers to {served} only; ALLOWED_HOSTS adds to them")

    def _asker(self, path: str, headers: Headers) -> Asker | None:
        try:
            return self._callers.of(headers)
        except ConfigurationError:
            if self._access.is_probe(path):
                return None  # It works on, and is not to be killed for a file of the server's.
            raise UnreadableCredentialsError(
                "the credentials cannot be read, and nobody is let in until they can: on the "
                "server's machine `cronfleet token list` says why"
            ) from None

    async def _body(self, scope: Scope, receive: Receive, asker: Asker | None) -> Receive:
        """An order, which must be meant: its body, read and to be read again."""
        if scope["method"] in _LOOKING:
            return receive
        headers = Headers(scope=scope)
        is_by_token = asker is not None and asker.by_token
        if not is_by_token:
            check_origin(headers, f"{scope['scheme']}://{headers['host']}".lower())
        body = await read_body(headers, receive)
        is_order = scope["path"] != LOGIN  # Whoever logs in once more has no form of that login.
        if is_order and asker is not None and asker.session is not None:
            check_token(headers, body, asker.csrf)
        return replayed(body, receive)
