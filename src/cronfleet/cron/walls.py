"""The wall-clock times that an expression names, with no thought of time zones.

A *wall second* counts from 1970-01-01 00:00:00 on the clock on the wall, every day having
86,400 of them.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from cronfleet.cron.days import DayRule, month_masks
from cronfleet.cron.fields import YEARS
from cronfleet.cron.parser import Expression

DAY = 86_400
NEVER = (1 << 40) * DAY
"""Later than every wall second, as `-NEVER` is earlier than every one."""

_NO_DAY = NEVER // DAY


def _months() -> tuple[list[int], bytes]:
    """The first day of each month, counted from 1970, and the place of its mask."""
    starts, kinds = [0], bytearray()
    for year in YEARS:
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        for length in (31, 28 + is_leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31):
            weekday = (starts[-1] + 4) % 7  # 1970 began on a Thursday.
            kinds.append((length - 28) * 7 + weekday)
            starts.append(starts[-1] + length)
    return starts, bytes(kinds)


_STARTS, _KINDS = _months()
_LAST_DAY = _STARTS.pop() - 1

LAST_WALL = (_LAST_DAY + 1) * DAY - 1
"""The last wall second of 2199."""


class WallTimes:
    """The wall seconds from 1970 to 2199 that an expression names."""

    __slots__ = ("_days", "_times")

    def __init__(self, expression: Expression) -> None:
        self._days = _days(expression.days, expression.months, expression.years)
        self._times = _Times(
            _steps(expression.hours, 24),
            _steps(expression.minutes, 60),
            _steps(expression.seconds, 60),
        )

    def first_from(self, wall: int) -> int:
        """The first that is `wall` or later; NEVER or more if there is none."""
        day, time = divmod(wall, DAY)
        first = self._days.first_from(day)
        if first == day:
            found = self._times.first_from(time)
            if found < DAY:
                return day * DAY + found
            first = self._days.first_from(day + 1)
        return first * DAY + self._times.earliest

    def last_until(self, wall: int) -> int:
        """The last that is `wall` or earlier; below zero if there is none."""
        day, time = divmod(wall, DAY)
        last = self._days.last_until(day)
        if last == day:
            found = self._times.last_until(time)
            if found >= 0:
                return day * DAY + found
            last = self._days.last_until(day - 1)
        return last * DAY + self._times.latest


class _Days:
    """Days counted from 1970-01-01."""

    __slots__ = ("_masks", "_months")

    def __init__(self, masks: tuple[int, ...], months: bytes) -> None:
        self._masks = masks  # A mask of days for each kind of month.
        self._months = months  # For each month since 1970, 1 if any of its days matches, else 0.

    def first_from(self, day: int) -> int:
        """The first that is `day` or later; _NO_DAY if there is none."""
        if day > _LAST_DAY:
            return _NO_DAY
        day = max(day, 0)
        month = bisect_right(_STARTS, day) - 1
        rest = self._masks[_KINDS[month]] >> day - _STARTS[month] if self._months[month] else 0
        if not rest:
            month = self._months.find(1, month + 1)
            if month < 0:
                return _NO_DAY
            day, rest = _STARTS[month], self._masks[_KINDS[month]]
        return day + (rest & -rest).bit_length() - 1

    def last_until(self, day: int) -> int:
        """The last that is `day` or earlier; -_NO_DAY if there is none."""
        if day < 0:
            return -_NO_DAY
        month = bisect_right(_STARTS, day) - 1
        up_to_day = (2 << day - _STARTS[month]) - 1
        rest = self._masks[_KINDS[month]] & up_to_day if self._months[month] else 0
        if not rest:
            month = self._months.rfind(1, 0, month)
            if month < 0:
                return -_NO_DAY
            rest = self._masks[_KINDS[month]]
        return _STARTS[month] + rest.bit_length() - 1


class _Steps(NamedTuple):
    """From n to the nearest wanted value: `up` ends in the size, `down` in -1."""

    up: tuple[int, ...]
    down: tuple[int, ...]


class _Times:
    """Seconds of a day, as hour, minute and second."""

    __slots__ = ("_hours", "_minutes", "_seconds", "earliest", "latest")

    def __init__(self, hours: _Steps, minutes: _Steps, seconds: _Steps) -> None:
        self._hours, self._minutes, self._seconds = hours, minutes, seconds
        self.earliest = hours.up[0] * 3600 + minutes.up[0] * 60 + seconds.up[0]
        self.latest = hours.down[23] * 3600 + minutes.down[59] * 60 + seconds.down[59]

    def first_from(self, time: int) -> int:
        """The first that is `time` or later; DAY or more if there is none."""
        hour, rest = divmod(time, 3600)
        if self._hours.up[hour] == hour:
            minute, second = divmod(rest, 60)
            minutes, seconds = self._minutes.up, self._seconds.up
            if minutes[minute] == minute:
                if seconds[second] < 60:
                    return time - second + seconds[second]
                minute += 1
            if minutes[minute] < 60:
                return hour * 3600 + minutes[minute] * 60 + seconds[0]
            hour += 1
        return self._hours.up[hour] * 3600 + self.earliest % 3600

    def last_until(self, time: int) -> int:
        """The last that is `time` or earlier; below zero if there is none."""
        hour, rest = divmod(time, 3600)
        if self._hours.down[hour] == hour:
            minute, second = divmod(rest, 60)
            minutes, seconds = self._minutes.down, self._seconds.down
            if minutes[minute] == minute:
                if seconds[second] >= 0:
                    return time - second + seconds[second]
                minute -= 1
            if minutes[minute] >= 0:
                return hour * 3600 + minutes[minute] * 60 + seconds[59]
            hour -= 1
        return self._hours.down[hour] * 3600 + self.latest % 3600


@lru_cache(maxsize=1024)
def _steps(values: frozenset[int], size: int) -> _Steps:
    up, down = [size] * (size + 1), [-1] * (size + 1)
    for n in range(size):
        down[n] = n if n in values else down[n - 1]  # At 0 this reads the last, which is -1.
    for n in reversed(range(size)):
        up[n] = n if n in values else up[n + 1]
    return _Steps(tuple(up), tuple(down))


@lru_cache(maxsize=1024)
def _days(rule: DayRule, months: frozenset[int], years: frozenset[int]) -> _Days:
    masks = month_masks(rule)
    found = bytearray(masks[kind] > 0 for kind in _KINDS)
    for month in set(range(1, 13)) - months:
        found[month - 1 :: 12] = bytes(len(YEARS))
    for year in set(YEARS) - years:
        first = 12 * (year - YEARS[0])
        found[first : first + 12] = bytes(12)
    return _Days(masks, bytes(found))
