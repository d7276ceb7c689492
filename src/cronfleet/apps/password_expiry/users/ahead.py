"""How many passwords expire on each of the days to come, counted while the users are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo

DAYS = 42
"""Six weeks, to be shown as such."""


class Ahead:
    """The days to come, from `now` on, by the clocks of a zone."""

    def __init__(self, zone: tzinfo, now: datetime) -> None:
        self._zone = zone
        self._now = now
        self._last = now + timedelta(days=DAYS)
        self._days: Counter[int] = Counter()

    @property
    def days(self) -> Mapping[str, int]:
        """By the ISO date of the day."""
        days = sorted(self._days.items())
        return {date.fromordinal(day).isoformat(): count for day, count in days}

    def count(self, expiries: Iterable[datetime]) -> None:
        """Count those that are on one of these days."""
        for expiry in expiries:
            if self._now < expiry < self._last:
                self._days[expiry.astimezone(self._zone).date().toordinal()] += 1
