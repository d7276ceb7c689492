"""Fire times as short texts, for tests to compare with what a person would write."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

import pytest

from cronfleet.cron.parser import Expression, parse
from cronfleet.cron.zones import zone
from cronfleet.errors import InvalidScheduleError
from cronfleet.schedule import cron


def instant(text: str, tz: str = "UTC") -> datetime:
    """`text` on the wall of `tz`, or as it says itself if it ends in an offset."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone(tz))


def fires_after(expression: str, start: str, n: int, tz: str = "UTC") -> list[str]:
    """The next `n` fire times, as "2026-11-24 10:30", with the offset outside UTC."""
    found = islice(cron(expression, tz).after(instant(start, tz)), n)
    return [shown(moment, tz) for moment in found]


def fires_before(expression: str, start: str, n: int, tz: str = "UTC") -> list[str]:
    """The `n` fire times before, the latest first."""
    found = islice(cron(expression, tz).before(instant(start, tz)), n)
    return [shown(moment, tz) for moment in found]


def shown(moment: datetime, tz: str) -> str:
    local = moment.astimezone(zone(tz))
    form = "%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M"
    return local.strftime(form if tz == "UTC" else f"{form} %z")


def refusal(expression: str, tz: str = "UTC") -> InvalidScheduleError:
    """The error that refuses the expression."""
    with pytest.raises(InvalidScheduleError) as caught:
        cron(expression, tz)
    return caught.value


def values(field: str, text: str) -> set[int]:
    """What the text means in that field of seven."""
    fields = ["0", "0", "0", "*", "*", "*", "*"]
    names = ["seconds", "minutes", "hours", "dates", "months", "weekdays", "years"]
    fields[names.index(field)] = text
    return set(_field(parse(" ".join(fields)), field))


def _field(expression: Expression, name: str) -> frozenset[int]:
    if name == "dates":
        return expression.days.dates.dates
    if name == "weekdays":
        return expression.days.weekdays.weekdays
    found: frozenset[int] = getattr(expression, name)
    return found
