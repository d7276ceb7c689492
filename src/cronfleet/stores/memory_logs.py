"""What handlers log, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cronfleet.model import RunId
from cronfleet.store import LogLine, LogPlace, SizedPlace


class MemoryLogs:
    """See `LogTable`."""

    def __init__(self) -> None:
        self._lines: dict[RunId, dict[LogPlace, LogLine]] = {}

    def sizes(self, runs: Iterable[RunId]) -> Mapping[RunId, Sequence[SizedPlace]]:
        return {run: sorted(line.sized for line in self._of(run).values()) for run in runs}

    def put(self, run: RunId, lines: Sequence[LogLine]) -> None:
        self._lines[run] = {**self._of(run), **{line.place: line for line in lines}}

    def drop(self, run: RunId, places: Sequence[LogPlace]) -> None:
        gone = set(places)
        self._lines[run] = {at: line for at, line in self._of(run).items() if at not in gone}

    def lines(self, run: RunId, after: LogPlace) -> Sequence[LogLine]:
        return [line for place, line in sorted(self._of(run).items()) if place > after]

    def forget(self, run: RunId) -> None:
        """The run is forgotten."""
        self._lines.pop(run, None)

    def _of(self, run: RunId) -> Mapping[LogPlace, LogLine]:
        return self._lines.get(run, {})
