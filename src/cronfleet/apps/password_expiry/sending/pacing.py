"""No more mails in a second than the one who takes them would have."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

_LOOK_S = 0.1  # How soon a wait is given up when the run is over.


class Pace:
    """Turns at even distances, for all lanes of all runs of this instance; None: at once."""

    def __init__(
        self,
        per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._distance_s = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    @property
    def is_free(self) -> bool:
        """Whether there is nothing to wait for."""
        return not self._distance_s

    def lanes(self, most: int) -> int:
        """How many mails at a time are of use: one that takes a second needs no more than that."""
        return most if self.is_free else min(most, math.ceil(1 / self._distance_s))

    async def turn(self, is_over: Callable[[], bool]) -> None:
        """Wait for a turn, but no longer than until it `is_over`."""
        if self.is_free:
            return
        turn = max(self._next, self._clock())
        self._next = turn + self._distance_s
        while (left := turn - self._clock()) > 0 and not is_over():
            await self._sleep(min(left, _LOOK_S))
