"""What handlers log: which lines are kept."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet.model import RunId
from cronfleet.store import LogLine, LogPart, SizedPlace, beyond
from cronfleet.stores.steps.records import Records


def append(records: Records, parts: Sequence[LogPart]) -> None:
    wanted = _wanted(records, parts)
    for run, kept in records.logs.sizes(wanted).items():
        _append(records, run, kept, wanted[run])


def _append(
    records: Records, run: RunId, kept: Sequence[SizedPlace], lines: Sequence[LogLine]
) -> None:
    taken = {place for place, _ in kept}
    new = {line.place: line for line in lines if line.place not in taken}
    gone = set(beyond(sorted([*kept, *(line.sized for line in new.values())])))
    records.logs.drop(run, sorted(gone & taken))
    records.logs.put(run, [line for place, line in new.items() if place not in gone])


def _wanted(records: Records, parts: Sequence[LogPart]) -> dict[RunId, list[LogLine]]:
    """The lines of each run that is there, of attempts that it has come to."""
    wanted: dict[RunId, list[LogLine]] = {}
    for part in parts:
        if run := records.run(part.run):
            lines = [line for line in part.lines if line.place.attempt <= run.attempt]
            wanted.setdefault(part.run, []).extend(lines)
    return wanted
