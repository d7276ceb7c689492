"""Every operation of a lock under every condition, in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import LockOwner
from cronfleet.store import CLOCK_STEP_BACK_MS, WAITER_KEPT_MS, Busy, Locked, Store
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import TTL, TTL_MS

ANNA, BEN, CARL = (LockOwner(name.encode().hex().zfill(32)) for name in ("anna", "ben", "carl"))
NAME = "stock/4711"
A_MS = timedelta(milliseconds=1)
KEPT = timedelta(milliseconds=WAITER_KEPT_MS)
A_STEP_BACK = -timedelta(milliseconds=CLOCK_STEP_BACK_MS)


async def lock(
    store: Store, owner: LockOwner, name: str = NAME, *, waits: bool = True
) -> Locked | Busy:
    return await store.lock(name, owner, TTL_MS, waits=waits)


async def locked(store: Store, owner: LockOwner, name: str = NAME) -> int:
    """Take a lock, which must be granted; answers its token."""
    answer = await lock(store, owner, name)
    assert isinstance(answer, Locked), f"{owner} was answered with {answer}"
    return answer.token


# --- what may be, as anna finds it; and what she may ask ---------------------------------------
# Each answers her token, or 0.


async def free(store: Store, clock: ManualClock) -> int:
    return 0


async def hers(store: Store, clock: ManualClock) -> int:
    return await locked(store, ANNA)


async def hers_expired(store: Store, clock: ManualClock) -> int:
    token = await locked(store, ANNA)
    clock.advance(TTL)
    return token


async def hers_given_back(store: Store, clock: ManualClock) -> int:
    token = await locked(store, ANNA)
    await store.unlock(NAME, ANNA)
    return token


async def hers_and_the_clock_back_a_little(store: Store, clock: ManualClock) -> int:
    token = await locked(store, ANNA)
    clock.leap(A_STEP_BACK)
    return token


async def hers_and_the_clock_far_back(store: Store, clock: ManualClock) -> int:
    token = await locked(store, ANNA)
    clock.leap(A_STEP_BACK - A_MS)
    return token


async def bens(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    return 0


async def bens_expired(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    clock.advance(TTL)
    return 0


async def bens_given_back(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    await store.unlock(NAME, BEN)
    return 0


async def bens_and_the_clock_back_a_little(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    clock.leap(A_STEP_BACK)
    return 0


async def bens_and_the_clock_far_back(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    clock.leap(A_STEP_BACK - A_MS)
    return 0


async def bens_once_hers(store: Store, clock: ManualClock) -> int:
    await hers_expired(store, clock)
    await locked(store, BEN)
    return 0


async def bens_and_she_is_next(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    await lock(store, ANNA)
    return 0


async def bens_and_she_is_after_carl(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    await lock(store, CARL)
    await lock(store, ANNA)
    return 0


async def free_and_she_is_next(store: Store, clock: ManualClock) -> int:
    await bens_and_she_is_next(store, clock)
    await store.unlock(NAME, BEN)
    return 0


async def free_and_carl_is_next(store: Store, clock: ManualClock) -> int:
    await locked(store, BEN)
    await lock(store, CARL)
    await store.unlock(NAME, BEN)
    return 0


async def free_and_carl_was_next_but_is_silent(store: Store, clock: ManualClock) -> int:
    await free_and_carl_is_next(store, clock)
    clock.advance(KEPT)
    return 0


Condition: TypeAlias = Callable[[Store, ManualClock], Awaitable[int]]
NEW, SAME, YES, NO = "granted anew", "granted as before", "yes", "no"
FIRST, SECOND = "busy, 0 ahead", "busy, 1 ahead"
ASKED = ("lock", "lock at once", "renew_lock", "unlock")
ANSWERS: dict[Condition, tuple[str, str, str, str]] = {
    free: (NEW, NEW, NO, NO),
    hers: (SAME, SAME, YES, YES),
    hers_expired: (NEW, NEW, NO, YES),
    hers_given_back: (NEW, NEW, NO, NO),
    hers_and_the_clock_back_a_little: (SAME, SAME, YES, YES),
    hers_and_the_clock_far_back: (NEW, NEW, NO, YES),
    bens: (FIRST, FIRST, NO, NO),
    bens_expired: (NEW, NEW, NO, NO),
    bens_given_back: (NEW, NEW, NO, NO),
    bens_and_the_clock_back_a_little: (FIRST, FIRST, NO, NO),
    bens_and_the_clock_far_back: (NEW, NEW, NO, NO),
    bens_once_hers: (FIRST, FIRST, NO, NO),
    bens_and_she_is_next: (FIRST, FIRST, NO, NO),
    bens_and_she_is_after_carl: (SECOND, SECOND, NO, NO),
    free_and_she_is_next: (NEW, NEW, NO, NO),
    free_and_carl_is_next: (SECOND, SECOND, NO, NO),
    free_and_carl_was_next_but_is_silent: (NEW, NEW, NO, NO),
}
"""What anna is answered, to each of `ASKED`."""


async def asked(store: Store, what: str, last_token: int) -> str:
    if what == "renew_lock":
        return YES if await store.renew_lock(NAME, ANNA, TTL_MS) else NO
    if what == "unlock":
        return YES if await store.unlock(NAME, ANNA) else NO
    answer = await lock(store, ANNA, waits=what == "lock")
    if isinstance(answer, Busy):
        return f"busy, {answer.ahead} ahead"
    return SAME if answer.token == last_token else NEW


class LockMatrixTests(StoreTests):
    @pytest.mark.parametrize("condition", ANSWERS)
    @pytest.mark.parametrize("what", ASKED)
    async def test_an_operation_is_answered_as_the_table_says(
        self, store: Store, clock: ManualClock, condition: Condition, what: str
    ) -> None:
        last_token = await condition(store, clock)
        assert await asked(store, what, last_token) == ANSWERS[condition][ASKED.index(what)]

    @pytest.mark.parametrize("condition", [hers, hers_expired, hers_given_back, bens, free])
    async def test_nobody_but_the_holder_changes_anything(
        self, store: Store, clock: ManualClock, condition: Condition
    ) -> None:
        await condition(store, clock)
        assert not await store.unlock(NAME, CARL)
        assert not await store.renew_lock(NAME, CARL, TTL_MS)
        expected = ANSWERS[condition][ASKED.index("renew_lock")]
        assert await asked(store, "renew_lock", 0) == expected
