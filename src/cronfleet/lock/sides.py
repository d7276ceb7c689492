"""Where the locks of one store live: in the caller's event loop, and in a thread for threads."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from cronfleet.clock import Clock
from cronfleet.holding import Keeper
from cronfleet.lock.turns import Turnstile
from cronfleet.loops import LoopThread
from cronfleet.store import Locker, Store


@dataclass(frozen=True, slots=True)
class ThreadSide:
    """What threads share: an event loop that waits and renews for them, and a way to ask at once."""

    loop: LoopThread
    store: Store
    keeper: Keeper
    locker: Locker
    pid: int


class Locks:
    """The locks of one store.

    `opened` answers the store, open in the running event loop. `open_` opens another like it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        opened: Callable[[], Awaitable[Store]],
        open_: Callable[[Store], Awaitable[object]],
    ) -> None:
        self.clock: Clock = clock
        self.opened: Callable[[], Awaitable[Store]] = opened
        self._store = store
        self._open = open_
        self._keeper: Keeper | None = None
        self._side: ThreadSide | None = None
        self._turnstiles: WeakValueDictionary[str, Turnstile] = WeakValueDictionary()
        self._lock = threading.Lock()

    def turnstile(self, name: str) -> Turnstile:
        """One for each name, as long as somebody holds on to it."""
        with self._lock:
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

    def thread_side(self) -> ThreadSide:
        """Made when it is first needed, and again in a process that was forked."""
        side = self._side
        if side is None or side.pid != os.getpid():
            with self._lock:
                side = self._side
                if side is None or side.pid != os.getpid():
                    side = self._side = self._make_side()
        return side

    def _make_side(self) -> ThreadSide:
        loop = LoopThread("cronfleet-locks")
        try:
            store = self._store.another()
            return loop.call(self._furnish(loop, store))
        except BaseException:
            loop.close()
            raise

    async def _furnish(self, loop: LoopThread, store: Store) -> ThreadSide:
        await self._open(store)
        return ThreadSide(loop, store, Keeper(self.clock), store.locker(), os.getpid())

    async def aclose(self) -> None:
        """End the thread; what is still held there is lost. Repeatable."""
        side, self._side = self._side, None
        if side is not None and side.pid == os.getpid():
            await asyncio.to_thread(_end, side)


def _end(side: ThreadSide) -> None:
    try:
        side.loop.close(_close(side))
    finally:
        side.locker.close()


async def _close(side: ThreadSide) -> None:
    side.keeper.close()
    await side.store.aclose()
