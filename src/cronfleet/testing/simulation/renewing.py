"""Renewals by the event loop's timers, so that simulated time moves them too."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

from cronfleet.clock import Clock
from cronfleet.engine.renewal import News, RenewalThread
from cronfleet.engine.times import Times
from cronfleet.model import Instant, SessionId
from cronfleet.store import Store


class RenewalTimer(RenewalThread):
    """What the thread does, without a thread."""

    def __init__(
        self, store: Store, clock: Clock, times: Times, tell: Callable[[News], None]
    ) -> None:
        super().__init__(store, clock, times, tell)
        self._context = contextvars.copy_context()
        self._timer: asyncio.Handle | None = None

    def hold(self, session: SessionId, sent_at: Instant) -> None:
        self._take(session, sent_at)
        self.renew_now()

    def hurry(self) -> None:
        self.renew_now()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._drop_connection()

    def renew_now(self) -> None:
        """There is something to see for those who look."""
        self._set_timer(0)

    def _set_timer(self, wait_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(wait_ms / 1000, self._step, context=self._context)

    def _step(self) -> None:
        self._renew()
        self._set_timer(self._renew_at - self._clock.boot_ms())

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon(call, *arguments)
