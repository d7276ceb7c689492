"""The spans by which an instance works."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from cronfleet.errors import ConfigurationError

SHORTEST_TTL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Times:
    """All in milliseconds. What depends on the session's TTL is derived from it."""

    ttl_ms: int = 10_000
    drain_ms: int = 25_000
    poll_ms: int = 1_000
    cancel_grace_ms: int = 5_000
    hurried_grace_ms: int = 500
    """The same for a drain that was told to hurry."""
    loop_alarm_ms: int = 1_000
    prune_ms: int = 60_000
    """Between two rounds of the janitor."""
    prune_at: int = 100
    """A round begins early when so many runs of one job have ended since the last."""
    patience_ms: int = 60_000
    """How long a store that is not up yet is waited for at the start."""

    @property
    def renewal_ms(self) -> int:
        """Between two renewals: a session outlives two that fail."""
        return self.ttl_ms // 3

    @property
    def margin_ms(self) -> int:
        """How much sooner than the store an instance believes its session expired."""
        return self.ttl_ms // 10

    @property
    def loss_grace_ms(self) -> int:
        """How long a process may take to end when its session may soon be closed: less than that."""
        return self.margin_ms // 2

    @property
    def call_ms(self) -> int:
        """How long a call to the store may take."""
        return self.ttl_ms // 4

    @property
    def reconcile_ms(self) -> int:
        """How often an instance asks which runs it holds, though nothing seems wrong."""
        return 6 * self.ttl_ms

    @property
    def stuck_ms(self) -> int:
        """An event loop that stands still for so long is given up: the session may end."""
        return 6 * self.ttl_ms


def times_of(session_ttl: timedelta, drain_timeout: timedelta, patience: timedelta) -> Times:
    """As a user gives them. Raises ConfigurationError."""
    if session_ttl < SHORTEST_TTL:
        raise ConfigurationError(f"session_ttl={session_ttl} is too short: 1 s at least")
    if min(drain_timeout, patience) < timedelta(0):
        raise ConfigurationError("drain_timeout and patience must not be negative")
    return Times(_ms(session_ttl), _ms(drain_timeout), patience_ms=_ms(patience))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


async def rest(event: asyncio.Event, span_ms: float) -> None:
    """Wait for the event, but no longer than the span."""
    if event.is_set():
        return
    timer = asyncio.get_running_loop().call_later(max(0.0, span_ms) / 1000, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()
