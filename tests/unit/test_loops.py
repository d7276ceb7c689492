"""A loop in a thread of its own, and its end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cronfleet import CronfleetError, StoreUnavailableError
from cronfleet.loops import LoopThread
from cronfleet.model import LockOwner
from cronfleet.store import LockAnswer
from cronfleet.stores.lockers import LoopLocker
from cronfleet.testing.samples import new_owner

SOON_S = 20


class DeafStore:
    name: str = "deaf"

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        del name, owner, ttl_ms, waits
        await self._for_ever()
        raise AssertionError

    async def unlock(self, name: str, owner: LockOwner) -> bool:
        del name, owner
        await self._for_ever()
        return True

    async def _for_ever(self) -> None:
        self.asked.set()
        await asyncio.Event().wait()


def test_whoever_calls_a_loop_that_was_closed_is_told() -> None:
    loop = LoopThread("test")
    loop.close()
    with pytest.raises(CronfleetError, match="closed meanwhile"):
        loop.call(asyncio.sleep(0))


def test_whoever_waits_for_a_loop_when_it_is_closed_is_told() -> None:
    loop, began = LoopThread("test"), threading.Event()

    async def wait() -> None:
        began.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: loop.call(wait()))
        assert began.wait(SOON_S)
        loop.close()
        with pytest.raises(CronfleetError, match="closed meanwhile"):
            waiting.result(SOON_S)


def test_of_the_calls_that_race_with_the_end_none_hangs() -> None:
    def call(loop: LoopThread) -> None:
        for _ in range(10_000):
            try:
                loop.call(asyncio.sleep(0))
            except CronfleetError:
                return

    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            loop = LoopThread("test")
            calling = [threads.submit(call, loop) for _ in range(4)]
            loop.call(asyncio.sleep(0.005))
            loop.close()
            for each in calling:
                each.result(SOON_S)


def test_a_locker_whose_loop_ends_without_an_answer_says_so() -> None:
    store, loop = DeafStore(), LoopThread("test")

    async def locker() -> LoopLocker:
        return LoopLocker(store)

    locks = loop.call(locker())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(locks.unlock, "stock", new_owner())
        assert store.asked.wait(SOON_S)
        loop.close()
        with pytest.raises(StoreUnavailableError, match="ended"):
            waiting.result(SOON_S)
    with pytest.raises(StoreUnavailableError, match="ended"):
        locks.unlock("stock", new_owner())
