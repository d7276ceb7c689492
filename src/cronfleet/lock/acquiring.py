"""How a lock is got: asked for, waited for in its queue, and given back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass
from datetime import timedelta

from cronfleet.clock import Clock
from cronfleet.errors import LockTimeoutError, StoreUnavailableError
from cronfleet.holding import Span, check_terms
from cronfleet.model import Instant, LockOwner
from cronfleet.store import Busy, Hints, Locked, Store, lock_topic

log: logging.Logger = logging.getLogger(__name__)

_POLL_MS = 1_000
"""A waiter looks at least so often, though it is told: hints may be lost."""
_QUICK_POLL_MS = 20
_PATIENT = 8


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a lock. Without `timeout_ms` it is waited for as long as it takes."""

    name: str
    span: Span
    timeout_ms: int | None

    @property
    def waits(self) -> bool:
        return self.timeout_ms != 0

    def left_ms(self, waited_ms: int) -> float:
        """How much longer it may be waited for."""
        return float("inf") if self.timeout_ms is None else self.timeout_ms - waited_ms


def terms(name: str, ttl: timedelta, timeout: timedelta | None) -> Terms:
    """Raises InvalidLockError."""
    check_terms(name, ttl, timeout)
    span = Span(_ms(ttl), margin_ms=_ms(ttl) // 10)
    return Terms(name, span, None if timeout is None else _ms(timeout))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """A lock that was got by a request sent at `sent_at`, by the boot clock."""

    token: int
    sent_at: Instant


def grant_of(answer: Locked | Busy, sent_at: Instant, terms: Terms, clock: Clock) -> Grant | None:
    """What an answer is worth when it has come: nothing, once its span is over."""
    is_in_time = clock.boot_ms() < terms.span.deadline(sent_at)
    return Grant(answer.token, sent_at) if isinstance(answer, Locked) and is_in_time else None


async def acquire(store: Store, terms: Terms, owner: LockOwner, clock: Clock) -> Grant:
    """Wait for the lock.

    Raises LockTimeoutError; or StoreUnavailableError, if that is why it was not got in time.
    """
    if not terms.waits:
        return await _only_now(store, terms, owner, clock)
    hints = store.hints(lock_topic(owner))
    try:
        return await _Queue(store, terms, owner, clock).wait(hints)
    except BaseException:
        # An unanswered request may have got it, and a place in the queue holds others up.
        await asyncio.shield(asyncio.ensure_future(released(store, terms.name, owner)))
        raise
    finally:
        hints.close()


async def _only_now(store: Store, terms: Terms, owner: LockOwner, clock: Clock) -> Grant:
    sent_at = clock.boot_ms()
    answer = await store.lock(terms.name, owner, terms.span.ttl_ms, waits=False)
    grant = grant_of(answer, sent_at, terms, clock)
    if grant is None:
        raise LockTimeoutError(terms.name, 0)
    return grant


class _Queue:
    """One waiter's time in the queue."""

    def __init__(self, store: Store, terms: Terms, owner: LockOwner, clock: Clock) -> None:
        self._store = store
        self._terms = terms
        self._owner = owner
        self._clock = clock
        self._began = clock.boot_ms()
        self._is_away = False

    async def wait(self, hints: Hints) -> Grant:
        while True:
            sent_at = self._clock.boot_ms()
            answer = await self._ask()
            if isinstance(answer, Locked):
                if grant := grant_of(answer, sent_at, self._terms, self._clock):
                    return grant
                continue  # So late that it is worth nothing: asked again, it is prolonged.
            waited_ms = self._clock.boot_ms() - self._began
            left_ms = self._terms.left_ms(waited_ms)
            if left_ms <= 0:
                raise self._too_late(answer)
            pause_ms = (
                _POLL_MS / 4
                if isinstance(answer, StoreUnavailableError)
                else (pause_of(answer, waited_ms, tells_all=self._store.tells_all))
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause_ms, left_ms) / 1000):
                    await hints.next()

    async def _ask(self) -> Locked | Busy | StoreUnavailableError:
        """The same owner asks, so a request that was not answered may be sent again."""
        try:
            answer = await self._store.lock(
                self._terms.name, self._owner, self._terms.span.ttl_ms, waits=True
            )
        except StoreUnavailableError as error:
            if not self._is_away:
                log.warning("lock %r is still waited for: %s", self._terms.name, error)
            self._is_away = True
            return error
        self._is_away = False
        return answer

    def _too_late(self, answer: Busy | StoreUnavailableError) -> Exception:
        if isinstance(answer, StoreUnavailableError):
            return answer
        return LockTimeoutError(self._terms.name, (self._terms.timeout_ms or 0) / 1000)


def pause_of(busy: Busy, waited_ms: int, *, tells_all: bool) -> float:
    """After how many milliseconds to look again if no hint comes.

    Where hints do not reach other processes, those in front look soon, and the seldomer the
    longer they have waited: so the wait is longer than it had to be by an eighth at the most.
    """
    pause_ms: float = _POLL_MS
    if not tells_all:
        pause_ms = min(pause_ms, max(_QUICK_POLL_MS * (busy.ahead + 1), waited_ms / _PATIENT))
    pause_ms *= random.uniform(0.7, 1)  # noqa: S311 - spreads the load, keeps no secret
    return min(pause_ms, max(1, busy.free_in_ms)) if busy.ahead == 0 else pause_ms


async def released(store: Store, name: str, owner: LockOwner) -> bool | None:
    """Give a lock or a place in its queue back; answers whether it was held, None if unknown."""
    try:
        return await store.unlock(name, owner)
    except StoreUnavailableError:
        pass
    try:
        await store.unlock(name, owner)  # It may have been done at once, so its answer says little.
    except StoreUnavailableError as error:
        not_released(name, error)
    return None


def not_released(name: str, error: StoreUnavailableError) -> None:
    log.warning("lock %r could not be given back, it will be free when it expires: %s", name, error)
