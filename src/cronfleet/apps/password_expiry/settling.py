"""Writing down how a notice ended, for as long as its lease lasts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from cronfleet.apps.password_expiry.databases import DatabaseError, OddValueError
from cronfleet.apps.password_expiry.notices import Outbox
from cronfleet.apps.password_expiry.states import NoticeState
from cronfleet.apps.password_expiry.values import HANDOFF_LEASE, LEASE, Lease
from cronfleet.context import LogAdapter

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10
LAST_WAIT_S = 15
"""How long a write under way is waited for when the run is cancelled."""

T = TypeVar("T")


@dataclass(slots=True)
class Held:
    """A notice that this run holds, and until when, by this machine's clock."""

    lease: Lease
    until: float = field(default_factory=lambda: time.monotonic() + LEASE.total_seconds())
    is_handed_off: bool = False

    def hands_off(self) -> None:
        """It may be accepted from now on."""
        self.is_handed_off = True
        self.until = time.monotonic() + HANDOFF_LEASE.total_seconds()


class Settling:
    """One run's writes about its notices. `counted` is what became of them.

    A write that fails is repeated until the lease ends: what an answer said is not to be lost for
    a database that is busy. All of them are fenced, and may be repeated.
    """

    def __init__(self, outbox: Outbox, log: LogAdapter) -> None:
        self.counted: Counter[NoticeState] = Counter()
        self._outbox = outbox
        self._log = log

    async def settle(self, held: Held, to: NoticeState, reason: str = "") -> None:
        """Raises `DatabaseError` when it could not be written, as all others here do."""
        is_settled = await self._write(held, lambda: self._outbox.settle(held.lease, to, reason))
        self._count(held, to if is_settled else None, reason)

    async def put_off(self, held: Held, reason: str) -> None:
        """A passing failure."""
        to = await self._write(held, lambda: self._outbox.put_off(held.lease, reason))
        self._count(held, to, reason)

    async def rest(self, held: Held, reason: str) -> None:
        """A failure that the notice was not to blame for."""
        rests = await self._write(held, lambda: self._outbox.rest(held.lease, reason))
        self._count(held, NoticeState.PENDING if rests else None, reason)

    async def take_back(self, held: Held, reason: str) -> None:
        """What was settled as dead was not to blame."""
        if await self._write(held, lambda: self._outbox.take_back(held.lease, reason)):
            self.counted[NoticeState.DEAD] -= 1
            self._count(held, NoticeState.PENDING, reason)

    async def give_up(self, held: Held) -> None:
        """Leave a mail in the middle: before the hand-off nothing was sent; after it, who knows."""
        to, reason = NoticeState.PENDING, ""
        if held.is_handed_off:
            to, reason = NoticeState.UNCERTAIN, "stopped before the answer"
        try:
            is_settled = await to_the_end(lambda: self._outbox.settle(held.lease, to, reason))
        except DatabaseError:
            return  # The lease runs out, and means the same.
        if is_settled:
            self._count(held, to, reason or "given back")

    async def _write(self, held: Held, write: Callable[[], T]) -> T:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await to_the_end(write)
            except OddValueError:
                raise
            except DatabaseError as error:
                if time.monotonic() + pause_s >= held.until:
                    raise
                self._log.warning("user %r: will be written again: %s", held.lease.key.user, error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _count(self, held: Held, to: NoticeState | None, reason: str) -> None:
        user = held.lease.key.user
        if to is None:
            self._log.warning("user %r: the lease of the notice ran out", user)
            return
        self.counted[to] += 1
        if to is not NoticeState.SENT:
            self._log.warning("user %r: the notice is %s: %s", user, to, reason)


async def to_the_end(write: Callable[[], T], last: timedelta = timedelta(seconds=LAST_WAIT_S)) -> T:
    """Do a write in a thread, and wait for it even when cancelled, for so long; then be cancelled."""
    writing = asyncio.ensure_future(asyncio.to_thread(write))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing}, timeout=last.total_seconds())
        _ = writing.done() and (writing.cancelled() or writing.exception())  # Else it is reported.
        raise
