"""Reading a cron expression."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from cronfleet.cron.days import DayRule, parse_days
from cronfleet.cron.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    YEAR,
    parse_values,
)
from cronfleet.errors import InvalidScheduleError

LONGEST = 256

FIELDS = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR)
"""In the order in which seven are written."""

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_COUNT = (
    "write 5 fields: minute, hour, day of month, month, day of week"
    " (6: second first; 7: second first, year last)"
)
_FOREIGN = {
    "\\": r"remove the backslashes: `\*` is Markdown escaping",
    '"': "remove the quotation marks",
    "'": "remove the quotation marks",
    "=": "no settings in here: give the time zone as `tz`",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A cron expression, read: the values of each field.

    `texts` are the seven fields as written, second first, those left out filled in.
    """

    texts: tuple[str, ...]
    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: DayRule
    months: frozenset[int]
    years: frozenset[int]

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows the wall clock as it really runs, through clock changes too."""
        return any(text.startswith("*") for text in self.texts[:3])


def tidy(expression: str) -> str:
    """The expression with one space between its fields.

    Raises `InvalidScheduleError` when it is too long or has a character that has no place in it.
    """
    if len(expression) > LONGEST:
        hint = f"has {len(expression)} characters, {LONGEST} at most are read"
        raise _error(f"{expression[:24]}...", hint)
    for character in expression:
        if character != "\t" and not " " <= character <= "~":
            raise _error(expression, _hint_for_character(character))
    return " ".join(expression.split())


@lru_cache(maxsize=4096)
def parse(expression: str) -> Expression:
    """Read an expression; whether any day matches it is not looked at.

    Raises `InvalidScheduleError`, naming the field, its text and what to write instead.
    """
    texts = seven_fields(tidy(expression))
    second, minute, hour, date, month, weekday, year = texts
    return Expression(
        texts,
        seconds=parse_values(SECOND, second),
        minutes=parse_values(MINUTE, minute),
        hours=parse_values(HOUR, hour),
        days=parse_days(date, weekday),
        months=parse_values(MONTH, month),
        years=parse_values(YEAR, year),
    )


def seven_fields(text: str) -> tuple[str, ...]:
    """The fields of a tidy expression, as written, those left out filled in.

    Raises `InvalidScheduleError` for a number of them that means nothing.
    """
    for sign, hint in _FOREIGN.items():
        if sign in text:
            raise _error(text, hint)
    fields = (_expanded(text) if text.startswith("@") else text).split()
    if not 5 <= len(fields) <= 7:
        raise _error(text, f"{_COUNT}; this has {len(fields)}")
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) == 6:
        fields.append("*")
    return tuple(fields)


def _expanded(nickname: str) -> str:
    known = ", ".join(_NICKNAMES)
    if nickname in _NICKNAMES:
        return _NICKNAMES[nickname]
    if nickname.lower() in _NICKNAMES:
        hint = f"nicknames are written small: {nickname.lower()}"
    elif nickname.lower() == "@reboot":
        hint = "not supported, a fleet has no one start: call the work when your program starts"
    else:
        hint = f"no such nickname, known are {known}"
    raise _error(nickname, hint)


def _hint_for_character(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character in "\r\n":
        return "it has a line break: write it on one line"
    if unicodedata.category(character).startswith("C"):
        return f"it has a control character, {code}: remove it"
    name = unicodedata.name(character, "no name")
    return f"it has {code} ({name}): only plain ASCII is read, type it anew"


def _error(text: str, hint: str) -> InvalidScheduleError:
    return InvalidScheduleError("expression", text, hint)
