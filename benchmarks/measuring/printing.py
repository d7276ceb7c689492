"""A report as text: for a terminal, and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.measuring.report import Demand, Measure, Report, Row, shown


def lines(report: Report) -> Iterator[str]:
    """For a terminal."""
    yield from report.about
    table = [["", *(column.name for column in report.columns)]]
    table += [[row.name, *_cells(report, row)] for row in report.rows]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for name, *cells in table:
        ranged = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *ranged])
    yield from map(demanded, report.demands)


def page(report: Report) -> Iterator[str]:
    """For a page, as Markdown."""
    yield _row(["", *(column.name for column in report.columns)])
    yield "|---|" + "---:|" * len(report.columns)
    for row in report.rows:
        name = row.name.replace("*", r"\*")  # Of a cron expression.
        yield _row([f"**{name}**" if row.is_ours else name, *_cells(report, row)])
    if report.demands:
        yield ""
    for demand in report.demands:
        yield f"- {_emphasized(demand)}"


def demanded(demand: Demand) -> str:
    """One line: what, its figure, its bound, and whether it holds."""
    figure = "-" if demand.figure is None else f"{shown(demand.figure)}{demand.unit}"
    return f"{demand.kind} {demand.said}: {figure} ({demand.bound}) {demand.verdict}"


def _emphasized(demand: Demand) -> str:
    line = demanded(demand).removesuffix(demand.verdict)
    return f"{line}**{demand.verdict}**"


def _cells(report: Report, row: Row) -> list[str]:
    return [_cell(row.measures.get(column.name)) for column in report.columns]


def _cell(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if len(measure.rounds) == 1:
        return shown(measure.median)
    return f"{shown(measure.median)} ±{measure.spread:.0%}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
