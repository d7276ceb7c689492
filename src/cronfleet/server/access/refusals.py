"""Requests that get no further than the guard."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Scope

from cronfleet.server.problems import RefusedError, problem_of

API = "/api/"


class UnknownCallerError(RefusedError):
    """Who asks has not shown who they are."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str) -> None:
        super().__init__(detail, {"WWW-Authenticate": "Bearer"})


class UnreadableCredentialsError(RefusedError):
    """It cannot be told who may ask."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnknownHostError(RefusedError):
    """The request is for a server of another name."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class UnknownMethodError(RefusedError):
    """Nothing here is asked in that way."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, methods: tuple[str, ...]) -> None:
        allowed = ", ".join(methods)
        super().__init__(f"only {allowed} are served here", {"Allow": allowed})


class TooLargeError(RefusedError):
    """The body is larger than anything that is asked here."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooSlowError(RefusedError):
    """The body did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooManyRequestsError(RefusedError):
    """One caller asks more than its share."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, what: str, wait_s: int) -> None:
        super().__init__(f"too many {what}: wait {wait_s} s", {"Retry-After": str(wait_s)})


def refusal(scope: Scope, error: RefusedError) -> Response:
    """The bare answer: whoever gets it has not been let in, and sees no page of ours.

    A person who has to log in is led there.
    """
    headers = Headers(scope=scope)
    if scope["path"].startswith(API):
        return problem_of(error)
    if isinstance(error, UnknownCallerError) and "text/html" in headers.get("accept", ""):
        return RedirectResponse(f"/login?next={quote(_wanted(scope), safe='/')}", 303)
    return PlainTextResponse(f"{error}\n", error.status, error.headers)


def _wanted(scope: Scope) -> str:
    """Where to go on after the login: only what was to be looked at."""
    if scope["method"] not in ("GET", "HEAD"):
        return "/"
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])
