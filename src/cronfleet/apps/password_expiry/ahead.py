"""How many passwords expire on each of the days to come, counted while the users are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from cronfleet.apps.password_expiry.policy import BadRowError, ExpiryRule, User, stored_instant

DAYS = 42
"""Six weeks, to be shown as such."""


class Ahead:
    """The days to come, from `now` on, in UTC."""

    def __init__(self, rule: ExpiryRule, now: datetime) -> None:
        self._age = rule.max_age or timedelta()
        self._now = now
        self._from = now - self._age
        self._to = now - self._age + timedelta(days=DAYS)
        self._days: Counter[int] = Counter()

    @property
    def days(self) -> Mapping[str, int]:
        """By the ISO date of the day."""
        days = sorted(self._days.items())
        return {date.fromordinal(day).isoformat(): count for day, count in days}

    def count(self, user: User) -> None:
        """Count a user whose password expires on one of these days."""
        try:
            stored = stored_instant(user.stored_date, self._now) if user.stored_date else None
        except BadRowError:
            return
        # Not `stored + age`: a date in the year 9999 means never, and would overflow.
        if stored is not None and self._from < stored < self._to:
            self._days[(stored + self._age).toordinal()] += 1
