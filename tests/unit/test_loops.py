"""A loop in a thread of its own, and its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from cronfleet import CronfleetError, StoreUnavailableError
from cronfleet.loops import LoopThread, in_a_thread, run_in
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


def test_a_loop_that_would_wait_for_itself_is_told() -> None:
    loop = LoopThread("test")

    async def call() -> None:
        loop.call(asyncio.sleep(0))

    with pytest.raises(CronfleetError, match="wait for itself"):
        loop.call(call())
    loop.close()


@pytest.fixture
def home() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that is nobody's thread's."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


async def _for_ever(began: threading.Event) -> None:
    began.set()
    await asyncio.Event().wait()


async def _until(began: threading.Event) -> None:
    await asyncio.to_thread(began.wait, SOON_S)


def test_whoever_waits_for_a_loop_that_is_left_with_its_tasks_is_told(
    home: asyncio.AbstractEventLoop,
) -> None:
    began = threading.Event()

    async def live() -> Future[None]:  # Who asks before the loop runs would take it for ended.
        asked = threads.submit(lambda: asyncio.run(run_in(home, _for_ever(began))))
        await _until(began)
        return asked

    with ThreadPoolExecutor(1) as threads:
        waiting = home.run_until_complete(live())
        with pytest.raises(CronfleetError, match="has ended meanwhile"):
            waiting.result(SOON_S)
    with pytest.raises(CronfleetError, match="has ended meanwhile"):
        asyncio.run(run_in(home, asyncio.sleep(0)))
    while asyncio.all_tasks(home):  # What nobody waits for any more is cancelled there.
        home.run_until_complete(asyncio.sleep(0))


def test_whoever_waits_for_a_loop_that_cancels_its_tasks_is_not_cancelled() -> None:
    began, homes = threading.Event(), ThreadPoolExecutor(1)

    async def live() -> asyncio.AbstractEventLoop:
        told.set_result(asyncio.get_running_loop())
        await _until(began)
        return asyncio.get_running_loop()

    with homes:
        told: Future[asyncio.AbstractEventLoop] = Future()
        living = homes.submit(lambda: asyncio.run(live()))
        with pytest.raises(CronfleetError, match="has ended meanwhile"):
            asyncio.run(run_in(told.result(SOON_S), _for_ever(began)))
    with pytest.raises(CronfleetError, match="has ended meanwhile"):
        asyncio.run(run_in(living.result(), asyncio.sleep(0)))


def test_whoever_gives_up_waiting_for_another_loop_cancels_what_it_asked_for() -> None:
    loop, began, ended = LoopThread("test"), threading.Event(), threading.Event()

    async def work() -> None:
        try:
            await _for_ever(began)
        finally:
            ended.set()

    async def give_up() -> None:
        home = await loop.ask(_running())
        asking = asyncio.create_task(run_in(home, work()))
        await _until(began)
        asking.cancel()
        await asyncio.wait({asking})
        assert asking.cancelled()

    asyncio.run(give_up())
    assert ended.wait(SOON_S)
    loop.close()


async def _running() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_a_loop_ends_though_a_thread_that_it_began_does_not() -> None:
    began, may_end = threading.Event(), threading.Event()

    def act() -> None:
        began.set()
        assert may_end.wait(SOON_S)
        ended.set()

    async def give_up() -> None:
        acting = asyncio.create_task(in_a_thread(act))
        await _until(began)
        acting.cancel()
        await asyncio.wait({acting})

    ended = threading.Event()
    asyncio.run(give_up())
    may_end.set()
    assert ended.wait(SOON_S)


@pytest.mark.parametrize("error", [None, SystemExit(3)])
def test_what_a_thread_answers_or_raises_comes_back(error: BaseException | None) -> None:
    def act() -> int:
        if error is not None:
            raise error
        return 7

    async def ask() -> int | None:
        try:
            return await in_a_thread(act)
        except SystemExit:
            return None

    assert asyncio.run(ask()) == (None if error else 7)
