"""A lock that holds while a majority of the servers say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import NamedTuple

from cronfleet.chance import between, fresh_id
from cronfleet.clock import Clock, SystemClock
from cronfleet.errors import (
    CronfleetError,
    LockLostError,
    LockTimeoutError,
    StoreUnavailableError,
)
from cronfleet.holding import Held, Hold, Keeper, Span, check_terms
from cronfleet.redlock.servers import Servers, Votes

log: logging.Logger = logging.getLogger(__name__)

_LONGEST_DELAY_S = 0.2


class Redlock:
    """Independent servers, of which a majority grants a lock.

    Three or more URLs of servers that share nothing: no replicas of each other, no cluster. Each
    is given `server_timeout` to answer. A context manager, or `aclose` gives the connections back.

    Raises ConfigurationError or MissingExtraError.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        server_timeout: timedelta = timedelta(milliseconds=200),
        clock: Clock | None = None,
    ) -> None:
        self._servers = Servers(urls, server_timeout)
        self._clock = clock or SystemClock()
        self._keeper: Keeper | None = None

    async def __aenter__(self) -> Redlock:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give all connections back. What is still held counts as lost. Repeatable."""
        if self._keeper is not None:
            self._keeper.close()
        await self._servers.aclose()

    def lock(
        self,
        name: str,
        *,
        ttl: timedelta = timedelta(seconds=30),
        timeout: timedelta | None = None,
    ) -> MajorityLock:
        """A lock for `async with`, which is the key `name` on each server.

        It holds for `ttl` less what it took to get it and 1 % for the drift of the clocks, and is
        renewed while its block lasts. It is asked for until it is got, or for `timeout`; 0 asks
        once. Raises InvalidLockError.
        """
        check_terms(name, ttl, timeout)
        if self._keeper is None:
            self._keeper = Keeper(self._clock)
        return MajorityLock(self._servers, self._keeper, self._clock, _Terms(name, ttl, timeout))


class _Terms(NamedTuple):
    name: str
    ttl: timedelta
    timeout: timedelta | None

    @property
    def span(self) -> Span:
        ttl_ms = self.ttl // timedelta(milliseconds=1)
        # The servers' clocks may run so much quicker than ours; 2 ms for their granularity.
        return Span(ttl_ms, margin_ms=ttl_ms // 100 + 2)


class MajorityLock:
    """Made by `Redlock.lock`: `async with lock as held:`, by one task at a time.

    Entering raises LockTimeoutError. When the majority is lost, `held.lost` is set, and the end
    of the block raises LockLostError, unless the block raises something itself.
    """

    def __init__(self, servers: Servers, keeper: Keeper, clock: Clock, terms: _Terms) -> None:
        self._servers = servers
        self._keeper = keeper
        self._clock = clock
        self._terms = terms
        self._span = terms.span
        self._entered: tuple[str, Hold] | None = None

    async def __aenter__(self) -> Held[asyncio.Event]:
        if self._entered is not None:
            raise CronfleetError(f"lock {self._terms.name!r} is held already: make one for each")
        value, sent_at = await self._acquire()
        lost = asyncio.Event()
        hold = Hold(self._what, lost, self._span, sent_at, lambda: self._renew(value), lambda: None)
        self._entered = value, hold
        self._keeper.add(hold)
        return Held(hold, lost, self._clock)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._entered is None:
            return
        (value, hold), self._entered = self._entered, None
        self._keeper.remove(hold)
        votes = await self._release(value)
        if error is None and (hold.lost.is_set() or votes.is_refused):
            hold.lost.set()
            raise LockLostError(self._terms.name)

    @property
    def _what(self) -> str:
        return f"lock {self._terms.name!r} on a majority of servers"

    async def _acquire(self) -> tuple[str, int]:
        """The value under which it was got, and when the request was sent."""
        began = self._clock.boot_ms()
        while True:
            # A new value each time: a request that comes late must not count for this one.
            value, sent_at = fresh_id(), self._clock.boot_ms()
            votes = await self._ask(value)
            if votes.is_granted and self._clock.boot_ms() < self._span.deadline(sent_at):
                return value, sent_at
            await self._release(value)
            await self._rest(began, votes)

    async def _ask(self, value: str) -> Votes:
        try:
            return await self._servers.set(self._terms.name, value, self._span.ttl_ms)
        except asyncio.CancelledError:
            await self._release(value)
            raise

    async def _rest(self, began: int, votes: Votes) -> None:
        """Wait at random, so that rivals who split the votes do not split them again."""
        delay_s = between(0, _LONGEST_DELAY_S)
        timeout = self._terms.timeout
        if timeout is not None:
            waited_s = (self._clock.boot_ms() - began) / 1000
            left_s = timeout.total_seconds() - waited_s
            if left_s <= 0:
                raise LockTimeoutError(self._terms.name, timeout.total_seconds(), str(votes))
            delay_s = min(delay_s, left_s)
        await asyncio.sleep(delay_s)

    async def _renew(self, value: str) -> bool:
        votes = await self._servers.renew(self._terms.name, value, self._span.ttl_ms)
        if not votes.is_granted and not votes.is_refused:
            raise StoreUnavailableError("of a majority of servers", str(votes))
        return votes.is_granted

    async def _release(self, value: str) -> Votes:
        """Everywhere, also where it seems not to have been set: an answer may have been lost."""
        releasing = asyncio.ensure_future(self._servers.release(self._terms.name, value))
        return await asyncio.shield(releasing)
