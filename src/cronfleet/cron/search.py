"""The instants at which an expression fires in a time zone: rules for clock changes included.

Fire times are one set of UTC seconds, and both searches walk that same set. Between two clock
changes wall and UTC run together, so only the seams need thought: see `Segment.owned`.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from cronfleet.cron.fields import YEARS
from cronfleet.cron.parser import Expression, parse
from cronfleet.cron.walls import DAY, LAST_WALL, WallTimes
from cronfleet.cron.zones import Timeline, timeline
from cronfleet.errors import InvalidScheduleError

# A wall second stands within a day of its UTC second, in every zone.
_FIRST_S = -DAY
_LAST_S = LAST_WALL + DAY


class ClockMark(StrEnum):
    """What a clock change did to a fire time of a fixed-time job."""

    MOVED = "moved"
    """Its wall time was skipped: it fires at the first instant after the change."""
    MERGED = "merged"
    """Several fire times fell on that instant: they are one."""


class FireTimes:
    """The fire times of an expression in a zone, as UTC seconds."""

    __slots__ = ("_is_wildcard", "_timeline", "_walls")

    def __init__(self, expression: Expression, timeline: Timeline) -> None:
        self._walls = WallTimes(expression)
        self._timeline = timeline
        self._is_wildcard = expression.is_wildcard

    def first_from(self, utc_s: int) -> int | None:
        """The first fire time that is `utc_s` or later."""
        at = max(utc_s, _FIRST_S)
        while at < _LAST_S:
            start, end, offset, owned = self._timeline.segment_at(at)
            wall = at + offset
            if not self._is_wildcard and (at == start or wall < owned):
                wall = owned
            found = self._walls.first_from(wall)
            if found < end + offset:
                return max(found - offset, at)
            # Near a change, step over it, as it may repeat times; else go straight to the match.
            at = end if end - at < 2 * DAY else max(end, found - DAY)
        return None

    def last_until(self, utc_s: int) -> int | None:
        """The last fire time that is `utc_s` or earlier."""
        at = min(utc_s, _LAST_S)
        while at >= _FIRST_S:
            start, _, offset, owned = self._timeline.segment_at(at)
            found = self._walls.last_until(at + offset)
            if found >= (start + offset if self._is_wildcard else owned):
                return max(found - offset, start)
            at = start - 1 if at - start < 2 * DAY else min(start - 1, found + DAY)
        return None

    def mark_at(self, fire_s: int) -> ClockMark | None:
        """What a clock change did to this fire time, if anything."""
        start, _, offset, owned = self._timeline.segment_at(fire_s)
        wall = fire_s + offset
        first = self._walls.first_from(owned)
        if self._is_wildcard or fire_s != start or first >= wall:
            return None
        return ClockMark.MERGED if self._walls.first_from(first + 1) <= wall else ClockMark.MOVED


@lru_cache(maxsize=4096)
def fire_times(expression: str, tz: str) -> FireTimes:
    """The fire times of a cron expression in an IANA zone.

    Raises `InvalidScheduleError` for an expression or a zone that cannot be understood, and for an
    expression that no date from 1970 to 2199 matches. One whose years are over just has an end.
    """
    parsed = parse(expression)
    if WallTimes(parsed).first_from(0) > LAST_WALL:
        raise InvalidScheduleError("expression", expression, _hint_for_never(parsed))
    return FireTimes(parsed, timeline(tz))


def _hint_for_never(expression: Expression) -> str:
    fields = zip(
        ("day of month", "month", "day of week", "year"), expression.texts[3:], strict=True
    )
    wanted = ", ".join(f"{name} {text}" for name, text in fields if text not in {"*", "?"})
    return f"it never fires: no date from {YEARS[0]} to {YEARS[-1]} has {wanted}"
