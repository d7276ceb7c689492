"""What was seen in the store last, and is of use still: not every claim needs a look before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cronfleet.clock import Clock
from cronfleet.engine.choice import Choice, earliest, foreseen
from cronfleet.model import Instant
from cronfleet.store import SOON_MS, Seen, TickClaim

FRESH_MS = 200
"""For how long after a peek its claims go by what it saw: others claim, too."""


class Sight:
    """What the last peek showed. Whatever has changed since, a claim that is out of date is lost.

    A peek costs as much as many claims. So while tick follows upon tick, what is due next is known
    from the last one, and what was claimed is not looked for again. What only the next peek would
    show, such as a retry that is ready just behind a tick, may come `FRESH_MS` later for that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen_at: Instant = 0
        self._left: Seen | None = None
        self._coming: Seen | None = None
        self._has_claimed = False
        self._is_stirred = False
        self._is_whole = False
        """Whether nothing has been due but what was seen, and all of that is asked for."""
        self._until: Instant = 0
        """When there may be more than was seen coming."""

    def asks(self) -> None:
        """The store is about to be asked: what changes from now on may not be in its answer."""
        self._is_stirred = False

    def peeked(self, seen: Seen, *, is_all: bool, is_cut: bool) -> None:
        """The store was asked just now; whether it showed all that is due.

        `is_cut`: of what is due soon it may have left out the latest.
        """
        self.forget()
        self._seen_at = self._clock.boot_ms()
        self._is_whole = is_all and not self._is_stirred
        self._until = seen.soon[-1].expected.due if is_cut else seen.now + SOON_MS
        first = seen.soon[0].expected.due if seen.soon else None
        if seen.next_due is not None and (first is None or seen.next_due < first):
            self._until = seen.next_due  # A run is ready then, or a pause ends.

    def chose(self, seen: Seen, choice: Choice) -> None:
        """What was not asked for may be of use."""
        self._left, self._coming = choice.left, seen
        self._has_claimed = self._has_claimed or bool(choice.items)
        self._is_whole = self._is_whole and choice.is_all
        self._until = earliest(self._until, choice.others_at, *_made_by(choice))

    def stirred(self) -> None:
        """There may be more than was seen."""
        self._is_stirred = True
        self._is_whole = False

    def forget(self) -> None:
        """Others were first: it is out of date."""
        self._left = self._coming = None
        self._is_whole = self._has_claimed = False

    def now(self, store_now: Instant) -> Seen | None:
        """What is due now, as far as was seen or foreseen; None where the store must be asked.

        Each is answered once: `chose` says what is left of it.
        """
        left, coming = self._left, self._coming
        self._left = self._coming = None
        if coming is None:
            return None
        ahead = foreseen(coming, store_now)
        fresh_ms = self._seen_at + FRESH_MS - self._clock.boot_ms()
        if left is not None:
            return _together(left, ahead) if fresh_ms >= 0 else None
        if not self._has_claimed:
            return ahead if ahead.due else None
        if not self._is_whole or fresh_ms < 0 or store_now >= self._until:
            return None
        # Even if nothing is due: that is known, and so is when to ask again.
        return replace(
            ahead, next_due=earliest(ahead.next_due, self._until, store_now + fresh_ms + 1)
        )


def _made_by(choice: Choice) -> Iterator[Instant]:
    """When the ticks are due that follow upon those that are claimed."""
    for item in choice.items:
        if isinstance(item, TickClaim) and item.following:
            yield item.following.due


def _together(left: Seen, ahead: Seen) -> Seen:
    """What was left, and what has become due since."""
    return replace(ahead, due=[*left.due, *ahead.due], pending=left.pending)
