"""What is held for a span at a time: prolonged in the background, and told when it is lost."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from cronfleet.clock import Clock
from cronfleet.errors import InvalidLockError, StoreError
from cronfleet.model import Instant

log: logging.Logger = logging.getLogger(__name__)

AnyEvent = TypeVar("AnyEvent", asyncio.Event, threading.Event)

TRY_AGAIN_MS = 1_000
"""When a renewal that was not answered is sent again, unless the next one comes sooner."""


_NAME = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
_SHORTEST, _LONGEST = timedelta(milliseconds=100), timedelta(days=1)


def check_terms(name: str, ttl: timedelta, timeout: timedelta | None) -> None:
    """Whether a lock can be as it is asked for. Raises InvalidLockError."""
    if not _NAME.fullmatch(name):
        raise InvalidLockError(name, "write a name of 1 to 128 letters, digits and . _ : / -")
    if not _SHORTEST <= ttl <= _LONGEST:
        raise InvalidLockError(name, f"its ttl is {ttl}: choose from 0.1 s to a day")
    if timeout is not None and timeout < timedelta(0):
        raise InvalidLockError(name, f"its timeout is {timeout}: it cannot be below 0")


@dataclass(frozen=True, slots=True)
class Span:
    """For how long something is granted at a time, in milliseconds, and what follows from that."""

    ttl_ms: int
    margin_ms: int
    """How much sooner than the store the holder believes that it is over."""

    @property
    def renewal_ms(self) -> int:
        """Between two renewals: a grant outlives two that fail."""
        return self.ttl_ms // 3

    def deadline(self, sent_at: Instant) -> Instant:
        """Until when to rely on what was granted to a request that was sent then.

        Counted from before it was sent: the store's span began no earlier.
        """
        return sent_at + self.ttl_ms - self.margin_ms


@dataclass(slots=True, eq=False)
class Hold:
    """Something granted for a span, from a request sent at `sent_at` by the boot clock.

    `renew` asks for another span, and answers whether it was granted. `when_lost` is called in
    the keeper's event loop.
    """

    what: str
    lost: asyncio.Event | threading.Event
    span: Span
    sent_at: Instant
    renew: Callable[[], Awaitable[bool]]
    when_lost: Callable[[], None]
    is_asking: bool = False
    try_again_at: Instant = 0

    @property
    def deadline(self) -> Instant:
        return self.span.deadline(self.sent_at)

    @property
    def wakes_at(self) -> Instant:
        """When there is something to do about it."""
        if self.is_asking:
            return self.deadline
        renew_at = max(self.sent_at + self.span.renewal_ms, self.try_again_at)
        return min(renew_at, self.deadline)


class Held(Generic[AnyEvent]):
    """What a holder sees of what it holds. Once lost, it stays lost."""

    def __init__(self, hold: Hold, lost: AnyEvent, clock: Clock) -> None:
        self.lost: AnyEvent = lost
        """Set when it is no longer ours: stop, another may be at it."""
        self._hold = hold
        self._clock = clock

    def __repr__(self) -> str:
        return f"<{self._hold.what}, {'held' if self.is_held else 'lost'}>"

    @property
    def is_held(self) -> bool:
        """Whether it may be relied on now. True to the millisecond, which `lost` need not be."""
        return not self.lost.is_set() and self._clock.boot_ms() < self._hold.deadline

    @property
    def deadline(self) -> datetime:
        """When it is lost unless it is renewed before, by this machine's clock; aware UTC."""
        left_ms = self._hold.deadline - self._clock.boot_ms()
        return datetime.fromtimestamp((self._clock.wall_ms() + left_ms) / 1000, UTC)


class Keeper:
    """Renews what is held, in one event loop. `add` and `remove` may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._clock = clock
        self._holds: set[Hold] = set()
        self._lock = threading.Lock()
        self._wakes_at: Instant | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, hold: Hold) -> None:
        """Keep it from now on."""
        wakes_at = hold.sent_at + hold.span.renewal_ms
        with self._lock:
            self._holds.add(hold)
            # A timer that is set already is left alone: locks are often held for a moment only.
            is_next = self._wakes_at is None or wakes_at < self._wakes_at
            if is_next:
                self._wakes_at = wakes_at
        if is_next:
            self.loop.call_soon_threadsafe(self._set_timer)

    def remove(self, hold: Hold) -> None:
        """Keep it no longer. Repeatable."""
        with self._lock:
            self._holds.discard(hold)

    def close(self) -> None:
        """Keep nothing any more. What is still held counts as lost."""
        for hold in list(self._holds):
            self._lose(hold, "what renews it was closed")
        self._look_ahead()

    def _look_ahead(self) -> None:
        with self._lock:
            self._wakes_at = min((hold.wakes_at for hold in self._holds), default=None)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wakes_at is not None:
            wait_ms = max(0, self._wakes_at - self._clock.boot_ms())
            self._timer = self.loop.call_later(wait_ms / 1000, self._tick)

    def _tick(self) -> None:
        now = self._clock.boot_ms()
        with self._lock:
            waking = [hold for hold in self._holds if hold.wakes_at <= now]
        for hold in waking:
            if hold.deadline <= now:
                self._lose(hold, "no renewal was answered in time")
            else:
                hold.is_asking = True
                task = self.loop.create_task(self._renew(hold), name=f"renew {hold.what}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._look_ahead()

    async def _renew(self, hold: Hold) -> None:
        sent_at = self._clock.boot_ms()
        try:
            is_granted = await hold.renew()
        except StoreError as error:
            log.warning("%s could not be renewed, it will be tried again: %s", hold.what, error)
            hold.try_again_at = sent_at + min(hold.span.renewal_ms, TRY_AGAIN_MS)
        else:
            if is_granted:
                hold.sent_at = sent_at
            else:
                self._lose(hold, "the store says that it is no longer ours")
        finally:
            hold.is_asking = False
            self._look_ahead()

    def _lose(self, hold: Hold, why: str) -> None:
        with self._lock:
            if hold not in self._holds:
                return  # Given back meanwhile.
            self._holds.discard(hold)
        log.warning("%s is lost: %s", hold.what, why)
        hold.lost.set()
        hold.when_lost()
