"""Languages and regions, and how a day is written in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

_LOCALE = re.compile(r"([A-Za-z]{2,3})((?:[_-][A-Za-z0-9]{2,8}){0,3})(?:[.@].{0,20})?", re.ASCII)


@lru_cache(maxsize=512)
def with_fallbacks(locale: str) -> tuple[str, ...]:
    """The locale in one way of writing, and those that stand in for it: `de_AT`, `de`.

    `de-at` and `de_AT.UTF-8` mean the same; what is no locale at all has none.
    """
    found = _LOCALE.fullmatch(locale.strip())
    if found is None:
        return ()
    regions = [_cased(part) for part in re.split("[_-]", found[2])[1:]]
    parts = [found[1].lower(), *regions]
    return tuple("_".join(parts[:count]) for count in range(len(parts), 0, -1))


def _cased(part: str) -> str:
    """A region in capitals, a script as a name."""
    return part.title() if len(part) == 4 and part.isalpha() else part.upper()


@dataclass(frozen=True, slots=True)
class DayStyle:
    """How a day is written; `year` is appended where it is not this one."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    form: str
    year: str

    def written(self, day: date, *, with_year: bool) -> str:
        text = self.form.format(
            weekday=self.weekdays[day.weekday()], day=day.day, month=self.months[day.month - 1]
        )
        return text + self.year.format(year=day.year) if with_year else text


# fmt: off
_ENGLISH_DAYS = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)
_ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
_GERMAN_DAYS = (
    "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag",
)
_GERMAN_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)
# fmt: on
_GERMAN = ("{weekday}, {day}. {month}", " {year}")
_STYLES: Mapping[str, DayStyle] = {
    "en": DayStyle(_ENGLISH_DAYS, _ENGLISH_MONTHS, "{weekday} {day} {month}", " {year}"),
    "en_US": DayStyle(_ENGLISH_DAYS, _ENGLISH_MONTHS, "{weekday}, {month} {day}", ", {year}"),
    "de": DayStyle(_GERMAN_DAYS, _GERMAN_MONTHS, *_GERMAN),
    "de_AT": DayStyle(_GERMAN_DAYS, ("Jänner", *_GERMAN_MONTHS[1:]), *_GERMAN),
}


def written_day(day: date, locale: str, this_year: int) -> str:
    """In the locale's way; where we know none, as in 2026-12-04. Without the year that it is."""
    for each in with_fallbacks(locale):
        if style := _STYLES.get(each):
            return style.written(day, with_year=day.year != this_year)
    return day.isoformat()
