"""What people and programs read of what a run's handler logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cronfleet.info import moment
from cronfleet.store import LogLine, LogPlace

_NUMBERS = 2**32
"""An attempt has fewer lines than that: so a place is one number."""


@dataclass(frozen=True, slots=True)
class RunLogLine:
    """A line as it was logged: strip control characters from it before it is shown."""

    at: datetime
    """By the clock of the machine on which the handler ran."""
    level: str
    """As in `INFO`."""
    attempt: int
    text: str
    missing: int
    """How many lines that were logged before it, and after the one above, are not kept."""


@dataclass(frozen=True, slots=True)
class RunLog:
    """What is kept of what a run's handler logged: the beginning and the end, if it is too much."""

    run: str
    lines: Sequence[RunLogLine]
    """Of one attempt after the other, in the order in which each logged them."""
    last: int
    """From where to go on: `Scheduler.run_log(run, after=last)` answers what has come since."""

    @classmethod
    def of(cls, run: str, lines: Sequence[LogLine], after: int) -> RunLog:
        """`after` is the place past which these lines were asked for."""
        last = place_of(after)
        shown = list(_shown(lines, last))
        last = lines[-1].place if lines else last
        return cls(run, shown, last.attempt * _NUMBERS + last.number)


def place_of(number: int) -> LogPlace:
    """The place that `RunLog.last` names; for 0 and less that before all lines."""
    return LogPlace(*divmod(max(0, number), _NUMBERS))


def _shown(lines: Sequence[LogLine], last: LogPlace) -> Iterator[RunLogLine]:
    for line in lines:
        level, missing = logging.getLevelName(line.level), line.place.missing_since(last)
        yield RunLogLine(moment(line.at), level, line.place.attempt, line.text, missing)
        last = line.place
