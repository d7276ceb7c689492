"""Which days of a month match, given its length and the weekday that it begins on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cronfleet.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, parse_item, parse_number

LAST = -1
"""Instead of a day or an ordinal: the month's last."""

_FROM_END = re.compile(r"L(?:-([0-9]+))?", re.IGNORECASE)
_NEAREST = re.compile(r"(L|[0-9]+)W", re.IGNORECASE)
_LAST_WEEKDAY = re.compile(r"([0-9]+|[A-Za-z]{3})#?L", re.IGNORECASE)
_NTH_WEEKDAY = re.compile(r"([0-9]+|[A-Za-z]{3})#([0-9]+)")

_EVERY_SEVENTH = sum(1 << day for day in range(0, 31, 7))
_SATURDAY = 6


@dataclass(frozen=True, slots=True)
class DatesOfMonth:
    """The day-of-month field. `from_end` counts days before the last; `nearest` is `nW`."""

    dates: frozenset[int] = frozenset()
    from_end: frozenset[int] = frozenset()
    nearest: int | None = None

    def mask(self, length: int, first_weekday: int) -> int:
        """The days that match, the month's first day as bit 0."""
        days = {day for day in self.dates if day <= length}
        days |= {length - n for n in self.from_end if n < length}
        if self.nearest is not None and self.nearest <= length:
            day = length if self.nearest == LAST else self.nearest
            days.add(_nearest_working_day(day, length, first_weekday))
        return sum(1 << day - 1 for day in days)


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """The day-of-week field, 0 being Sunday. `nth` are pairs of weekday and ordinal."""

    weekdays: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def mask(self, length: int, first_weekday: int) -> int:
        """The days that match, the month's first day as bit 0."""
        found = 0
        for weekday in self.weekdays:
            found |= _EVERY_SEVENTH << (weekday - first_weekday) % 7
        for weekday, ordinal in self.nth:
            first = (weekday - first_weekday) % 7
            weeks = (length - 1 - first) // 7 if ordinal == LAST else ordinal - 1
            found |= 1 << first + 7 * weeks
        return found & (1 << length) - 1


@dataclass(frozen=True, slots=True)
class DayRule:
    """Both day fields; `needs_both` when one of them starts with a star, else either will do."""

    dates: DatesOfMonth
    weekdays: DaysOfWeek
    needs_both: bool

    def mask(self, length: int, first_weekday: int) -> int:
        """The days that match, the month's first day as bit 0."""
        by_date = self.dates.mask(length, first_weekday)
        by_weekday = self.weekdays.mask(length, first_weekday)
        return by_date & by_weekday if self.needs_both else by_date | by_weekday


@lru_cache(maxsize=1024)
def month_masks(rule: DayRule) -> tuple[int, ...]:
    """The masks of every kind of month: at `(length - 28) * 7 + first weekday`."""
    return tuple(rule.mask(length, first) for length in range(28, 32) for first in range(7))


@lru_cache(maxsize=1024)
def parse_days(dates: str, weekdays: str) -> DayRule:
    """Read the day-of-month and the day-of-week field."""
    return DayRule(
        dates=_parse_dates("*" if dates == "?" else dates),
        weekdays=_parse_weekdays("*" if weekdays == "?" else weekdays),
        needs_both=dates[:1] in {"*", "?"} or weekdays[:1] in {"*", "?"},
    )


def _parse_dates(text: str) -> DatesOfMonth:
    nearest = _NEAREST.fullmatch(text)
    if nearest is not None:
        day = LAST if nearest[1] in {"L", "l"} else parse_number(DAY_OF_MONTH, nearest[1])
        return DatesOfMonth(nearest=day)
    dates: frozenset[int] = frozenset()
    from_end: set[int] = set()
    for item in text.split(","):
        if _NEAREST.fullmatch(item):
            raise DAY_OF_MONTH.error(item, "W stands alone: no list with it")
        last = _FROM_END.fullmatch(item)
        if last is None:
            dates |= parse_item(DAY_OF_MONTH, item)
        else:
            from_end.add(_days_before_last(item, last[1]))
    return DatesOfMonth(dates, frozenset(from_end))


def _days_before_last(item: str, days: str | None) -> int:
    if days is None:
        return 0
    if len(days) > 4 or not 1 <= int(days) <= 30:
        raise DAY_OF_MONTH.error(item, "L-n counts 1 to 30 days back from the last")
    return int(days)


def _parse_weekdays(text: str) -> DaysOfWeek:
    weekdays: frozenset[int] = frozenset()
    nth: set[tuple[int, int]] = set()
    for item in text.split(","):
        ordinal = _parse_ordinal(item)
        if ordinal is None:
            weekdays |= parse_item(DAY_OF_WEEK, item)
        else:
            nth.add(ordinal)
    return DaysOfWeek(weekdays, frozenset(nth))


def _parse_ordinal(item: str) -> tuple[int, int] | None:
    last = _LAST_WEEKDAY.fullmatch(item)
    if last is not None:
        return parse_number(DAY_OF_WEEK, last[1]) % 7, LAST
    nth = _NTH_WEEKDAY.fullmatch(item)
    if nth is None:
        return None
    if nth[2] not in {"1", "2", "3", "4", "5"}:
        raise DAY_OF_WEEK.error(item, "a month has a first to a fifth: write #1 to #5, or #L")
    return parse_number(DAY_OF_WEEK, nth[1]) % 7, int(nth[2])


def _nearest_working_day(day: int, length: int, first_weekday: int) -> int:
    """`day`, or the Friday or Monday beside it, but never in another month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day
