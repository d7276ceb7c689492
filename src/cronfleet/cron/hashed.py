"""`H` in an expression: a number that follows from a job's name, and spreads jobs evenly."""

from __future__ import annotations

import re
from hashlib import sha256

from cronfleet.cron.fields import DAY_OF_MONTH, YEAR, Field, bounds_of, step_of
from cronfleet.cron.parser import FIELDS, seven_fields, tidy

LAST_DAY = 28
"""Every month has this day: H names none beyond it."""

_SIGN = re.compile(r"(?<![0-9A-Z])H(?![0-9A-Z])", re.IGNORECASE)
_NAME = r"[0-9]+|[A-Z]{3}"
_ITEM = re.compile(
    rf"H(?:\((?P<first>{_NAME})-(?P<last>{_NAME})\))?(?:/(?P<step>[0-9]+))?", re.IGNORECASE
)


def is_hashed(expression: str) -> bool:
    """Whether an H stands in it: then it has fire times only for a job of some name."""
    return _SIGN.search(expression) is not None


def bound(expression: str, job: str) -> str:
    """The expression with the job's own numbers in place of each H, in seven fields.

    The same for ever: instances of all versions must agree on it. Raises `InvalidScheduleError`
    for an H that cannot be read; the other fields are not looked at.
    """
    texts = seven_fields(tidy(expression))
    fields = enumerate(zip(FIELDS, texts, strict=True))
    return " ".join(_bound(field, text, _hash(job, i)) for i, (field, text) in fields)


def _hash(job: str, place: int) -> int:
    return int.from_bytes(sha256(f"{job} {place}".encode()).digest(), "big")


def _bound(field: Field, text: str, number: int) -> str:
    items = text.split(",")
    return ",".join(_item(field, item, number) if is_hashed(item) else item for item in items)


def _item(field: Field, item: str, number: int) -> str:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise field.error(item, "an H stands alone: write H, H/n, H(a-b) or H(a-b)/n")
    first, last = _range(field, match)
    if match["step"] is None:
        return str(first + number % (last - first + 1))
    step = step_of(field, item, match["step"])
    return f"{first + number % min(step, last - first + 1)}-{last}/{step}"


def _range(field: Field, match: re.Match[str]) -> tuple[int, int]:
    if field is YEAR:
        raise field.error(match[0], "H is not for the year: write `*` or a number")
    is_date = field is DAY_OF_MONTH
    if match["first"] is None:
        return field.low, LAST_DAY if is_date else field.top
    first, last = bounds_of(field, match)
    if is_date and last > LAST_DAY:
        raise field.error(match[0], f"H keeps to the days that every month has: 1-{LAST_DAY}")
    return first, last
