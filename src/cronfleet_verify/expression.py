"""What a cron expression names, read from the page on expressions and not from cronfleet's code.

Slow and plain on purpose: each question is answered by looking at one date or one time.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RANGE = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([0-9]{1,4}))?", re.ASCII)
_HASHED = re.compile(r"H(?:\((\w+)-(\w+)\))?(?:/0*([1-9][0-9]{0,3}))?", re.ASCII)


class ExpressionError(ValueError):
    """It cannot be read."""


class Field(NamedTuple):
    """A field's place among the seven, and its least and greatest number."""

    place: int
    low: int
    top: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """A number or a name; 7 is a Sunday too, and stays 7."""
        if text in self.names:
            return self.names.index(text) + self.low
        if not re.fullmatch(r"[0-9]{1,4}", text):
            raise ExpressionError(f"{text!r} is no number that can stand here")
        found = int(text)
        if not self.low <= found <= (7 if self is WEEKDAY else self.top):
            raise ExpressionError(f"{found} is not within {self.low}-{self.top}")
        return found


SECOND = Field(0, 0, 59)
MINUTE = Field(1, 0, 59)
HOUR = Field(2, 0, 23)
DAY = Field(3, 1, 31)
MONTH = Field(4, 1, 12, _MONTHS)
WEEKDAY = Field(5, 0, 6, _WEEKDAYS)
YEAR = Field(6, 1970, 2199)
_FIELDS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, read."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    is_wildcard: bool
    """It follows the wall clock through its changes; any other one has fixed times."""

    def has_time(self, hour: int, minute: int, second: int) -> bool:
        """Whether the time of day is one that it names."""
        return hour in self.hours and minute in self.minutes and second in self.seconds

    def has_day(self, day: date) -> bool:
        """Whether the date is one that it names."""
        return _has_day(self, day)


@lru_cache(maxsize=4096)
def _has_day(expression: Expression, day: date) -> bool:
    if day.month not in expression.months or day.year not in expression.years:
        return False
    by_date = any(_is_date(item, day) for item in expression.days.split(","))
    by_weekday = any(_is_weekday(item, day) for item in expression.weekdays.split(","))
    if expression.days[0] in "*?" or expression.weekdays[0] in "*?":
        return by_date and by_weekday
    return by_date or by_weekday


def read(text: str, job: str = "") -> Expression:
    """Read an expression; each H in it becomes the number of that job. Raises ExpressionError."""
    texts = [_bound(field, part, job) for field, part in zip(_FIELDS, _seven(text), strict=True)]
    second, minute, hour, day, month, weekday, year = texts
    read_one = Expression(
        seconds=tuple(sorted(_numbers(SECOND, second))),
        minutes=tuple(sorted(_numbers(MINUTE, minute))),
        hours=_numbers(HOUR, hour),
        days=day,
        months=_numbers(MONTH, month),
        weekdays=weekday,
        years=_numbers(YEAR, year),
        is_wildcard=any(part.startswith("*") for part in (second, minute, hour)),
    )
    # What stands in the day fields is looked at day by day: a month of it shows whether it can be.
    for number in range(31):
        _has_day(read_one, date(2000, 1, 1) + timedelta(number))
        for item in day.split(","):
            _is_date(item, date(2000, 1, 1) + timedelta(number))
        for item in weekday.split(","):
            _is_weekday(item, date(2000, 1, 1) + timedelta(number))
    return read_one


def _seven(text: str) -> list[str]:
    parts = _NICKNAMES.get(text.strip(), text).upper().split()
    if not 5 <= len(parts) <= 7:
        raise ExpressionError(f"{text!r} has {len(parts)} fields, not 5 to 7")
    if len(parts) == 5:
        parts = ["0", *parts]
    return parts if len(parts) == 7 else [*parts, "*"]


# --- numbers ------------------------------------------------------------------------------------


def _numbers(field: Field, text: str) -> frozenset[int]:
    return frozenset(number for item in text.split(",") for number in _item(field, item))


def _item(field: Field, item: str) -> frozenset[int]:
    match = _RANGE.fullmatch(item)
    if match is None or (match[1] == "*" and match[2]):
        raise ExpressionError(f"{item!r} cannot be read")
    first, last = _ends(field, match[1], match[2], has_step=match[3] is not None)
    step = int(match[3] or 1)
    if step < 1 or first > last:
        raise ExpressionError(f"{item!r} cannot be read: a range or a step runs upwards")
    found = range(first, last + 1, step)
    return frozenset(number % 7 for number in found) if field is WEEKDAY else frozenset(found)


def _ends(field: Field, first: str, last: str | None, *, has_step: bool) -> tuple[int, int]:
    if first == "*":
        return field.low, field.top
    begin = field.number(first)
    if last is None:
        begin = begin % 7 if field is WEEKDAY else begin
        return begin, field.top if has_step else begin
    end = field.number(last)
    return begin, 7 if last == "SUN" and begin > 0 else end


# --- days ---------------------------------------------------------------------------------------


def _is_date(item: str, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    if item == "?":
        return True
    if item == "L":
        return day.day == length
    if item == "LW":
        return day == _nearest_weekday(day.replace(day=length))
    if match := re.fullmatch(r"L-([0-9]{1,4})", item):
        return day.day == length - int(match[1])
    if match := re.fullmatch(r"([0-9]{1,4})W", item):
        number = DAY.number(match[1])
        return number <= length and day == _nearest_weekday(day.replace(day=number))
    return day.day in _item(DAY, item)


def _nearest_weekday(day: date) -> date:
    """The Monday to Friday that is nearest, in the same month."""
    for distance in (0, -1, 1, 2, -2):
        other = day + timedelta(distance)
        if other.isoweekday() <= 5 and other.month == day.month:
            return other
    raise AssertionError(day)


def _is_weekday(item: str, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    weekday = day.isoweekday() % 7
    if item == "?":
        return True
    if match := re.fullmatch(r"(\w+?)#?L", item, re.ASCII):
        return weekday == WEEKDAY.number(match[1]) % 7 and day.day + 7 > length
    if match := re.fullmatch(r"(\w+)#([1-5])", item, re.ASCII):
        is_that = (day.day - 1) // 7 == int(match[2]) - 1
        return weekday == WEEKDAY.number(match[1]) % 7 and is_that
    return weekday in _item(WEEKDAY, item)


# --- H ------------------------------------------------------------------------------------------


def _bound(field: Field, text: str, job: str) -> str:
    return ",".join(_hashed(field, item, job) for item in text.split(","))


def _hashed(field: Field, item: str, job: str) -> str:
    """The item, with the job's own number in place of an H."""
    match = _HASHED.fullmatch(item)
    if match is None:
        return item
    if not job:
        raise ExpressionError("an H needs the name of a job")
    low, top = field.low, 28 if field is DAY else field.top
    if match[1]:
        low, top = _ends(field, match[1], match[2], has_step=False)
    number = int.from_bytes(sha256(f"{job} {field.place}".encode()).digest(), "big")
    width = top - low + 1
    if match[3] is None:
        return str(low + number % width)
    return f"{low + number % min(int(match[3]), width)}-{top}/{match[3]}"
