"""How a lock is got: asked for, waited for in its queue, and given back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, TypeVar

from cronfleet.chance import between, fresh_id
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
_TRY_AGAIN_MS = 250

Opened = TypeVar("Opened")

Answer: TypeAlias = Locked | Busy | StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a lock. Without `timeout_ms` it is waited for as long as it takes."""

    name: str
    span: Span
    timeout_ms: int | None

    @property
    def waits(self) -> bool:
        return self.timeout_ms != 0


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
    owner: LockOwner
    sent_at: Instant


class Attempt:
    """One acquisition, from answer to answer; asking and resting are left to others."""

    def __init__(self, terms: Terms, clock: Clock) -> None:
        self.terms: Terms = terms
        self.owner: LockOwner = LockOwner(fresh_id())
        self._clock = clock
        self._began = self._asked_since = clock.boot_ms()
        self._is_away = False

    @property
    def now(self) -> Instant:
        """By the boot clock, for the next request."""
        return self._clock.boot_ms()

    @property
    def left_ms(self) -> float:
        """How much longer it may be waited for."""
        timeout_ms = self.terms.timeout_ms
        return float("inf") if timeout_ms is None else max(0, timeout_ms - (self.now - self._began))

    def grant(self, answer: Answer, sent_at: Instant) -> Grant | None:
        """What an answer is worth when it has come: nothing, once its span is over."""
        if isinstance(answer, Locked) and self.now < self.terms.span.deadline(sent_at):
            return Grant(answer.token, self.owner, sent_at)
        return None

    def at_once(self, answer: Answer, sent_at: Instant) -> Grant | None:
        """The lock, if the first answer grants it. Raises LockTimeoutError for who only looks."""
        self._asked_since = sent_at  # Whoever waited for its turn has not waited for the store.
        if isinstance(answer, Busy) and not self.terms.waits:
            raise self.too_late()
        return self.grant(answer, sent_at)

    def after(self, answer: Answer, sent_at: Instant, *, tells_all: bool) -> Grant | float:
        """The lock, or for how many seconds to rest before asking again, unless a hint comes.

        Raises LockTimeoutError; or StoreUnavailableError, if that is why it was not got in time.
        """
        self._tell_if_away(answer)
        if isinstance(answer, Locked):
            # One that came too late is asked for again: the store prolongs it.
            return self.grant(answer, sent_at) or 0
        left_ms = self.left_ms
        if left_ms <= 0:
            raise answer if isinstance(answer, StoreUnavailableError) else self.too_late()
        if isinstance(answer, StoreUnavailableError):
            return min(_TRY_AGAIN_MS, left_ms) / 1000
        asked_ms = self.now - self._asked_since
        return min(pause_of(answer, asked_ms, tells_all=tells_all), left_ms) / 1000

    def too_late(self) -> LockTimeoutError:
        return LockTimeoutError(self.terms.name, (self.terms.timeout_ms or 0) / 1000)

    def not_open_yet(self) -> LockTimeoutError:
        why = "the store was not open by then"
        return LockTimeoutError(self.terms.name, (self.terms.timeout_ms or 0) / 1000, why)

    def to_try_again(self, error: StoreUnavailableError) -> float:
        """For how many seconds to rest before opening the store again. Raises when it is late."""
        self._tell_if_away(error)
        if self.left_ms <= 0:
            raise error
        return min(_TRY_AGAIN_MS, self.left_ms) / 1000

    def may_leave_something(self, error: BaseException) -> bool:
        """Whether one that failed so may have the lock unknown to it, or a place in the queue."""
        return self.terms.waits or not isinstance(error, LockTimeoutError)

    def _tell_if_away(self, answer: Answer) -> None:
        is_away = isinstance(answer, StoreUnavailableError)
        if is_away and not self._is_away:
            log.warning("lock %r is still waited for: %s", self.terms.name, answer)
        self._is_away = is_away


async def opened_in_time(open_: Callable[[], Awaitable[Opened]], attempt: Attempt) -> Opened:
    """Open the store, and wait for it no longer than for the lock; who only looks tries once.

    Raises LockTimeoutError; or StoreUnavailableError, if that is why it was not open in time.
    """
    while True:
        left_ms = attempt.left_ms if attempt.terms.waits else float("inf")
        limit = asyncio.timeout(None if left_ms == float("inf") else left_ms / 1000)
        try:
            async with limit:
                return await open_()
        except StoreUnavailableError as error:
            rest_s = attempt.to_try_again(error)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise attempt.not_open_yet() from error
        await asyncio.sleep(rest_s)


async def acquire(store: Store, attempt: Attempt) -> Grant:
    """Wait for the lock. Raises as `Attempt.after` does."""
    try:
        sent_at = attempt.now
        answer = await _asked(store, attempt)
        return attempt.at_once(answer, sent_at) or await _wait(store, attempt)
    except BaseException as error:
        if attempt.may_leave_something(error):
            leaving = released(store, attempt.terms.name, attempt.owner)
            await asyncio.shield(asyncio.ensure_future(leaving))
        raise


async def _wait(store: Store, attempt: Attempt) -> Grant:
    hints = store.hints(lock_topic(attempt.owner))  # Only now: most locks are got at once.
    try:
        while True:
            sent_at = attempt.now
            answer = await _asked(store, attempt)
            step = attempt.after(answer, sent_at, tells_all=store.tells_all)
            if isinstance(step, Grant):
                return step
            await _rest(hints, step)
    finally:
        hints.close()


async def _asked(store: Store, attempt: Attempt) -> Answer:
    """The same owner asks, so a request that was not answered may be sent again."""
    terms = attempt.terms
    try:
        return await store.lock(terms.name, attempt.owner, terms.span.ttl_ms, waits=terms.waits)
    except StoreUnavailableError as error:
        return error


async def _rest(hints: Hints, span_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(span_s):
            await hints.next()


def pause_of(busy: Busy, waited_ms: int, *, tells_all: bool) -> float:
    """After how many milliseconds to look again if no hint comes.

    Where hints do not reach other processes, those in front look soon, and the seldomer the
    longer they have waited: so the wait is longer than it had to be by an eighth at the most.
    """
    pause_ms: float = _POLL_MS
    if not tells_all:
        pause_ms = min(pause_ms, max(_QUICK_POLL_MS * (busy.ahead + 1), waited_ms / _PATIENT))
    pause_ms *= between(0.7, 1)
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
