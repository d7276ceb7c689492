"""Who asks: by a token, by a login's cookie, or from this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from cronfleet.server.access.access import Access, is_loopback
from cronfleet.server.access.credentials import (
    Credential,
    Credentials,
    Kind,
    no_credentials,
)
from cronfleet.server.access.hashing import NOBODYS_PASSWORD, is_password, is_same, token_hash
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import THIS_MACHINE, Caller
from cronfleet.server.access.sessions import Session, csrf_token, new_session, signed, verified

_NONE = no_credentials()
_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""What a proxy adds: whoever asks through one that nobody told us of may be anywhere."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A caller, and how they have shown who they are."""

    caller: Caller
    by_token: bool = False
    """In a header, which no browser adds by itself."""
    csrf: str = ""
    """What an order by this login must carry; empty for those who have no login."""
    session: Session | None = None


class Callers:
    """Whom a server knows."""

    def __init__(
        self,
        credentials: CredentialsFile | None,
        cookie: str,
        *,
        trusts_this_machine: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`cookie` is the name of a login's; `trusts_this_machine` while there are no credentials."""
        self.cookie = cookie
        self._credentials = credentials
        self._trusts_this_machine = trusts_this_machine
        self._clock = clock
        self._ended: dict[str, int] = {}

    def of(self, headers: Headers) -> Asker | None:
        """None for one who has not shown who they are. Raises ConfigurationError."""
        if self._found() is None:
            is_near = self._trusts_this_machine and _FORWARDED.isdisjoint(headers)
            return Asker(THIS_MACHINE) if is_near else None
        if "authorization" in headers:
            return self._by_header(headers["authorization"])
        cookies = cookie_parser("; ".join(headers.getlist("cookie")))
        return self._by_cookie(cookies.get(self.cookie, ""))

    def by_token(self, token: str) -> Credential | None:
        """Whose token that is, while it is valid. Raises ConfigurationError."""
        hashed = token_hash(token)
        found = None
        for each in self._valid():  # All of them: how long it takes tells nothing.
            if each.kind is Kind.TOKEN and is_same(each.hash, hashed):
                found = each
        return found

    def by_password(self, name: str, password: str) -> Credential | None:
        """As `by_token`, by an account's; as slow for a name that is none."""
        accounts = [each for each in self._valid() if each.kind is Kind.PASSWORD]
        named = next((each for each in accounts if each.name == name), None)
        is_right = is_password(password, named.hash if named else NOBODYS_PASSWORD)
        return named if is_right else None

    def begin(self, credential: Credential) -> str:
        """The cookie of a new session."""
        session = new_session(credential.mark, self._clock())
        return signed(session, self._known().session_key)

    def end(self, session: Session) -> None:
        """Accept that session here no more."""
        now = self._clock()
        self._ended = {id_: until for id_, until in self._ended.items() if until > now}
        self._ended[session.id] = session.expires_s

    def _by_header(self, value: str) -> Asker | None:
        scheme, _, token = value.partition(" ")
        found = self.by_token(token.strip()) if scheme.lower() == "bearer" else None
        return Asker(found.caller, by_token=True) if found else None

    def _by_cookie(self, cookie: str) -> Asker | None:
        key = self._known().session_key
        session = verified(cookie, key, self._clock())
        if session is None or session.id in self._ended:
            return None
        marked = (each for each in self._valid() if is_same(each.mark, session.mark))
        found = next(marked, None)
        return (
            Asker(found.caller, csrf=csrf_token(session, key), session=session) if found else None
        )

    def _valid(self) -> list[Credential]:
        return self._known().valid(datetime.fromtimestamp(self._clock(), UTC))

    def _known(self) -> Credentials:
        return self._found() or _NONE

    def _found(self) -> Credentials | None:
        return self._credentials.current() if self._credentials else None


def callers_of(access: Access, *, host: str, port: int) -> Callers:
    """Those of a server that listens there.

    Cookies do not keep ports apart, so that the port is in the name where there may be several
    servers; `__Host-` is for a browser that is sure to have come by TLS.
    """
    cookie = "__Host-cronfleet" if access.is_encrypted else f"cronfleet-{port}"
    trusts_this_machine = is_loopback(host) and access.proxies is None
    return Callers(access.credentials, cookie, trusts_this_machine=trusts_this_machine)
