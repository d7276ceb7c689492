"""What commands print: a table or lines for people, or one JSON document for programs."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

from cronfleet.server.text import one_line

_ANY_WIDTH = 100_000


def print_json(value: Any) -> None:
    """Dataclasses become objects, datetimes ISO 8601 in UTC."""
    _print(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def print_line(text: str) -> None:
    """Control characters are left out."""
    _print(one_line(text))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Folded to the terminal's width; into a pipe one line a row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else _ANY_WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console(width=width).print(table)


@contextlib.contextmanager
def counting(what: str) -> Generator[Callable[[int], None]]:
    """Shows on a terminal how far something has come, beside what is printed."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(f"0 {what}") as status:
        yield lambda count: status.update(f"{count} {what}")


def moment(instant: datetime | None) -> str:
    """As in 2026-03-01T12:00:00Z, with milliseconds where there are any; `-` for None."""
    if instant is None:
        return "-"
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return moment(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no JSON for {type(value)}")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # Whoever reads our start from a pipe reads it at the start.
