"""A job's schedule as a monitor of Sentry's, so that it knows when to expect a check-in. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from math import ceil
from typing import Any, TypeAlias

from cronfleet import Schedule
from cronfleet.cron.hashed import bound

Told: TypeAlias = dict[str, Any]
"""As Sentry's API has it."""

MOST_IN_SLUG = 50
MARGIN_MIN = 5
"""So late after it is due a tick may start before Sentry calls it missed: takeovers and catching up
take their time."""
MOST_RUNTIME_MIN = 24 * 60
"""For a job without a time limit."""

_PLAIN = re.compile(r"(?:[0-9*/,-]|[A-Z]{3}(?![A-Z#]))+")
"""Numbers, and the names of months and days."""
_UNITS = (("day", 1_440), ("hour", 60), ("minute", 1))


def slug(job: str) -> str:
    """The job's name in the letters that Sentry allows; two jobs never share one."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", job.lower()).strip("-")
    if plain == job and len(job) <= MOST_IN_SLUG:
        return job
    mark = sha256(job.encode()).hexdigest()[:6]
    return f"{plain[: MOST_IN_SLUG - len(mark) - 1]}-{mark}"


def check_in_id(run: str) -> str:
    """The same for every attempt of a run, on whichever instance it is carried out."""
    return sha256(run.encode()).hexdigest()[:32]


def monitor(
    job: str, schedule: Schedule, timeout_s: float | None, jitter_s: float = 0
) -> Told | None:
    """What Sentry is told of the job; None if Sentry has no words for its schedule."""
    definition = schedule.to_definition()
    match definition["kind"]:
        case "cron":
            when = _crontab(job, definition)
        case "every":
            when = _interval(timedelta(milliseconds=int(definition["interval_ms"])))
        case _:
            when = None  # Once is nothing to wait for again.
    if when is None:
        return None
    runtime_min = MOST_RUNTIME_MIN if timeout_s is None else max(1, round(timeout_s / 60) + 1)
    return {
        "schedule": when,
        "timezone": str(definition.get("tz", "UTC")),
        "checkin_margin": MARGIN_MIN + ceil(jitter_s / 60),
        "max_runtime": runtime_min,
    }


def _crontab(job: str, definition: Mapping[str, str | int]) -> Told | None:
    """Only what every cron reads alike; with seconds or years, or an L, it is something else."""
    second, *fields, year = bound(str(definition["expression"]), job).split()
    is_plain = all(_PLAIN.fullmatch(field.upper()) for field in fields)
    if (second, year) != ("0", "*") or not is_plain:
        return None
    return {"type": "crontab", "value": " ".join(fields)}


def _interval(span: timedelta) -> Told | None:
    minutes, rest = divmod(span, timedelta(minutes=1))
    if rest:
        return None
    unit, length = next(each for each in _UNITS if minutes % each[1] == 0)
    return {"type": "interval", "value": minutes // length, "unit": unit}
