"""What handlers log, in the file's table, inside one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from cronfleet.model import RunId
from cronfleet.store import LogLine, LogPlace, SizedPlace
from cronfleet.stores.sqlite.statements import named_statements
from cronfleet.stores.steps.rows import log_line_from, log_line_values, log_size_from

_SQL = named_statements()


class SqliteLogs:
    """See `LogTable`. A trigger deletes the lines of a run that is deleted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def sizes(self, runs: Iterable[RunId]) -> Mapping[RunId, Sequence[SizedPlace]]:
        return {run: self._sizes(run) for run in runs}

    def _sizes(self, run: RunId) -> list[SizedPlace]:
        rows = self._connection.execute(_SQL["log_sizes"], {"run": str(run)})
        return [log_size_from(row) for row in rows]

    def put(self, run: RunId, lines: Sequence[LogLine]) -> None:
        values = [log_line_values(run, line) for line in lines]
        self._connection.executemany(_SQL["put_log_line"], values)

    def drop(self, run: RunId, places: Sequence[LogPlace]) -> None:
        values = [{"run": str(run), **place._asdict()} for place in places]
        self._connection.executemany(_SQL["drop_log_line"], values)

    def lines(self, run: RunId, after: LogPlace) -> Sequence[LogLine]:
        values = {"run": str(run), **after._asdict()}
        return [log_line_from(row) for row in self._connection.execute(_SQL["log_lines"], values)]
