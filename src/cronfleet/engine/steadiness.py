"""Whether the store's clock and this instance's boot clock move together. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.model import Instant

LARGEST_LEAP_MS = 5_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The store's time, and the boot clock before the call was sent and after the answer came."""

    store: Instant
    sent_at: Instant
    received_at: Instant

    def at(self, now: Instant) -> Instant:
        """The store's time when the boot clock shows `now`: what it was, and what has passed since."""
        return self.store + now - self.received_at

    def or_sharper(self, known: Reading) -> Reading:
        """An earlier reading, where it is as right and tells a later time.

        An answer that was long under way is of a time that is long gone. What is a millisecond
        later may be no more than what was cut off.
        """
        latest = self.store + self.received_at - self.sent_at
        return known if self.store + 1 < known.at(self.received_at) <= latest else self


UNREAD = Reading(0, 0, 0)
"""As if read before all time."""


class Steadiness:
    """Compares each reading with the one before it."""

    def __init__(self, ttl_ms: int) -> None:
        self._ttl_ms = ttl_ms
        self._last: Reading | None = None
        self._leapt_at: Instant | None = None

    def take(self, reading: Reading) -> int:
        """Take a reading; answers by how much the clocks parted, 0 if they did not."""
        last, self._last = self._last, reading
        leap = 0 if last is None else _leap_ms(last, reading)
        if leap:
            self._leapt_at = reading.received_at
        return leap

    def is_steady(self, now: Instant) -> bool:
        """Whether both have moved together for a TTL since the last leap."""
        return self._leapt_at is None or now - self._leapt_at >= self._ttl_ms


def _leap_ms(last: Reading, reading: Reading) -> int:
    """By how much more than the calls can explain the two clocks moved apart."""
    moved = reading.store - last.store
    shortest = reading.sent_at - last.received_at
    longest = reading.received_at - last.sent_at
    if moved > longest + LARGEST_LEAP_MS:
        return moved - longest
    return moved - shortest if moved < shortest - LARGEST_LEAP_MS else 0
