"""Options and arguments that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import click

from cronfleet.apps.spans import span_of

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
why: Decorator = click.option("--why", default="", help="A reason, for those who look later.")


_LONGEST = timedelta(days=999_999)


def span(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> timedelta | None:
    """What a person writes for a length of time."""
    if text is None:
        return None
    try:
        span = span_of(text.strip())
    except (ValueError, OverflowError):
        span = timedelta()
    if not timedelta() < span <= _LONGEST:
        raise click.BadParameter(f"{text!r} is no length of time: write it as 90m, 2h or 3d")
    return span


def instant(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> datetime | None:
    """What a person writes for an instant; without a zone it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = f"{text!r} is no instant: write it as 2026-03-01T12:00:00Z or 2026-03-01"
        raise click.BadParameter(hint) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
