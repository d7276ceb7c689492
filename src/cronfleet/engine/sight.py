"""What was seen in the store last, and is of use still: not every claim needs a look before it."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.clock import Clock
from cronfleet.engine.choice import Choice, foreseen
from cronfleet.model import Instant
from cronfleet.store import Seen

FRESH_MS = 200
"""For how long after a peek what it saw due is asked for without another: others claim, too."""


class Sight:
    """What the last peek showed. Whatever has changed since, a claim that is out of date is lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: Seen | None = None
        self._coming: Seen | None = None
        self._seen_at: Instant = 0

    def peeked(self) -> None:
        """The store was asked just now."""
        self._seen_at = self._clock.boot_ms()

    def chose(self, seen: Seen, choice: Choice) -> None:
        """What was not asked for may be of use."""
        self._left = choice.left
        # What comes after a tick that is claimed now is not known.
        self._coming = None if choice.items else seen

    def forget(self) -> None:
        """Others were first: it is out of date."""
        self._left = self._coming = None

    def now(self, store_now: Instant) -> Seen | None:
        """What is due now, as far as was seen or foreseen; each is answered once."""
        left, coming = self._left, self._coming
        self.forget()
        if left is not None:
            is_fresh = self._clock.boot_ms() - self._seen_at <= FRESH_MS
            return replace(left, now=store_now) if is_fresh else None
        ahead = foreseen(coming, store_now) if coming and coming.soon else None
        return ahead if ahead and ahead.due else None
