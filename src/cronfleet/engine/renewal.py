"""The thread that renews: a blocked event loop does not lose the session, a dead one does."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

from cronfleet.clock import Clock
from cronfleet.engine.standstill import where
from cronfleet.engine.times import Times
from cronfleet.errors import StoreError
from cronfleet.model import Instant, SessionId
from cronfleet.store import Renewal, Renewer, Store

log: logging.Logger = logging.getLogger(__name__)


LEAST_BETWEEN_MS = 100
"""Renewals that are hurried come no closer than this."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when, by the boot clock, this instance may believe that it holds the session."""

    session: SessionId
    deadline: Instant


@dataclass(frozen=True, slots=True)
class Asked:
    """A renewal is about to be sent."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The session was prolonged."""

    renewal: Renewal
    sent_at: Instant
    received_at: Instant


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The store is away, or cannot be used."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class Lost:
    """The session is closed, for ever."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class Died:
    """The thread has ended by an error that is nobody's answer: there is no renewal any more."""

    error: BaseException | None


News: TypeAlias = Asked | Answered | Unanswered | Lost | Died


class RenewalThread:
    """Renews one session after another, and tells the event loop what the store said."""

    def __init__(
        self, store: Store, clock: Clock, times: Times, tell: Callable[[News], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._times = times
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._lock = threading.Lock()
        self._lease = Lease(SessionId(""), 0)
        self._renew_at: Instant = 0
        self._renewed_at: Instant = 0
        self._wake = threading.Event()
        self._pinged_at: Instant | None = None
        self._is_alarmed = False
        self._stopping = threading.Event()
        self._renewer: Renewer | None = None
        self._thread = threading.Thread(target=self._run, name="cronfleet-renewal", daemon=True)

    @property
    def lease(self) -> Lease:
        with self._lock:
            return self._lease

    def hold(self, session: SessionId, sent_at: Instant) -> None:
        """Renew this session from now on; its `join` was sent at that instant."""
        self._take(session, sent_at)
        if not self._thread.is_alive():
            self._thread.start()

    def _take(self, session: SessionId, sent_at: Instant) -> None:
        with self._lock:
            self._lease = Lease(session, self._deadline(sent_at))
        self._renew_at = self._clock.boot_ms()  # At once: the answer tells who else is there.

    def hurry(self) -> None:
        """Renew before it is due; many who want that at once are served by one renewal."""
        soon = max(self._clock.boot_ms(), self._renewed_at + LEAST_BETWEEN_MS)
        self._renew_at = min(self._renew_at, soon)
        self._wake.set()

    async def stop(self) -> None:
        """End the thread; a renewal under way is waited for."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _deadline(self, sent_at: Instant) -> Instant:
        # Counted from before the request was sent: the store's span began no earlier.
        return sent_at + self._times.ttl_ms - self._times.margin_ms

    def _run(self) -> None:
        try:
            self._keep_renewing()
        finally:
            if not self._stopping.is_set():
                self._in_loop(self._tell, Died(sys.exception()))

    def _keep_renewing(self) -> None:
        while self._wait():
            stuck_ms = self._ping()
            if self._clock.boot_ms() < self._renew_at:
                continue
            if stuck_ms < self._times.stuck_ms:
                self._renew()
            else:
                self._renew_at = self._clock.boot_ms() + self._times.loop_alarm_ms
        self._drop_connection()

    def _wait(self) -> bool:
        """Until there may be something to do; answers whether to go on."""
        self._wake.wait(self._wait_ms() / 1000)
        self._wake.clear()
        return not self._stopping.is_set()

    def _wait_ms(self) -> int:
        wait_ms = self._renew_at - self._clock.boot_ms()
        return max(0, min(wait_ms, self._times.loop_alarm_ms))

    def _ping(self) -> int:
        """Ask the event loop for a sign of life; answers for how long it has given none."""
        now = self._clock.boot_ms()
        if self._pinged_at is None:
            self._pinged_at = now
            self._in_loop(self._pong)
            return 0
        stuck_ms = now - self._pinged_at
        if stuck_ms >= self._times.loop_alarm_ms and not self._is_alarmed:
            self._is_alarmed = True
            log.warning(
                "the event loop has stood still for %d ms: a handler blocks it (%s); write it as "
                'plain def, so that it gets a thread, or give it isolation="process"',
                stuck_ms,
                where(self._loop, self._loop_thread),
            )
        return stuck_ms

    def _pong(self) -> None:
        if self._is_alarmed and self._pinged_at is not None:
            stuck_ms = self._clock.boot_ms() - self._pinged_at
            log.warning("the event loop moves again, after %d ms", stuck_ms)
        self._pinged_at = None
        self._is_alarmed = False

    def _renew(self) -> None:
        session = self.lease.session
        self._in_loop(self._tell, Asked())
        sent_at = self._clock.boot_ms()
        self._renewed_at, self._renew_at = sent_at, sent_at + self._times.renewal_ms
        try:
            self._renewer = self._renewer or self._store.renewer()
            renewal = self._renewer.renew(session)
        except StoreError as error:
            self._renew_at = sent_at + min(self._times.renewal_ms, self._times.poll_ms)
            self._drop_connection()
            self._in_loop(self._tell, Unanswered(error))
            return
        received_at = self._clock.boot_ms()
        if renewal is None:
            self._in_loop(self._tell, Lost(session))
            return
        with self._lock:
            if self._lease.session == session:
                self._lease = Lease(session, self._deadline(sent_at))
        self._in_loop(self._tell, Answered(renewal, sent_at, received_at))

    def _drop_connection(self) -> None:
        if self._renewer is not None:
            self._renewer.close()
            self._renewer = None

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


Renewing: TypeAlias = Callable[[Store, Clock, Times, Callable[[News], None]], RenewalThread]

renews_by: ContextVar[Renewing] = ContextVar("renews_by", default=RenewalThread)
"""What renews: simulated time has its own, since no thread can wait in it."""
