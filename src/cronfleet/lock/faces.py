"""The two faces of a lock: `async with` for coroutines, `with` for threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from cronfleet.clock import Clock
from cronfleet.errors import CronfleetError, LockLostError
from cronfleet.holding import AnyEvent, Held, Hold, Keeper
from cronfleet.lock.acquiring import Attempt, Grant, Terms
from cronfleet.lock.blocking import acquire_in_thread, released_in_thread
from cronfleet.lock.sides import Locks, TaskSide, ThreadSide
from cronfleet.lock.tasks import acquire_through, keep_or_give_back, released_through
from cronfleet.lock.turns import Turn, turn_of_task, turn_of_thread
from cronfleet.model import LockOwner
from cronfleet.store import Store

log: logging.Logger = logging.getLogger(__name__)

Home = TypeVar("Home", TaskSide, ThreadSide)


class LockHeld(Held[AnyEvent]):
    """A lock in the hands of one block."""

    def __init__(self, grant: Grant, hold: Hold, lost: AnyEvent, clock: Clock) -> None:
        super().__init__(hold, lost, clock)
        self.token: int = grant.token
        """Rises with every grant: hand it to a resource that can refuse lower ones."""


@dataclass(frozen=True, slots=True)
class _Block(Generic[Home]):
    """A block that was entered, and what its end needs."""

    home: Home
    keeper: Keeper
    owner: LockOwner
    hold: Hold
    turn: Turn


class Lock:
    """A named lock of the fleet: `async with lock as held:`, or `with lock as held:` in threads.

    Made by `Scheduler.lock`. It is renewed while the block lasts, and given back at its end. Any
    number of tasks and threads may use one object; it is not re-entrant.

    Entering raises LockTimeoutError when it was not to be had in time, StoreError when the store
    cannot be used. When the lock is lost, `held.lost` is set, and the end of the block raises
    LockLostError, unless the block raises something itself.
    """

    def __init__(self, locks: Locks, terms: Terms) -> None:
        self._locks = locks
        self._terms = terms
        self._turnstile = locks.turnstile(terms.name)
        self._what = f"lock {terms.name!r}"
        self._tasks: dict[asyncio.Task[object] | None, _Block[TaskSide]] = {}
        self._threads: dict[int, _Block[ThreadSide]] = {}
        self._releasing: set[asyncio.Task[bool | None]] = set()

    def __repr__(self) -> str:
        return f"<{self._what}>"

    # --- for coroutines

    async def __aenter__(self) -> LockHeld[asyncio.Event]:
        task = asyncio.current_task()
        self._check_is_out(is_in=task in self._tasks)
        attempt = Attempt(self._terms, self._locks.clock)
        side = await self._locks.side_here(attempt)
        turn = self._turnstile.at_once()
        turn = turn or await turn_of_task(self._turnstile, attempt.left_ms / 1000)
        if turn is None:
            raise attempt.too_late()
        try:
            grant = await acquire_through(side, attempt)
            lost = side.lost_event()
            hold = self._hold(side.store, grant, lost, turn)
            await keep_or_give_back(side, hold, self._terms.name, grant.owner)
        except BaseException:
            turn.end()
            raise
        self._tasks[task] = _Block(side, side.keeper, grant.owner, hold, turn)
        return LockHeld(grant, hold, lost, self._locks.clock)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        block = self._tasks.pop(asyncio.current_task(), None)
        if block is None:
            raise CronfleetError(f"{self!r} was entered by another task: leave it in that one")
        block.keeper.remove(block.hold)
        try:
            was_held = await self._released(block)
        except asyncio.CancelledError:
            self._release_later(block)
            raise
        finally:
            block.turn.end()
        self._tell_if_lost(block.hold, error, was_held=was_held)

    async def _released(self, block: _Block[TaskSide]) -> bool | None:
        return await released_through(block.home, self._terms.name, block.owner)

    def _release_later(self, block: _Block[TaskSide]) -> None:
        task = asyncio.create_task(self._released(block))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    # --- for threads

    def __enter__(self) -> LockHeld[threading.Event]:
        _refuse_in_event_loop(self)
        thread = threading.get_ident()
        self._check_is_out(is_in=thread in self._threads)
        attempt = Attempt(self._terms, self._locks.clock)
        side = self._locks.thread_side(attempt)
        turn = self._turnstile.at_once()
        turn = turn or turn_of_thread(self._turnstile, attempt.left_ms / 1000)
        if turn is None:
            raise attempt.too_late()
        try:
            grant = acquire_in_thread(side, attempt)
        except BaseException:
            turn.end()
            raise
        lost = threading.Event()
        hold = self._hold(side.store, grant, lost, turn)
        try:
            side.keep(hold)
        except BaseException:
            turn.end()
            released_in_thread(side, self._terms.name, grant.owner)
            raise
        self._threads[thread] = _Block(side, side.keeper, grant.owner, hold, turn)
        return LockHeld(grant, hold, lost, self._locks.clock)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        block = self._threads.pop(threading.get_ident(), None)
        if block is None:
            raise CronfleetError(f"{self!r} was entered by another thread: leave it in that one")
        block.keeper.remove(block.hold)
        try:
            was_held = released_in_thread(block.home, self._terms.name, block.owner)
        finally:
            block.turn.end()
        self._tell_if_lost(block.hold, error, was_held=was_held)

    # --- for both

    def _check_is_out(self, *, is_in: bool) -> None:
        if is_in:
            raise CronfleetError(f"{self!r} is held here already, and it is not re-entrant")

    def _hold(
        self, store: Store, grant: Grant, lost: asyncio.Event | threading.Event, turn: Turn
    ) -> Hold:
        name, span = self._terms.name, self._terms.span
        return Hold(
            self._what,
            lost,
            span,
            grant.sent_at,
            renew=lambda: store.renew_lock(name, grant.owner, span.ttl_ms),
            when_lost=turn.end,  # Others here need not wait for a block that may never end.
        )

    def _tell_if_lost(
        self, hold: Hold, error: BaseException | None, *, was_held: bool | None
    ) -> None:
        is_known = was_held or (was_held is None and self._locks.clock.boot_ms() < hold.deadline)
        if is_known and not hold.lost.is_set():
            return
        hold.lost.set()
        if error is None:
            raise LockLostError(self._terms.name)
        log.warning("%s", LockLostError(self._terms.name))


def _refuse_in_event_loop(lock: Lock) -> None:
    """It would stand still while the lock is waited for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise CronfleetError(f"{lock!r} is used with `with` in a coroutine: write `async with`")
