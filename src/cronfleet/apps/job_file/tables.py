"""A table of a TOML file, read key by key: what is wrong is noted, and reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TypeVar, cast

from cronfleet.apps.spans import size_of, span_of
from cronfleet.errors import InvalidScheduleError

Value = TypeVar("Value")


class WrongValueError(ValueError):
    """A value that a key cannot have: another type, or nothing that can be read."""


class Table:
    """Raises nothing: what is wrong goes into `complaints`, a line each, after `where`."""

    def __init__(self, values: Mapping[str, object], where: str, complaints: list[str]) -> None:
        self.values = values
        self._where = where
        self._complaints = complaints
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def take(self, key: str, read: Callable[[object], Value]) -> Value | None:
        """The value of a key; None when it is not there, or cannot be read."""
        self._known.add(key)
        if key not in self.values:
            return None
        try:
            return read(self.values[key])
        except InvalidScheduleError as error:
            named_already = error.text == self.values[key]
            self.complain(key, f"{error.text!r}: {error.hint}" if named_already else str(error))
        except ValueError as error:
            self.complain(key, str(error))
        return None

    def need(self, key: str, read: Callable[[object], Value]) -> Value | None:
        """As `take`; that it is not there is noted."""
        if key not in self.values:
            self.complain(key, "is missing")
        return self.take(key, read)

    def inner(self, key: str) -> Table | None:
        """The table under a key: what is wrong in it is noted under both names."""
        values = self.take(key, table)
        if values is None:
            return None
        return Table(values, f"{self._where}{key}.", self._complaints)

    def complain(self, key: str, what: str) -> None:
        self._complaints.append(f"{self._where}{key}: {what}")

    def end(self) -> None:
        """Note the keys that nobody asked for."""
        for key in self.values:
            if key not in self._known:
                self.complain(key, f"there is no such key; {self._suggestion(key)}")

    def _suggestion(self, key: str) -> str:
        close = get_close_matches(key, self._known, n=1)
        return (
            f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(self._known))}"
        )


def table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise WrongValueError("must be a table")
    return cast("dict[str, object]", value)


def text(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"{_shown(value)} must be a text in quotation marks")
    if "\0" in value:
        raise WrongValueError("has a NUL character, which no program can be given")
    return value


def texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise WrongValueError('must be a list of texts, as in ["a", "b"]')
    return [text(each) for each in cast("list[object]", value)]


def texts_by_name(value: object) -> dict[str, str]:
    return {name: text(each) for name, each in table(value).items()}


def number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValueError(f"{_shown(value)} must be a whole number")
    return value


def fraction(value: object) -> float:
    return float(value) if isinstance(value, float) else number(value)


def numbers(value: object) -> list[int]:
    if not isinstance(value, list):
        raise WrongValueError("must be a list of whole numbers, as in [200, 204]")
    return [number(each) for each in cast("list[object]", value)]


def span(value: object) -> timedelta:
    if isinstance(value, int | float):
        raise WrongValueError(f"{_shown(value)} has no unit: write it as in {str(value) + 's'!r}")
    return span_of(text(value))


def size(value: object) -> int:
    return size_of(text(value))


def moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise WrongValueError("must be a date and time with its offset: 2027-01-31T12:00:00+01:00")
    return value


def _shown(value: object) -> str:
    return repr(value)[:80]
