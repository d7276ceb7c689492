"""Notices leased ahead, so that no lane waits for a commit before it begins with the next."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.password_expiry.outbox.values import Wanted
from cronfleet.apps.password_expiry.sending.gathering import Gathering
from cronfleet.apps.password_expiry.sending.requests import Held

_TIME_TO_SEND_S = 90
"""What must be left of a lease when its mail is begun: three answers of 30 s come before the dot."""


_AHEAD = 4
_QUICK_S = 1.0


class Supply:
    """One for each lane; `_AHEAD` while they last no longer than `_QUICK_S`, which saves commits.

    In all no more than `wanted.most`.

    Whatever no lane takes, or not in time, is given back with `give_back`, which costs it nothing.
    """

    def __init__(
        self, gathering: Gathering, wanted: Wanted, lanes: int, give_back: Callable[[Held], object]
    ) -> None:
        self._gathering = gathering
        self._wanted = wanted
        self._lanes = lanes
        self._give_back = give_back
        self._left = wanted.most
        self._ahead: deque[Held] = deque()
        self._reserved: list[Held] = []
        self._leasing: asyncio.Task[int] | None = None
        self._leased_at = 0.0
        self._is_closed = False

    async def take(self, reserved: Held | None = None) -> Held | None:
        """The next notice; None if nothing is due, the limit is reached, or it was closed.

        It is the reserved one, if there still is time for it; one that the mail server has been
        told of has no other time. Raises `CronfleetError` when none could be leased.
        """
        if reserved in self._reserved:
            self._reserved.remove(reserved)
            if reserved.is_announced or reserved.left_s >= _TIME_TO_SEND_S:
                return reserved
            self._return(reserved)
        while not self._is_closed:
            was_returned = self._return_the_old()
            if self._ahead:
                held = self._ahead.popleft()
                self._lease_ahead()
                return held
            if self._left == 0:
                return None
            # What was not due before may be now. What is given back is due behind the next commit.
            is_asked_anew = self._leasing is None and not was_returned
            if not await asyncio.shield(self._lease()) and is_asked_anew:
                return None
        return None

    def reserve(self) -> Held | None:
        """One to be taken after another, while there are enough for all lanes."""
        if len(self._ahead) < self._lanes:
            return None
        self._reserved.append(held := self._ahead.popleft())
        self._lease_ahead()
        return held

    def announce(self, reserved: Held) -> Mail | None:
        """Its mail, if that is written and there still is time for it: it will be taken."""
        reserved.is_announced = reserved.mail is not None and reserved.left_s >= _TIME_TO_SEND_S
        return reserved.mail if reserved.is_announced else None

    def first_without_mail(self) -> Held | None:
        """One of those ahead: to write its mail now saves the time later."""
        return next((held for held in self._ahead if held.mail is None), None)

    def close(self) -> None:
        """Lease nothing more, and give back what was leased ahead."""
        self._is_closed = True
        for held in (*self._reserved, *self._ahead):
            self._return(held)
        self._reserved.clear()
        self._ahead.clear()

    def _lease_ahead(self) -> None:
        if self._left and len(self._ahead) < 2 * self._lanes:
            self._lease()

    def _lease(self) -> asyncio.Task[int]:
        if self._leasing is None:
            self._leasing = asyncio.create_task(self._lease_some())
            self._leasing.add_done_callback(_look_at)
        return self._leasing

    async def _lease_some(self) -> int:
        """How many were to be had."""
        try:
            if self._is_closed:
                return 0
            now = time.monotonic()
            is_quick, self._leased_at = now - self._leased_at < _QUICK_S, now
            most = min(self._lanes * (_AHEAD if is_quick else 1), self._left)
            leased = await self._gathering.lease(replace(self._wanted, most=most))
        finally:
            self._leasing = None
        self._left -= len(leased)
        self._ahead.extend(leased)
        if self._is_closed:
            self.close()
        return len(leased)

    def _return_the_old(self) -> bool:
        """Whether any first ones were given back, since there is no time left to send them."""
        were_ahead = len(self._ahead)
        while self._ahead and self._ahead[0].left_s < _TIME_TO_SEND_S:
            self._return(self._ahead.popleft())
        return len(self._ahead) < were_ahead

    def _return(self, held: Held) -> None:
        self._left += 1
        self._give_back(held)


def _look_at(leasing: asyncio.Task[int]) -> None:
    """No lane may be waiting for it: the next one that does will see the same error."""
    if not leasing.cancelled():
        leasing.exception()
