"""Orders come from our own pages: another site can make a browser send them, but not as ours.

A form of ours carries `csrf_of(request)` in a hidden field `csrf`; a script of ours sends the same
as the header `X-CSRF-Token`.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from fastapi import Request
from starlette.datastructures import Headers

from cronfleet.server.problems import ForbiddenError

FIELD = "csrf"
HEADER = "x-csrf-token"

_FORM = "application/x-www-form-urlencoded"


def csrf_of(request: Request) -> str:
    """What a form for whoever asks must carry; empty where nobody has logged in."""
    token: str = request.scope.get("csrf", "")
    return token


def check_origin(headers: Headers, origin: str) -> None:
    """Raises ForbiddenError when a browser says that a page of another site sent the request.

    `origin` is our own, as in `https://cron.example.com`. What is no browser says nothing about
    it: nobody can make that send what it did not mean to.
    """
    site = headers.get("sec-fetch-site", "same-origin").lower()
    sent_by = headers.get("origin", origin).lower()
    if site not in ("same-origin", "none") or sent_by != origin:
        raise ForbiddenError("this was sent by a page of another site: send it from a page of ours")


def check_token(headers: Headers, body: bytes, expected: str) -> None:
    """Raises ForbiddenError when a request with a login's cookie carries not its token as well."""
    given = headers.get(HEADER) or _in_form(headers, body)
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise ForbiddenError("this form is of another login, or of none: open its page once more")


def _in_form(headers: Headers, body: bytes) -> str:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return ""
    # What is no UTF-8 is no token either.
    found = parse_qs(body.decode(errors="replace")).get(FIELD, [])
    return found[0] if len(found) == 1 else ""
