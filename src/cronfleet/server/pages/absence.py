"""That the store is away: one page finds out, and no other has to wait to find out again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from cronfleet import CronfleetError, StoreUnavailableError

AGAIN_AFTER_S = 2.0
KNOWN_FOR_S = 10.0
"""Older news may be wrong: whoever asks then waits for an answer."""


class Absence:
    """What is known of it. In the background it is looked again, a few seconds apart."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.trouble: str = ""
        """Why the store did not answer; empty if it did."""
        self._now_s = now_s
        self._noted_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the store was away a moment ago, or is being asked just now."""
        return bool(self.trouble) and (self._is_looking or self._age_s < KNOWN_FOR_S)

    def note(self, error: StoreUnavailableError) -> None:
        self.trouble = str(error)
        self._noted_s = self._now_s()

    def end(self) -> None:
        """The store has answered."""
        self.trouble = ""

    def look_again(self, look: Callable[[], Awaitable[object]]) -> None:
        """In the background, unless that was tried just now; `look` notes what it finds."""
        if not self._is_looking and self._age_s >= AGAIN_AFTER_S:
            self._looking = asyncio.create_task(_looked(look))

    @property
    def _is_looking(self) -> bool:
        return self._looking is not None and not self._looking.done()

    @property
    def _age_s(self) -> float:
        return self._now_s() - self._noted_s


async def _looked(look: Callable[[], Awaitable[object]]) -> None:
    with contextlib.suppress(CronfleetError):  # Whoever asks next is told.
        await look()
