"""What commands print: a table or lines for people, or one JSON document for programs."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from cronfleet.cli.tables import laid_out
from cronfleet.errors import CronfleetError
from cronfleet.server.text import one_line

OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF})


def print_json(value: Any) -> None:
    """Dataclasses become objects, datetimes ISO 8601 in UTC."""
    _print(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def print_line(text: str) -> None:
    """Control characters are left out."""
    _print(one_line(text))


def print_text(text: str) -> None:
    """As it is, for a file: its lines end by themselves."""
    _print(text.removesuffix("\n"))


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, may_go: Sequence[str] = ()
) -> None:
    """On a terminal no wider than it; into a pipe one line a row.

    Only the last column is folded. Where that is not enough, the columns that `may_go` do, in
    this order; and where that is not, each row becomes a list.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    _print(laid_out(headers, cells, _width(), may_go))


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


def give_up_output(error: OSError) -> NoReturn:
    """End what can say nothing more: well if nobody listens, else with a CronfleetError."""
    # What is still in the buffer would be written, and fail, once more at the very end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    if error.errno == errno.EPIPE:
        sys.exit(0)
    raise CronfleetError(f"the output cannot be written: {error.strerror}") from None


def _width() -> int | None:
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout.isatty() else None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return moment(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no JSON for {type(value)}")


def _print(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()  # Whoever reads our start from a pipe reads it at the start.
    except OSError as error:
        give_up_output(error)
