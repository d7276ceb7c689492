"""How many passwords expire on each of the days to come, counted while the users are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from cronfleet.apps.password_expiry.policy import BadRowError, ExpiryRule, User

DAYS = 42
"""Six weeks, to be shown as such."""


class Ahead:
    """The days to come, from `now` on, by the clocks of the rule's zone."""

    def __init__(self, rule: ExpiryRule, now: datetime) -> None:
        self._rule = rule
        self._now = now
        self._last = now + timedelta(days=DAYS)
        self._days: Counter[int] = Counter()

    @property
    def days(self) -> Mapping[str, int]:
        """By the ISO date of the day."""
        days = sorted(self._days.items())
        return {date.fromordinal(day).isoformat(): count for day, count in days}

    def count(self, user: User) -> None:
        """Count a user whose password expires on one of these days."""
        try:
            expiry = self._rule.expiry_of(user, self._now)
        except BadRowError:
            return
        if expiry is not None and self._now < expiry < self._last:
            self._days[expiry.astimezone(self._rule.zone).date().toordinal()] += 1
