"""The fields of an expression, and the numbers that a field's text stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cronfleet.errors import InvalidScheduleError

YEARS = range(1970, 2200)

_ITEM = re.compile(
    r"(?P<first>\*|[0-9]+|[A-Za-z]{3})(?:-(?P<last>[0-9]+|[A-Za-z]{3}))?(?:/(?P<step>[0-9]+))?"
)
_DAY_SIGNS = re.compile(r"L(-[0-9]+)?|LW|[0-9]+W|[0-9A-Za-z]+#.*|[0-9A-Za-z]+L", re.IGNORECASE)
_LONG_NAME = re.compile(r"[A-Za-z]{4}")


def _numbered(names: str, first: int) -> Mapping[str, int]:
    return {name: first + i for i, name in enumerate(names.split())}


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field: what it is called and which values it takes."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def top(self) -> int:
        """Where `*` and `a/n` end: 6 for the day of week, whose 7 is 0 said otherwise."""
        return min(self.high, 6) if self is DAY_OF_WEEK else self.high

    @property
    def values(self) -> str:
        """The values it takes, in words."""
        if self is DAY_OF_WEEK:
            return "0-7 (0 and 7 are Sunday) or SUN-SAT"
        return f"{self.low}-{self.high}" + (" or JAN-DEC" if self is MONTH else "")

    def error(self, text: str, hint: str) -> InvalidScheduleError:
        """What to raise for `text` in this field."""
        return InvalidScheduleError(self.name, text, hint)


SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY_OF_MONTH = Field("day of month", 1, 31)
MONTH = Field("month", 1, 12, _numbered("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1))
DAY_OF_WEEK = Field("day of week", 0, 7, _numbered("SUN MON TUE WED THU FRI SAT", 0))
YEAR = Field("year", YEARS[0], YEARS[-1])


@lru_cache(maxsize=1024)
def parse_values(field: Field, text: str) -> frozenset[int]:
    """The values that a comma list of plain items stands for; Sunday is 0."""
    return frozenset[int]().union(*(parse_item(field, item) for item in text.split(",")))


def parse_item(field: Field, item: str) -> frozenset[int]:
    """The values of one of `*`, `a`, `a-b`, `*/n`, `a-b/n` and `a/n`."""
    match = _ITEM.fullmatch(item)
    if match is None or (match["first"] == "*" and match["last"]):
        raise field.error(item, _hint_for(field, item))
    first, last = bounds_of(field, match)
    step = 1 if match["step"] is None else step_of(field, item, match["step"])
    values = range(first, last + 1, step)
    return frozenset(v % 7 for v in values) if field is DAY_OF_WEEK else frozenset(values)


def parse_number(field: Field, text: str) -> int:
    """The number or name `text`, as written: a Sunday may be 0 or 7."""
    if not text.isdecimal():
        return _named(field, text)
    if len(text) > 4:
        raise field.error(text, "a number has at most 4 digits")
    number = int(text)
    if not field.low <= number <= field.high:
        raise field.error(text, _hint_for_number(field, number))
    return number


def _named(field: Field, text: str) -> int:
    number = field.names.get(text.upper())
    if number is None:
        raise field.error(text, f"not known here: write {field.values}")
    return number


def bounds_of(field: Field, match: re.Match[str]) -> tuple[int, int]:
    """The least and the greatest value of the range that `first` and `last` of the match name."""
    if match["first"] == "*":
        return field.low, field.top
    first = parse_number(field, match["first"])
    if match["last"] is None:
        first = first % 7 if field is DAY_OF_WEEK else first
        return first, field.top if match["step"] else first
    last = parse_number(field, match["last"])
    if match["last"].upper() == "SUN" and first > 0:
        last = 7
    if last < first:
        raise field.error(match[0], _hint_for_reversed(field, match, first >= field.top))
    return first, last


def step_of(field: Field, item: str, step: str) -> int:
    """The step, as a number."""
    if len(step) > 4 or int(step) < 1:
        raise field.error(item, "a step is 1 or more, of at most 4 digits")
    return int(step)


def _hint_for_number(field: Field, number: int) -> str:
    if field is HOUR and number == 24:
        return "hours are 0-23: midnight is 0"
    if field is DAY_OF_WEEK and number in YEARS:
        return "six fields begin with the second: for a year write seven, second first, year last"
    return f"must be {field.values}"


def _hint_for_reversed(field: Field, match: re.Match[str], from_top: bool) -> str:
    first, last = match["first"], match["last"]
    if field is YEAR:
        return f"a range runs upwards: write {last}-{first}"
    names = {} if first.isdecimal() else {number: name for name, number in field.names.items()}
    low, top = names.get(field.low, field.low), names.get(field.top, field.top)
    head = first if from_top else f"{first}-{top}"
    return f"a range runs upwards: write {head},{low}-{last}"


def _hint_for(field: Field, item: str) -> str:
    """What to write instead of an item that has no plain form."""
    if not item:
        return "an item is missing beside a comma: remove the comma, or write `*` for all"
    if "?" in item:
        return "`?` stands alone, for the day of month or the day of week: write `*`"
    if _DAY_SIGNS.fullmatch(item):
        return "L, W and # are for the day of month (L, L-2, LW, 15W) or of week (5L, MON#1)"
    if field.names and _LONG_NAME.search(item):
        return "names have three letters: " + ", ".join(field.names)
    return f"write `*`, a number ({field.values}), a-b, `*/n`, a-b/n, a/n, or some with commas"
