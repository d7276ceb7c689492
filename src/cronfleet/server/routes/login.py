"""Where a person logs in, and out again."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cronfleet.server.access.access import LOGIN
from cronfleet.server.access.callers import Asker, Callers
from cronfleet.server.access.credentials import Credential
from cronfleet.server.access.limits import Limit
from cronfleet.server.access.needs import Viewer
from cronfleet.server.access.proxies import counted_as
from cronfleet.server.access.sessions import LIFETIME_S
from cronfleet.server.pages.rendering import Renderer

_MOST_LOGINS = 5
_OVER_S = 60
_WRONG = "That is not right: look at what you wrote. A token may have expired, or been revoked."

log: logging.Logger = logging.getLogger(__name__)


def login_routes(callers: Callers, renderer: Renderer, *, is_encrypted: bool) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    logins = _Logins(callers)

    def form(status: int, then: str, wrong: str = "") -> HTMLResponse:
        values = {"next": then, "wrong": wrong}
        return HTMLResponse(renderer.render("login.html", values, datetime.now(UTC)), status)

    def _end(request: Request) -> None:
        asker: Asker | None = request.scope["asker"]
        if asker is not None and asker.session is not None:
            callers.end(asker.session)

    @router.get(LOGIN)
    async def ask(next: str = "/") -> HTMLResponse:  # noqa: A002 - the name in the address
        return form(200, _own_path(next))

    @router.post(LOGIN)
    async def log_in(request: Request) -> Response:
        said = _said(await request.body())
        then = _own_path(said.get("next", ""))
        credential = await logins.shown(said, _address(request))
        if credential is None:
            return form(401, then, _WRONG)
        _end(request)
        answer = RedirectResponse(then, 303)
        _set_cookie(answer, callers.cookie, callers.begin(credential), is_encrypted=is_encrypted)
        return answer

    @router.post("/logout")
    async def log_out(request: Request, _: Viewer) -> Response:
        _end(request)
        answer = RedirectResponse(LOGIN, 303)
        _set_cookie(answer, callers.cookie, "", is_encrypted=is_encrypted)
        return answer

    return router


class _Logins:
    """Compares what is shown with what is kept, not too often."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._of_address = Limit("logins", _MOST_LOGINS, _OVER_S)
        self._of_account = Limit("logins", _MOST_LOGINS, _OVER_S)
        self._one_at_a_time = asyncio.Lock()  # A password takes 32 MiB to compare.

    async def shown(self, said: dict[str, str], address: str) -> Credential | None:
        """Raises TooManyRequestsError, ConfigurationError."""
        self._of_address.take(address)
        token, name = said.get("token", "").strip(), said.get("name", "").strip()
        if token:
            found = self._callers.by_token(token)
        else:
            self._of_account.take(name)
            async with self._one_at_a_time:
                password = said.get("password", "")
                found = await asyncio.to_thread(self._callers.by_password, name, password)
        # Not the name that was tried: people write passwords into the wrong field.
        outcome = f"{found.name} logged in" if found else "a login failed"
        log.log(logging.INFO if found else logging.WARNING, "%s, from %s", outcome, address)
        return found


def _said(body: bytes) -> dict[str, str]:
    fields = parse_qs(body.decode(errors="replace"))
    return {name: values[0] for name, values in fields.items()}


def _own_path(wanted: str) -> str:
    """A path of this server; whoever made the link to the login leads nobody elsewhere."""
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_own and wanted.isprintable() else "/"


def _address(request: Request) -> str:
    return counted_as(request.client.host) if request.client else "-"


def _set_cookie(answer: Response, name: str, value: str, *, is_encrypted: bool) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=LIFETIME_S if value else 0,
        path="/",
        secure=is_encrypted,
        httponly=True,
        samesite="strict",
    )
