"""Whether the store is still the one that this instance has known. Pure.

It is another one if its id changed. It went back if it has lived for a shorter time than was seen
before, or knows nothing of renewals that it had answered: after a failover by up to
`MOST_LOST_MS`, in a later epoch, which is what an asynchronous replica may lose. All else is an
old copy, with ticks in it that have run since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cronfleet.model import Instant
from cronfleet.store import StoreInfo

MOST_LOST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Same:
    """It is; but a failover may have lost the last of what it had acknowledged."""

    lost_ms: int = 0


@dataclass(frozen=True, slots=True)
class Successor:
    """It is another one, and a person has said that it is to be gone on with."""

    info: StoreInfo


@dataclass(frozen=True, slots=True)
class Reset:
    """It was emptied, restored or replaced."""

    info: StoreInfo
    said: str


Recognised: TypeAlias = Same | Successor | Reset


class Acquaintance:
    """What one instance has seen of its store. Instants are of the boot clock."""

    def __init__(self) -> None:
        self._known: StoreInfo | None = None
        self._heard_at: Instant = 0
        self._went_back = False

    @property
    def known(self) -> StoreInfo | None:
        """What the store said last, while it was the one that is known."""
        return self._known

    def meet(
        self, info: StoreInfo, sent_at: Instant, received_at: Instant, forgot_ms: int = 0
    ) -> Recognised:
        """Compare what the store says now with what is known of it.

        `forgot_ms` is how long this instance's renewals took of which it knows nothing. Shorter
        than a TTL, that is all that tells: what is renewed again at once seems to have lived on.
        """
        known = self._known
        if known is None:
            return self._take(info, received_at, Same())
        if sent_at < self._heard_at:
            return Same()  # An older answer that was overtaken tells nothing.
        if info.id != known.id:
            if info.adopted:
                return self._take(info, received_at, Successor(info))
            return Reset(info, f"id {known.id[:8]} is now {info.id[:8]}")
        lost_ms = max(forgot_ms, known.lived_ms - info.lived_ms)
        if back := self._how_it_went_back(known, info, lost_ms):
            self._went_back = True  # It lives on: later it would look as if nothing was lost.
            return Reset(info, back)
        return self._take(info, received_at, Same(lost_ms))

    def _how_it_went_back(self, known: StoreInfo, info: StoreInfo, lost_ms: int) -> str:
        if info.epoch < known.epoch:
            return f"epoch {known.epoch} is now {info.epoch}"
        if lost_ms > MOST_LOST_MS or (lost_ms > 0 and info.epoch == known.epoch):
            return f"it went back by {lost_ms / 1000:.1f} s, in epoch {info.epoch}"
        return "it went back before" if self._went_back else ""

    def _take(self, info: StoreInfo, received_at: Instant, as_what: Recognised) -> Recognised:
        self._known, self._heard_at, self._went_back = info, received_at, False
        return as_what
