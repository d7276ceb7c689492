"""What people write into forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs

from fastapi import Request

from cronfleet.server.problems import RefusedError
from cronfleet.server.routes.api.ordering import KEY, LONGEST_WHY
from cronfleet.server.text import one_line

_MOST_FIELDS = 20


class UnreadableFormError(RefusedError):
    """A form with a field that is missing, or says what it cannot say."""


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form that was sent. Raises UnreadableFormError."""
    try:
        text = (await request.body()).decode()
        fields = parse_qs(text, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise UnreadableFormError("the form cannot be read: open its page once more") from None
    return {name: values[0] for name, values in fields.items()}


def field_of(form: Mapping[str, str], name: str) -> str:
    """A field that must be there. Raises UnreadableFormError."""
    if not (said := form.get(name, "").strip()):
        raise UnreadableFormError(f"{name} is empty: go back, and fill it in")
    return said


def reason_of(form: Mapping[str, str]) -> str:
    """Why it is ordered, for the audit: on one line, and as much of it as is kept."""
    return one_line(form.get("why", ""))[:LONGEST_WHY]


def key_of(form: Mapping[str, str]) -> str | None:
    """Of a form that is sent twice, to be carried out once. Raises UnreadableFormError."""
    key = form.get("key")
    if key is not None and not KEY.fullmatch(key):
        raise UnreadableFormError("the key of the form is none of ours: open its page once more")
    return key


def moment_said(name: str, said: str) -> datetime:
    """A time as browsers and people write it, without a zone unless it names one.

    Raises UnreadableFormError.
    """
    try:
        return datetime.fromisoformat(said.strip())
    except ValueError:
        raise UnreadableFormError(
            f"{name}: {said.strip()!r} is no time, write it as in 2026-03-29T02:30"
        ) from None
