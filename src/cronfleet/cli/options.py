"""Options and arguments that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import click

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
why: Decorator = click.option("--why", default="", help="A reason, for those who look later.")


def instant(_context: click.Context, _parameter: click.Parameter, text: str) -> datetime:
    """What a person writes for an instant; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = f"{text!r} is no instant: write it as 2026-03-01T12:00:00Z or 2026-03-01"
        raise click.BadParameter(hint) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
