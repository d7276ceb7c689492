"""The face for threads. They live in real time, on stores that answer at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from cronfleet import (
    CronfleetError,
    LockLostError,
    LockTimeoutError,
    Scheduler,
    StoreRefusedError,
    StoreUnavailableError,
)
from cronfleet.clock import SystemClock
from cronfleet.lock import Lock, Locks
from cronfleet.lock.acquiring import Attempt, terms
from cronfleet.store import StoreInfo
from tests.fleet.rig import eventually
from tests.unit.engine.scripted_store import ScriptedStore, first, lost_answer, lost_request

SHORT = timedelta(seconds=0.6)
AT_ONCE = timedelta(0)
SOON_S = 20


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), f"{thread} is still there"


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore(SystemClock())


@pytest.fixture(params=["memory", "sqlite"])
def scheduler(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scheduler]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/cronfleet.db"
    scheduler = Scheduler(url, program="app")
    yield scheduler
    asyncio.run(scheduler.aclose())


@pytest.fixture
def scripted(store: ScriptedStore) -> Iterator[Scheduler]:
    scheduler = Scheduler(store, program="app", patience=timedelta(0))
    yield scheduler
    asyncio.run(scheduler.aclose())


def test_of_twenty_threads_with_one_lock_there_are_never_two_inside(scheduler: Scheduler) -> None:
    lock, tokens, inside = scheduler.lock("stock"), list[int](), threading.Lock()

    def contend(_: int) -> None:
        with lock as held:
            assert inside.acquire(blocking=False)
            tokens.append(held.token)
            inside.release()

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(contend, range(60)))
    assert (len(tokens), tokens) == (60, sorted(set(tokens)))


def test_threads_and_coroutines_keep_each_other_out(scheduler: Scheduler) -> None:
    async def look() -> None:
        with pytest.raises(LockTimeoutError):
            async with scheduler.lock("stock", timeout=AT_ONCE):
                pass
        await scheduler.aclose()

    other = Scheduler(scheduler._store, program="other")
    with other.lock("stock"):
        asyncio.run(look())
    asyncio.run(other.aclose())


def test_a_thread_that_waits_in_vain_is_told(scheduler: Scheduler) -> None:
    with scheduler.lock("stock"):
        for timeout in (AT_ONCE, timedelta(milliseconds=50)):
            with pytest.raises(LockTimeoutError), scheduler.lock("stock", timeout=timeout):
                pass


def test_a_thread_holds_it_for_longer_than_its_ttl(
    scripted: Scheduler, store: ScriptedStore
) -> None:
    renewals: list[int] = []
    renewed = threading.Event()

    async def tell() -> None:
        renewals.append(1)
        if len(renewals) == 4:
            renewed.set()

    store.next("renew_lock", *[first(tell)] * 9)
    with scripted.lock("stock", ttl=SHORT) as held:
        assert renewed.wait(SOON_S)
        assert held.is_held


def test_a_thread_is_told_that_it_has_lost_it(scripted: Scheduler, store: ScriptedStore) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(scripted.lock("stock", ttl=SHORT))
        store.empty()
        assert held.lost.wait(SOON_S)
        with pytest.raises(LockLostError):
            stack.close()


def test_it_is_lost_when_the_scheduler_is_closed(scripted: Scheduler) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(scripted.lock("stock"))
        asyncio.run(scripted.aclose())
        assert held.lost.is_set()
        with pytest.raises(LockLostError):
            stack.close()


def test_who_waits_when_the_scheduler_is_closed_is_told(
    scripted: Scheduler, store: ScriptedStore
) -> None:
    with ThreadPoolExecutor(1) as threads, scripted.lock("stock"):
        other = Scheduler(store, program="other")
        waiting = threads.submit(other.lock("stock").__enter__)
        eventually(lambda: bool(store._records._waiters), SOON_S)
        asyncio.run(other.aclose())
        with pytest.raises(CronfleetError, match="closed meanwhile"):
            waiting.result()


def test_an_unanswered_request_is_repeated(scripted: Scheduler, store: ScriptedStore) -> None:
    store.next("lock", lost_answer, lost_request)
    store.next("unlock", lost_answer, lost_request)
    with scripted.lock("stock") as held:
        assert held.token == store._records._fleet.last_token
    assert (store.calls["lock"], store.calls["unlock"]) == (3, 3)


def test_a_store_that_is_not_there_is_told(scripted: Scheduler, store: ScriptedStore) -> None:
    store.is_away = True
    for timeout in (AT_ONCE, timedelta(milliseconds=50)):
        with pytest.raises(StoreUnavailableError), scripted.lock("stock", timeout=timeout):
            pass


def test_a_store_that_refuses_is_told(scripted: Scheduler, store: ScriptedStore) -> None:
    store.broken["lock"] = StoreRefusedError("no")
    with pytest.raises(StoreRefusedError), scripted.lock("stock"):
        pass


def test_it_is_not_re_entrant(scheduler: Scheduler) -> None:
    lock = scheduler.lock("stock")
    with lock, pytest.raises(CronfleetError, match="re-entrant"), lock:
        pass


def test_a_block_is_left_by_the_thread_that_entered_it(scheduler: Scheduler) -> None:
    lock = scheduler.lock("stock")
    with ThreadPoolExecutor(1) as other:
        other.submit(lock.__enter__).result()
        with pytest.raises(CronfleetError, match="another thread"):
            lock.__exit__(None, None, None)


def test_a_handler_in_a_thread_may_use_it(scheduler: Scheduler) -> None:
    """While the scheduler itself is at work in this thread's event loop."""

    def hold() -> int:
        with scheduler.lock("stock") as held:
            return held.token

    async def work() -> list[int]:
        async with scheduler:
            tokens = [await asyncio.to_thread(hold)]
            async with scheduler.lock("stock") as held:
                return [*tokens, held.token]

    tokens = asyncio.run(work())
    assert tokens == sorted(set(tokens))


def test_a_forked_process_waits_for_no_turn_of_the_other(scheduler: Scheduler) -> None:
    lock = scheduler.lock("stock")
    with lock:
        assert lock._turnstile.at_once() is None
        lock._turnstile.begin_anew()  # As os.fork does in the child.
        assert lock._turnstile.at_once() is not None


def test_a_forked_process_has_a_thread_of_its_own(store: ScriptedStore) -> None:
    async def opened() -> ScriptedStore:
        return store

    locks = Locks(store, SystemClock(), opened, lambda store: store.open())
    lock = Lock(locks, terms("stock", SHORT, None))
    with lock:
        pass
    attempt = Attempt(lock._terms, SystemClock())
    before = locks.thread_side(attempt)
    locks.begin_anew()  # As os.fork does in the child.
    with lock:
        assert locks.thread_side(attempt) is not before
    asyncio.run(locks.aclose())
    before.loop.close()


class _Stuck(ScriptedStore):
    """Is not open until it is told to be."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.asked, self.may_open = threading.Event(), threading.Event()

    def another(self) -> _Stuck:
        return self

    async def open(self) -> StoreInfo:
        self.asked.set()
        while not self.may_open.is_set():  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.01)
        return await super().open()


def test_while_the_store_is_opened_for_threads_nobody_waits_longer_than_agreed() -> None:
    store = _Stuck()
    scheduler = Scheduler(store, program="app")

    def hold() -> bool:
        with scheduler.lock("stock") as held:
            return held.is_held

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        assert store.asked.wait(SOON_S)
        scheduler.lock("other")  # Does not wait: it is called in event loops, too.
        for timeout in (AT_ONCE, timedelta(milliseconds=50)):
            with (
                pytest.raises(LockTimeoutError, match="not open"),
                scheduler.lock("other", timeout=timeout),
            ):
                pass
        store.may_open.set()
        assert holding.result(SOON_S)
    asyncio.run(scheduler.aclose())


def test_who_opens_the_store_when_the_scheduler_is_closed_is_told() -> None:
    store = _Stuck()
    scheduler = Scheduler(store, program="app")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(scheduler.lock("stock").__enter__)
        assert store.asked.wait(SOON_S)
        asyncio.run(scheduler.aclose())
        with pytest.raises(CronfleetError, match="closed meanwhile"):
            waiting.result(SOON_S)


def test_who_waits_for_another_to_open_the_store_is_told_too() -> None:
    store = _Stuck()
    scheduler = Scheduler(store, program="app")
    with ThreadPoolExecutor(2) as threads:
        opening = threads.submit(scheduler.lock("stock").__enter__)
        assert store.asked.wait(SOON_S)
        waits = threading.Event()
        making = scheduler._locks._making_side
        scheduler._locks._making_side = cast("threading.Lock", _Watched(making, waits))
        waiting = threads.submit(scheduler.lock("other").__enter__)
        assert waits.wait(SOON_S)
        asyncio.run(scheduler.aclose())
        for each in (opening, waiting):
            with pytest.raises(CronfleetError, match="closed meanwhile"):
                each.result(SOON_S)


class _Watched:
    """A lock that says when somebody comes to it."""

    def __init__(self, lock: threading.Lock, comes: threading.Event) -> None:
        self._lock = lock
        self._comes = comes
        self.release = lock.release

    def acquire(self, *, timeout: float) -> bool:
        self._comes.set()
        return self._lock.acquire(timeout=timeout)


def test_a_coroutine_waits_no_longer_for_the_store_than_for_the_lock() -> None:
    async def look() -> None:
        scheduler = Scheduler(_Stuck(), program="app")
        with pytest.raises(LockTimeoutError, match="not open"):
            async with scheduler.lock("stock", timeout=timedelta(milliseconds=50)):
                pass
        await scheduler.aclose()

    asyncio.run(look())
