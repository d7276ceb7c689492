"""What handlers log, as a step sees it: what is loaded, and what it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cronfleet.model import RunId
from cronfleet.store import LogLine, LogPlace, SizedPlace
from cronfleet.stores.postgres.loaded import Loaded
from cronfleet.stores.postgres.queries import ordered
from cronfleet.stores.postgres.writes import Writes
from cronfleet.stores.steps.rows import log_line_from, log_line_values, log_size_from


class PostgresLogs:
    """See `LogTable`. The lines of a run that is deleted go with it, by their foreign key."""

    def __init__(self, loaded: Loaded, writes: Writes) -> None:
        self._loaded = loaded
        self._writes = writes

    def sizes(self, runs: Iterable[RunId]) -> Mapping[RunId, Sequence[SizedPlace]]:
        sizes: dict[str, list[SizedPlace]] = {str(run): [] for run in runs}
        for row in self._loaded.rows("log_sizes", runs=ordered(sizes)) if sizes else ():
            sizes[row["run"]].append(log_size_from(row))
        return {RunId.parse(run): kept for run, kept in sizes.items()}

    def put(self, run: RunId, lines: Sequence[LogLine]) -> None:
        self._writes.log_lines += [log_line_values(run, line) for line in lines]

    def drop(self, run: RunId, places: Sequence[LogPlace]) -> None:
        self._writes.dropped_log_lines += [{"run": str(run), **each._asdict()} for each in places]

    def lines(self, run: RunId, after: LogPlace) -> Sequence[LogLine]:
        rows = self._loaded.rows("log_lines", run=str(run), **after._asdict())
        return [log_line_from(row) for row in rows]
