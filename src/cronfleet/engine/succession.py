"""A store that is not the one it was: nothing is claimed in it until it is adopted."""

from __future__ import annotations

import logging

from cronfleet.adopting import adopt
from cronfleet.chance import fresh_id
from cronfleet.engine.acquaintance import Acquaintance, Recognised, Reset, Same
from cronfleet.engine.fate import Fate
from cronfleet.engine.steadiness import UNREAD, Reading
from cronfleet.model import Instant
from cronfleet.store import Order, Store, StoreInfo

log: logging.Logger = logging.getLogger(__name__)


class Succession:
    """Which store is worked with, and up to when its ticks have run in one before it."""

    def __init__(self) -> None:
        self._acquaintance = Acquaintance()
        self._reading = UNREAD
        self._greatest: Instant = 0
        self._elsewhere = UNREAD
        """Of the stores that were in use, and refused, the reading that is furthest ahead."""
        self.trouble: str = ""
        """Why nothing may be claimed; empty when the store is the right one."""
        self.floor: Instant = 0
        """No tick up to here may be run any more: it was in reach of a store before."""
        self.is_settled: bool = True
        """Whether the store expects nothing up to the floor, as far as is known."""

    @property
    def known(self) -> StoreInfo | None:
        """What the store said last, while it was the one that is known."""
        return self._acquaintance.known

    def saw(self, now: Instant) -> None:
        """The store's time, while it was the one that is known: its clock may be set back later."""
        self._greatest = max(self._greatest, now)

    def recognise(self, info: StoreInfo, reading: Reading, forgot_ms: int = 0) -> Recognised:
        """Compare a store that was read so with the one that is known; see `Acquaintance.meet`."""
        known, self._reading = self._reading, reading
        met = self._acquaintance.meet(info, reading.sent_at, reading.received_at, forgot_ms)
        if isinstance(met, Same):
            self._go_on(met)
            return met
        self._reading = known  # Its time goes on by the boot clock, whatever the other says.
        now = known.at(reading.received_at)
        self.floor = max(self.floor, self._greatest, now)
        if isinstance(met, Reset):
            if info.lived_ms:  # Those who came after the reset work in it, and it may be lost, too.
                self._elsewhere = max(self._elsewhere, reading, key=lambda each: each.at(0))
            self._stop(met)
        else:
            log.warning("the store was adopted: going on with it, in a new session")
            self.floor = max(self.floor, self._elsewhere.at(reading.received_at))
            self.trouble, self.is_settled = "", False
        return met

    async def settle(self, fate: Fate) -> None:
        """Settle what the store expects up to the floor, if there may be any. Raises StoreError."""
        if not self.is_settled:
            await fate.settle_until(self.floor)
            self.is_settled = True  # If it is yet another store by now, a peek shows it.

    async def adopt(self, store: Store, info: StoreInfo, label: str) -> StoreInfo:
        """Adopt it without a person. Raises StoreError."""
        log.error("adopting the store without a person, as on_store_reset says: %s", self.trouble)
        order = Order(fresh_id(), label, "on_store_reset")
        return (await adopt(store, info.id, order)).info

    def _go_on(self, met: Same) -> None:
        if met.lost_ms:
            log.warning("a failover lost about the last %d ms of the store", met.lost_ms)
        if self.trouble:
            log.warning("the store is the one it was again: claims go on")
        self.trouble, self._elsewhere = "", UNREAD

    def _stop(self, reset: Reset) -> None:
        was_stopped, self.trouble = bool(self.trouble), _told(reset)
        if not was_stopped:
            log.error("claiming stopped: %s", self.trouble)


def _told(reset: Reset) -> str:
    return (
        f"the store is not the one it was ({reset.said}): it was emptied, restored or replaced. "
        "Put the right one back, or go on with this one by `cronfleet store adopt`"
    )
