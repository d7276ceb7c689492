"""What an expression means: in words, and when it fires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cronfleet import InvalidScheduleError, Upcoming, cron

FIRES_SHOWN = 15
EXAMPLES = (
    ("30 2 * * *", "Europe/Berlin", "in the night of the clock change"),
    ("0 9 * * 1-5", "America/New_York", "office hours begin"),
    ("*/15 8-17 * * *", "UTC", "each quarter of an hour by day"),
    ("0 12 L * *", "UTC", "the last day of each month"),
    ("0 7 * * 1#1", "Asia/Tokyo", "the first Monday of each month"),
)
MOST_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Playground:
    """What was asked, and what it means; or what is wrong with it, and where."""

    expression: str
    zone: str
    job: str
    words: str = ""
    fires: Sequence[Upcoming] = ()
    error: InvalidScheduleError | None = None

    @property
    def wrong_part(self) -> tuple[str, str, str] | None:
        """The expression before, at and behind what is wrong, if it can be pointed at."""
        if self.error is None or not self.error.text:
            return None
        before, found, behind = self.expression.partition(self.error.text)
        return (before, found, behind) if found and self.error.field != "tz" else None


def played(expression: str, zone: str, job: str, now: datetime) -> Playground:
    """The answer to what was asked. A job's name is what an H in the expression follows from."""
    if not expression.strip():
        return Playground(expression, zone, job)
    try:
        schedule = cron(expression, zone)
        schedule = schedule.for_job(job) if job else schedule
        words = schedule.describe()
        fires = schedule.upcoming(FIRES_SHOWN, after=now)
    except InvalidScheduleError as error:
        return Playground(expression, zone, job, error=error)
    return Playground(expression, zone, job, words, fires)
