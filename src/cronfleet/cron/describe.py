"""An expression in plain English."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from cronfleet.cron.days import LAST, DatesOfMonth, DayRule, DaysOfWeek
from cronfleet.cron.fields import YEARS
from cronfleet.cron.parser import Expression

_MOST_CLOCK_TIMES = 6
_ONLY_ZERO = frozenset({0})
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", LAST: "last"}


def describe(expression: Expression) -> str:
    """What the expression means, as in "at 02:30 on weekdays"; the zone is not part of it."""
    times = _clock_times(expression)
    days = _days(expression.days)
    if times and not days:
        days = "every day"
    parts = (times or _rhythm(expression), days, _months_and_years(expression))
    return " ".join(part for part in parts if part)


def _clock_times(expression: Expression) -> str:
    """The times one by one, if they are few."""
    units = expression.hours, expression.minutes, expression.seconds
    if len(units[0]) * len(units[1]) * len(units[2]) > _MOST_CLOCK_TIMES:
        return ""
    shown = 2 if expression.seconds == _ONLY_ZERO else 3
    times = product(*(sorted(unit) for unit in units))
    return "at " + _listed(":".join(f"{n:02}" for n in time[:shown]) for time in times)


def _rhythm(expression: Expression) -> str:
    units = [
        ("second", expression.seconds, 60),
        ("minute", expression.minutes, 60),
        ("hour", expression.hours, 24),
    ]
    while len(units) > 1 and units[0][1] == _ONLY_ZERO:
        del units[0]
    text, is_steady = _first_unit(*units[0])
    for name, values, size in units[1:]:
        if len(values) < size:
            text += f" of {_counted(name, values)}"
        elif not is_steady:
            text += f" of every {name}"
        is_steady = len(values) == size
    return text


def _first_unit(name: str, values: frozenset[int], size: int) -> tuple[str, bool]:
    """The smallest unit that counts, and whether the next one needs no word when it is whole."""
    step = size // len(values)
    if values == frozenset(range(0, size, step)):
        return (f"every {name}" if step == 1 else f"every {step} {name}s"), True
    if name == "hour":
        return _hours(sorted(values)), True
    return f"at {_counted(name, values)}", False


def _hours(hours: list[int]) -> str:
    if len(hours) == hours[-1] - hours[0] + 1:
        return f"every hour from {hours[0]:02}:00 to {hours[-1]:02}:00"
    return "at " + _listed(f"{hour:02}:00" for hour in hours)


def _days(rule: DayRule) -> str:
    """Nothing if every day matches."""
    dates, weekdays = _dates(rule.dates), _weekdays(rule.weekdays)
    if not rule.needs_both:
        return f"{dates} and also {weekdays}" if dates and weekdays else ""
    return f"{dates}, but only {weekdays}" if dates and weekdays else dates or weekdays


def _dates(rule: DatesOfMonth) -> str:
    if len(rule.dates) == 31:
        return ""
    found = [_counted("day", rule.dates)] if rule.dates else []
    found += [f"the last day but {n}" if n else "the last day" for n in sorted(rule.from_end)]
    if rule.nearest is not None:
        is_last = rule.nearest == LAST
        found.append(
            "the last weekday" if is_last else f"the weekday nearest to day {rule.nearest}"
        )
    return f"on {_listed(found)} of the month"


def _weekdays(rule: DaysOfWeek) -> str:
    if len(rule.weekdays) == 7:
        return ""
    found = [_named_weekdays(rule.weekdays)] if rule.weekdays else []
    found += [f"the {_ORDINALS[n]} {_WEEKDAYS[day]} of the month" for day, n in sorted(rule.nth)]
    return f"on {_listed(found)}"


def _named_weekdays(weekdays: frozenset[int]) -> str:
    if weekdays == frozenset(range(1, 6)):
        return "weekdays"
    if weekdays == frozenset({0, 6}):
        return "weekends"
    from_monday = sorted(weekdays, key=lambda weekday: (weekday - 1) % 7)
    return _listed(f"{_WEEKDAYS[weekday]}s" for weekday in from_monday)


def _months_and_years(expression: Expression) -> str:
    months = years = ""
    if len(expression.months) < 12:
        months = _listed(_in_runs(expression.months, lambda month: _MONTHS[month - 1]))
    if len(expression.years) < len(YEARS):
        years = _listed(_in_runs(expression.years, str))
    found = " of ".join(part for part in (months, years) if part)
    return f"in {found}" if found else ""


def _counted(name: str, values: frozenset[int]) -> str:
    plural = "s" if len(values) > 1 else ""
    return f"{name}{plural} {_listed(_in_runs(values, str))}"


def _in_runs(values: frozenset[int], shown: Callable[[int], str]) -> Iterator[str]:
    """The values in order, three or more in a row as "a to b"."""
    starts = sorted(value for value in values if value - 1 not in values)
    for start in starts:
        end = start
        while end + 1 in values:
            end += 1
        if end - start >= 2:
            yield f"{shown(start)} to {shown(end)}"
        else:
            yield from map(shown, range(start, end + 1))


def _listed(parts: Iterable[str]) -> str:
    *head, last = parts
    return f"{', '.join(head)} and {last}" if head else last
