"""Locks: one holder at a time, first come first served, each under a higher token."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import LockOwner, SessionId
from cronfleet.store import (
    MOST_LOCK_WAITERS,
    WAITER_KEPT_MS,
    Busy,
    Locked,
    Locker,
    Store,
    lock_topic,
)
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.conformance.hints import SOON_S
from cronfleet.testing.conformance.lock_answers import (
    A_MS,
    ANNA,
    BEN,
    CARL,
    KEPT,
    NAME,
    SAME,
    YES,
    asked,
    free_and_carl_is_next,
    lock,
    locked,
)
from cronfleet.testing.samples import NOON, TTL, TTL_MS, granted, new_owner, tick


class LockTests(StoreTests):
    # --- for how long

    async def test_a_lock_is_free_when_its_ttl_is_over_and_not_before(
        self, store: Store, clock: ManualClock
    ) -> None:
        await locked(store, ANNA)
        clock.advance(TTL - A_MS)
        assert await lock(store, BEN) == Busy(free_in_ms=1, ahead=0)
        clock.advance(A_MS)
        assert await locked(store, BEN)

    @pytest.mark.parametrize("again", ["lock", "renew_lock"])
    async def test_asking_again_prolongs_from_now(
        self, store: Store, clock: ManualClock, again: str
    ) -> None:
        token = await locked(store, ANNA)
        clock.advance(TTL - A_MS)
        assert await asked(store, again, token) in {SAME, YES}
        clock.advance(TTL - A_MS)
        assert await lock(store, BEN) == Busy(free_in_ms=1, ahead=0)

    async def test_a_renewal_may_change_the_ttl(self, store: Store, clock: ManualClock) -> None:
        await locked(store, ANNA)
        assert await store.renew_lock(NAME, ANNA, 60_000)
        assert await lock(store, BEN) == Busy(free_in_ms=60_000, ahead=0)

    # --- tokens

    async def test_tokens_rise_with_every_grant_whatever_the_name(
        self, store: Store, clock: ManualClock
    ) -> None:
        tokens = [await locked(store, ANNA), await locked(store, ANNA, "another")]
        await store.unlock(NAME, ANNA)
        tokens.append(await locked(store, BEN))
        clock.advance(TTL)
        tokens.append(await locked(store, CARL))
        assert tokens == sorted(set(tokens))

    async def test_tokens_of_locks_and_of_runs_are_of_one_row(
        self, store: Store, anna: SessionId
    ) -> None:
        tokens = [await locked(store, ANNA), (await granted(store, anna, tick())).token]
        await store.unlock(NAME, ANNA)
        tokens.append(await locked(store, BEN))
        assert tokens == sorted(set(tokens))

    async def test_tokens_follow_the_clock_and_rise_though_it_is_set_back(
        self, store: Store, clock: ManualClock
    ) -> None:
        before = await locked(store, ANNA)
        assert before >= NOON
        clock.leap(-timedelta(hours=1))
        assert await locked(store, BEN) > before

    # --- the queue

    async def test_who_came_first_is_served_first(self, store: Store) -> None:
        owners = [new_owner() for _ in range(5)]
        await locked(store, ANNA)
        for ahead, owner in enumerate(owners):
            assert await lock(store, owner) == Busy(TTL_MS, ahead)
        held = ANNA
        for following in owners:
            assert await store.unlock(NAME, held)
            for other in owners[owners.index(following) + 1 :]:
                assert isinstance(await lock(store, other), Busy)
            await locked(store, following)
            held = following

    async def test_a_waiter_keeps_its_place_while_it_asks(
        self, store: Store, clock: ManualClock
    ) -> None:
        await store.lock(NAME, BEN, 3_600_000, waits=True)
        await lock(store, CARL)
        await lock(store, ANNA)
        for _ in range(10):
            clock.advance(KEPT - A_MS - KEPT / 3)
            await lock(store, CARL)
        await store.unlock(NAME, BEN)
        assert isinstance(await lock(store, ANNA), Busy)
        assert await locked(store, CARL)

    async def test_a_waiter_that_falls_silent_is_passed_over(
        self, store: Store, clock: ManualClock
    ) -> None:
        await free_and_carl_is_next(store, clock)
        assert await lock(store, ANNA) == Busy(WAITER_KEPT_MS, ahead=1)
        clock.advance(KEPT - A_MS)
        assert await lock(store, ANNA) == Busy(1, ahead=1)
        clock.advance(A_MS)
        assert await locked(store, ANNA)

    async def test_a_waiter_that_gives_up_makes_room(self, store: Store) -> None:
        await locked(store, BEN)
        await lock(store, CARL)
        assert await lock(store, ANNA) == Busy(TTL_MS, ahead=1)
        assert not await store.unlock(NAME, CARL)
        assert await lock(store, ANNA) == Busy(TTL_MS, ahead=0)

    async def test_who_does_not_wait_takes_no_place(self, store: Store) -> None:
        await locked(store, BEN)
        await lock(store, CARL, waits=False)
        assert await lock(store, ANNA) == Busy(TTL_MS, ahead=0)

    async def test_a_waiter_of_a_time_that_never_was_is_passed_over(
        self, store: Store, clock: ManualClock
    ) -> None:
        await free_and_carl_is_next(store, clock)
        clock.leap(-timedelta(hours=1))
        assert await locked(store, ANNA)

    async def test_queues_of_other_names_are_other_queues(self, store: Store) -> None:
        await locked(store, BEN)
        await lock(store, CARL)
        assert await locked(store, BEN, "another")
        assert await lock(store, ANNA, "another") == Busy(TTL_MS, ahead=0)

    async def test_the_queue_is_bounded(self, store: Store) -> None:
        await store.lock(NAME, BEN, 3_600_000, waits=True)
        for _ in range(MOST_LOCK_WAITERS):
            await lock(store, new_owner())
        for late in (ANNA, CARL):
            answer = await lock(store, late)
            assert isinstance(answer, Busy)
            assert answer.ahead == MOST_LOCK_WAITERS

    # --- hints

    async def test_the_next_is_told(self, store: Store) -> None:
        carls = store.hints(lock_topic(CARL))
        await locked(store, BEN)
        await lock(store, CARL)
        await lock(store, ANNA)
        await store.unlock(NAME, BEN)
        await self._told_or_looks(store, carls.next(), CARL)
        carls.close()

    async def test_when_the_next_gives_up_the_one_after_it_is_told(self, store: Store) -> None:
        annas = store.hints(lock_topic(ANNA))
        await locked(store, BEN)
        await lock(store, CARL)
        await lock(store, ANNA)
        await store.unlock(NAME, BEN)
        await store.unlock(NAME, CARL)
        await self._told_or_looks(store, annas.next(), ANNA)
        annas.close()

    async def _told_or_looks(self, store: Store, told: Awaitable[None], owner: LockOwner) -> None:
        # The first listener of a process may have begun to listen too late.
        try:
            await asyncio.wait_for(told, SOON_S)
        except TimeoutError:
            assert store.tells_all
        assert await locked(store, owner)

    # --- threads, and other event loops

    async def test_a_locker_asks_the_same_store(self, store: Store) -> None:
        locker = store.locker()
        answers = await asyncio.to_thread(_use, locker)
        assert [type(each) for each in answers] == [Locked, Busy, bool, Locked, bool]
        locker.close()
        assert await locked(store, ANNA)

    async def test_another_is_the_same_store_in_another_event_loop(self, store: Store) -> None:
        await locked(store, BEN)

        async def ask() -> Locked | Busy:
            another = store.another()
            await another.open()
            answer = await lock(another, ANNA)
            await another.aclose()
            return answer

        answer = await asyncio.to_thread(lambda: asyncio.run(ask()))
        assert answer == Busy(TTL_MS, ahead=0)

    # --- races

    async def test_of_fifty_contenders_there_are_never_two_and_their_tokens_rise(
        self, store: Store
    ) -> None:
        tokens: list[int] = []
        inside = itertools.count()

        async def contend() -> None:
            owner = new_owner()
            hints = store.hints(lock_topic(owner))
            while isinstance(answer := await lock(store, owner), Busy):
                await _rest(hints.next())
            hints.close()
            tokens.append(answer.token)
            mine = next(inside)
            await store.renew_lock(NAME, owner, TTL_MS)  # The others have their turn.
            assert next(inside) == mine + 1
            assert await store.unlock(NAME, owner)

        await asyncio.gather(*(contend() for _ in range(50)))
        assert len(tokens) == 50
        assert tokens == sorted(set(tokens))


def _use(locker: Locker) -> list[object]:
    return [
        locker.lock(NAME, ANNA, TTL_MS, waits=True),
        locker.lock(NAME, BEN, TTL_MS, waits=True),
        locker.unlock(NAME, ANNA),
        locker.lock(NAME, BEN, TTL_MS, waits=True),
        locker.unlock(NAME, BEN),
    ]


async def _rest(hint: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(hint, 0.1)
    except TimeoutError:
        return
