"""Tables for terminals: what must be read in one piece is never broken."""

from __future__ import annotations

from collections.abc import Sequence

_BETWEEN = 2
_LEAST_FOLDED = 20


def laid_out(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    may_go: Sequence[str] = (),
) -> str:
    """The rows under their headers, no wider than `width`; None is as wide as it takes.

    Only the last column is folded. Where that is not enough, the columns that `may_go` do, in
    this order; and where that is not, each row becomes a list.
    """
    if width is None:
        return _table(headers, rows, None)
    columns = list(range(len(headers)))
    for name in ("", *may_go):
        columns = [column for column in columns if headers[column] != name]
        if _least(_picked(headers, rows, columns)) <= width:
            kept, *kept_rows = _picked(headers, rows, columns)
            return _table(kept, kept_rows, width)
    return _lists(headers, rows)


def _picked(
    headers: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]
) -> list[list[str]]:
    return [[row[column] for column in columns] for row in (headers, *rows)]


def _least(lines: Sequence[Sequence[str]]) -> int:
    """The width under which more than the last column would be folded."""
    from rich.cells import cell_len

    *firm, folded = (max(map(cell_len, cells)) for cells in zip(*lines, strict=True))
    return sum(firm) + _BETWEEN * len(firm) + min(folded, _LEAST_FOLDED)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=width is None or header != headers[-1])
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=width or 1_000_000)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _lists(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    longest = max(map(len, headers))
    return "\n\n".join(
        "\n".join(
            f"{header:{longest}}{' ' * _BETWEEN}{cell}".rstrip()
            for header, cell in zip(headers, row, strict=True)
        )
        for row in rows
    )
