"""What handlers log, kept with their runs: within bounds, the beginning and the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from cronfleet.model import Instant, RunId

MOST_LOG_LINES = 1_000
"""How many lines of a run are kept: half of them of its beginning, half of its end."""

MOST_LOG_BYTES = 64 * 1024
"""How many bytes of a run's lines are kept, in UTF-8; likewise."""

MOST_LINE_BYTES = 4 * 1024
"""Of one line."""


class LogPlace(NamedTuple):
    """Where a line stands in its run's log: attempts one after the other, each from 1."""

    attempt: int
    number: int
    """Lines that are not kept are counted as well: so a leap says how many are missing."""

    def missing_since(self, last: LogPlace) -> int:
        """How many lines of its attempt are missing between the two."""
        before = last.number if last.attempt == self.attempt else 0
        return self.number - before - 1


BEFORE_ALL = LogPlace(0, 0)

SizedPlace: TypeAlias = tuple[LogPlace, int]
"""A line's place, and how many bytes it has."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a handler logged. There is no NUL in it, and nothing that UTF-8 cannot say."""

    place: LogPlace
    at: Instant
    """By the clock of the machine on which its handler ran."""
    level: int
    """As Python's logging counts."""
    text: str

    @property
    def sized(self) -> SizedPlace:
        return self.place, len(self.text.encode())


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of one run, in the order of their places."""

    run: RunId
    lines: tuple[LogLine, ...]


class Logging(Protocol):
    """A part of `Store`: what holds of all of it holds here."""

    async def append_logs(self, parts: Sequence[LogPart]) -> None:
        """Keep lines with their runs, for as long as these are kept.

        Lines of a run that is not there are passed over, and so are those of an attempt that it
        has not come to. One whose place is taken changes nothing: an unanswered call may be
        repeated. What is `beyond` the bounds then goes.
        """
        ...

    async def run_log(self, run: RunId, after: LogPlace = BEFORE_ALL) -> list[LogLine]:
        """The lines that are kept of a run, past a place, in the order of their places."""
        ...


def beyond(lines: Sequence[SizedPlace], after: LogPlace = BEFORE_ALL) -> Sequence[LogPlace]:
    """Which lines of a log, in the order of their places, are neither of its beginning nor end.

    The beginning ends where lines are missing: else what comes later would grow onto it. Of the
    rest of a log, past a place, the same.
    """
    head = _fitting(lines[: _unbroken(lines, after)])
    tail = _fitting(lines[head:][::-1])
    return [place for place, _ in lines[head : len(lines) - tail]]


def _unbroken(lines: Sequence[SizedPlace], last: LogPlace) -> int:
    """How many lines stand before the first that is missing."""
    for count, (place, _) in enumerate(lines):
        if place.missing_since(last):
            return count
        last = place
    return len(lines)


def _fitting(lines: Sequence[SizedPlace]) -> int:
    """How many of these lines, from the first on, fit into half of the bounds."""
    left = MOST_LOG_BYTES // 2
    for count, (_, size) in enumerate(lines[: MOST_LOG_LINES // 2]):
        left -= size
        if left < 0:
            return count
    return min(len(lines), MOST_LOG_LINES // 2)
