"""Where the locks of one store live: in the caller's event loop, and in a thread for threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from cronfleet.clock import Clock
from cronfleet.errors import CronfleetError
from cronfleet.forks import begins_anew_when_forked, leave_to_the_parent
from cronfleet.holding import Hold, Keeper
from cronfleet.lock.acquiring import Attempt, opened_in_time
from cronfleet.lock.turns import Turnstile
from cronfleet.loops import LoopThread, in_a_thread
from cronfleet.store import Locker, Store

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ThreadSide:
    """What threads share: an event loop that waits and renews for them, and a way to ask at once."""

    loop: LoopThread
    store: Store
    keeper: Keeper
    locker: Locker

    def keep(self, hold: Hold) -> None:
        """Renew it from now on. Raises CronfleetError when this was closed meanwhile."""
        try:
            self.keeper.add(hold)
        except RuntimeError:
            if not self.loop.is_over:
                raise
        if self.loop.is_over:  # It may have come too late to be told that it is lost.
            self.keeper.remove(hold)
            raise CronfleetError(f"{hold.what}: the scheduler was closed meanwhile")


class LostElsewhere(asyncio.Event):
    """Waited for in the event loop that makes it, and set in another."""

    def __init__(self) -> None:
        super().__init__()
        self._home = asyncio.get_running_loop()
        self._was_set = False

    def set(self) -> None:
        self._was_set = True
        with contextlib.suppress(RuntimeError):  # Nobody waits in a loop that is closed.
            self._home.call_soon_threadsafe(super().set)

    def is_set(self) -> bool:
        return self._was_set


@dataclass(frozen=True, slots=True)
class TaskSide:
    """What a coroutine's lock lives on: the store in its own event loop, or the threads' side."""

    store: Store
    keeper: Keeper
    elsewhere: ThreadSide | None

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """In the event loop in which the store is open."""
        return await (work if self.elsewhere is None else self.elsewhere.loop.ask(work))

    def keep(self, hold: Hold) -> None:
        """Renew it from now on. Raises as `ThreadSide.keep` does."""
        if self.elsewhere is None:
            self.keeper.add(hold)
        else:
            self.elsewhere.keep(hold)

    def lost_event(self) -> asyncio.Event:
        return asyncio.Event() if self.elsewhere is None else LostElsewhere()


class Locks:
    """The locks of one store.

    `opened` answers the store, open in the running event loop. `open_` opens another like it.
    Both try once. `home` is the event loop in which the store is open: coroutines of any other
    use the threads' side, which has a store of its own.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        opened: Callable[[], Awaitable[Store]],
        open_: Callable[[Store], Awaitable[object]],
        home: Callable[[], asyncio.AbstractEventLoop | None] = lambda: None,
    ) -> None:
        self.clock: Clock = clock
        self._opened = opened
        self._store = store
        self._open = open_
        self._home = home
        self._keeper: Keeper | None = None
        self._side: ThreadSide | None = None
        self._making: LoopThread | None = None
        self._closings = 0
        self._turnstiles: WeakValueDictionary[str, Turnstile] = WeakValueDictionary()
        self._gate = threading.Lock()
        self._making_side = threading.Lock()  # Held while a store is opened, which may take long.
        begins_anew_when_forked(self)

    def begin_anew(self) -> None:
        """In a process that was forked: what is held is held in the other one."""
        leave_to_the_parent(self._store, self._keeper, self._side)
        self._store = self._store.another()
        self._keeper = self._side = self._making = None
        self._gate, self._making_side = threading.Lock(), threading.Lock()

    def turnstile(self, name: str) -> Turnstile:
        """One for each name, as long as somebody holds on to it."""
        with self._gate:
            turnstile = self._turnstiles.get(name)
            if turnstile is None:
                turnstile = self._turnstiles[name] = Turnstile()
            return turnstile

    @property
    def keeper(self) -> Keeper:
        """The one of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._keeper is None or self._keeper.loop is not loop:
            self._keeper = Keeper(self.clock)
        return self._keeper

    async def side_here(self, attempt: Attempt) -> TaskSide:
        """For a coroutine of the running event loop. Raises as `opened_in_time` does."""
        home = self._home()
        if home is None or home is asyncio.get_running_loop():
            return TaskSide(await opened_in_time(self._opened, attempt), self.keeper, None)
        # Who gives up waiting for a store that is away need not wait for the thread that tries.
        side = self._side or await in_a_thread(lambda: self.thread_side(attempt))
        return TaskSide(side.store, side.keeper, side)

    def thread_side(self, attempt: Attempt) -> ThreadSide:
        """Made when it is first needed.

        Raises as `opened_in_time` does, and CronfleetError when it is closed meanwhile.
        """
        closings, side = self._closings, self._side
        if side is not None:
            return side
        left_s = attempt.left_ms / 1000
        if not self._making_side.acquire(timeout=min(left_s, threading.TIMEOUT_MAX)):
            raise attempt.not_open_yet()
        try:
            side = self._side = self._side or self._make_side(attempt, closings)
        finally:
            self._making_side.release()
        return side

    def _make_side(self, attempt: Attempt, closings: int) -> ThreadSide:
        """Nothing is made for whoever came before the last closing: nobody would end it."""
        with self._gate:
            if self._closings != closings:
                raise CronfleetError("the scheduler was closed meanwhile")
            loop = self._making = LoopThread("cronfleet-locks")
        try:
            return loop.call(self._furnish(loop, self._store.another(), attempt))
        except BaseException:
            loop.close()
            raise
        finally:
            self._making = None

    async def _furnish(self, loop: LoopThread, store: Store, attempt: Attempt) -> ThreadSide:
        await opened_in_time(lambda: self._open(store), attempt)
        return ThreadSide(loop, store, Keeper(self.clock), store.locker())

    async def aclose(self) -> None:
        """End the thread; what is still held there is lost. Repeatable."""
        with self._gate:
            self._closings += 1
            making = self._making
        if making is not None:  # Whoever waits for the store there is told.
            await asyncio.to_thread(making.close)
        side, self._side = self._side, None
        if side is not None:
            await asyncio.to_thread(_end, side)


def _end(side: ThreadSide) -> None:
    try:
        side.loop.close(_close(side))
    finally:
        side.locker.close()


async def _close(side: ThreadSide) -> None:
    side.keeper.close()
    await side.store.aclose()
