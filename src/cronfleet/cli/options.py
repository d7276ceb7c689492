"""Options and arguments that several commands take."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import click

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
why: Decorator = click.option("--why", default="", help="A reason, for those who look later.")


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)


def span(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> timedelta | None:
    """What a person writes for a length of time."""
    if text is None:
        return None
    found = _SPAN.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{text!r} is no length of time: write it as 90m, 2h or 3d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


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
