"""Locks in another event loop than the one in which the scheduler opened its store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from cronfleet import LockLostError, LockTimeoutError, Scheduler
from cronfleet.clock import SystemClock
from cronfleet.model import LockOwner
from cronfleet.store import LockAnswer
from tests.fleet.rig import eventually
from tests.unit.engine.scripted_store import ScriptedStore

AT_ONCE = timedelta(0)
SOON_S = 20


class LoopBoundStore(ScriptedStore):
    """Knows which event loops ask it for locks. Another one sees the same."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.asked_in: set[asyncio.AbstractEventLoop] = set()
        self.others: list[LoopBoundStore] = []
        self.others_are_away = False

    def another(self) -> LoopBoundStore:
        other = LoopBoundStore()
        other._records = self._records
        other.is_away = self.others_are_away
        self.others.append(other)
        return other

    async def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        self.asked_in.add(asyncio.get_running_loop())
        return await super().lock(name, owner, ttl_ms, waits=waits)


@pytest.fixture
def store() -> LoopBoundStore:
    return LoopBoundStore()


@pytest.fixture
def started(store: LoopBoundStore) -> Iterator[Scheduler]:
    scheduler = Scheduler(store, program="app")
    scheduler.start()
    yield scheduler
    scheduler.stop()


def test_an_instance_at_work_lends_its_connections_to_no_other_loop(
    started: Scheduler, store: LoopBoundStore
) -> None:
    tokens: list[int] = []

    async def hold() -> None:
        async with started.lock("stock") as held:
            tokens.append(held.token)

    async def contend() -> None:
        await asyncio.gather(*(hold() for _ in range(12)))

    for _ in range(2):
        asyncio.run(contend())
    assert (len(tokens), tokens) == (24, sorted(set(tokens)))
    assert not store.asked_in
    assert [len(other.asked_in) for other in store.others] == [1]


def test_locks_of_two_loops_keep_each_other_out(started: Scheduler) -> None:
    async def look() -> None:
        async with started.lock("stock"):
            with pytest.raises(LockTimeoutError):
                async with started.lock("stock", timeout=AT_ONCE):
                    pass

    asyncio.run(look())


def test_whoever_is_cancelled_while_it_waits_leaves_nothing(
    started: Scheduler, store: LoopBoundStore
) -> None:
    other = Scheduler(store.another(), program="other")

    async def give_up() -> None:
        async with other.lock("stock"):
            waiting = asyncio.create_task(started.lock("stock").__aenter__())
            await asyncio.to_thread(eventually, lambda: bool(store._records._waiters), SOON_S)
            waiting.cancel()
            await asyncio.wait({waiting})
            await asyncio.to_thread(eventually, lambda: not store._records._waiters, SOON_S)
        async with started.lock("stock", timeout=timedelta(seconds=SOON_S)):
            pass
        await other.aclose()

    asyncio.run(give_up())


def test_a_coroutine_elsewhere_is_told_when_the_scheduler_closes(started: Scheduler) -> None:
    async def hold() -> None:
        with pytest.raises(LockLostError):  # noqa: PT012 - the block is what is tested
            async with started.lock("stock") as held:
                await asyncio.to_thread(started.stop)
                async with asyncio.timeout(SOON_S):
                    await held.lost.wait()
                assert not held.is_held

    asyncio.run(hold())


def test_a_loop_ends_though_the_store_of_its_lock_is_not_there(
    started: Scheduler, store: LoopBoundStore
) -> None:
    """Whoever gives up leaves nobody behind for whom the loop's end would wait."""

    async def give_up() -> None:
        waiting = asyncio.create_task(started.lock("stock").__aenter__())
        await asyncio.to_thread(eventually, lambda: bool(store.others), SOON_S)
        waiting.cancel()
        await asyncio.wait({waiting})

    store.others_are_away = True
    asyncio.run(give_up())
