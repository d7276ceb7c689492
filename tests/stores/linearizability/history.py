"""Writes down what several clients ask at once: each call, from the asking to the answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from cronfleet.errors import StoreUnavailableError
from cronfleet.testing.samples import NOON
from tests.stores.linearizability.checker import Told, violation
from tests.stores.linearizability.model import STEP_MS, Answer, Call, Register
from tests.stores.linearizability.passing import with_passed_over

FIRST = NOON - 1_000 * STEP_MS
"""The job's first tick: all that a history can claim are due."""
LIMIT = 2


class History:
    """All calls about one job, each as its client saw it.

    Of a store that takes steps side by side `passes_over` is true.
    """

    def __init__(self, shards: int = 1, *, passes_over: bool = False) -> None:
        self.shards = shards
        self._passes_over = passes_over
        self.told: list[Told] = []

    async def tell(
        self, client: str, call: Call, ask: Coroutine[Any, Any, Answer], patience_s: float | None
    ) -> Answer | None:
        """Ask, and write down what came: None if no answer came, or not in time.

        Then the client is to say by `ended` when the store is through with it, if it can.
        """
        invoked = float(time.monotonic_ns())
        answer = await _answer(ask, patience_s)
        returned = math.inf if answer is None else float(time.monotonic_ns())
        self.told.append(Told(client, call, answer, invoked, returned))
        return answer

    def ended(self, client: str) -> None:
        """The store is through with the client's last call."""
        at = max(at for at, each in enumerate(self.told) if each.client == client)
        self.told[at] = replace(self.told[at], ended=float(time.monotonic_ns()))

    def check(self) -> None:
        """Fail if no store that takes one step after the other can have answered so.

        One that takes them side by side may pass over what another has in hand.
        """
        job = Register(expected=FIRST, limit=LIMIT, now=NOON, shards=self.shards)
        told = with_passed_over(self.told) if self._passes_over else self.told
        found = violation(told, job)
        assert found is None, f"{found}\n\nall of it:\n{self}"

    def __str__(self) -> str:
        return "\n".join(map(str, sorted(self.told, key=lambda each: each.invoked)))


async def _answer(ask: Coroutine[Any, Any, Answer], patience_s: float | None) -> Answer | None:
    asking = asyncio.ensure_future(ask)
    await asyncio.wait({asking}, timeout=patience_s)
    asking.cancel()  # Whether the store carries it out all the same is not known.
    try:
        return await asking
    except (asyncio.CancelledError, StoreUnavailableError):
        return None
