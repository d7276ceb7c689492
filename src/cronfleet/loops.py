"""Event loops that end, whatever handlers do: here, or in a thread of their own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from cronfleet.errors import CronfleetError
from cronfleet.forks import (
    begins_anew_when_forked,
    have_nothing_open_as,
    leave_to_the_parent,
    numbers_of,
)

Result = TypeVar("Result")

LEAVE_S = 1.0
"""How long tasks that were cancelled may take to end; then they are left behind."""

_LOOK_S = 0.5
"""How often somebody who waits for another event loop looks whether it still runs."""


async def run_in(home: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """Run it in another event loop, which may be anybody's, and wait for it.

    It is cancelled when the waiting is. Raises CronfleetError when that loop ends before it has.
    """
    try:
        asked = asyncio.run_coroutine_threadsafe(work, home)
    except RuntimeError as error:
        work.close()
        raise _ended() from error
    told = asyncio.wrap_future(asked)
    try:
        while not told.done() and (home.is_running() or asked.done()):
            # A loop that is left with its tasks pending tells nobody.
            await asyncio.wait({told}, timeout=_LOOK_S)
        if told.done() and not told.cancelled():  # By the loop's end: this task was not.
            return told.result()
    finally:
        if not home.is_closed():
            told.cancel()
        elif inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()  # It came between the loop's last turn and its end.
    raise _ended()


def refuse_halted(home: asyncio.AbstractEventLoop | None) -> None:
    """Raises CronfleetError for a loop that does not run: who waits for it would wait for ever."""
    if home is None or not home.is_running():
        raise CronfleetError(
            "the event loop in which this scheduler opened its store has ended: "
            "call `await scheduler.aclose()` before a loop ends, or use `scheduler.start()`"
        )


async def in_a_thread(act: Callable[[], Result]) -> Result:
    """As `asyncio.to_thread`, but no event loop waits at its end for an `act` that will not."""
    told: Future[Result] = Future()
    told.set_running_or_notify_cancel()

    def run() -> None:
        try:
            told.set_result(act())
        except BaseException as error:  # noqa: BLE001 - raised to whoever waits
            told.set_exception(error)

    threading.Thread(target=run, name="cronfleet-act", daemon=True).start()
    return await asyncio.wrap_future(told)


def run_to_its_end(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` as `asyncio.run` does, which would wait for ever for a task that will not end."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        _end(loop)


class LoopThread:
    """An event loop in a thread of its own, which keeps no process from ending."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_pool_at_hand())
        self._is_over = threading.Event()
        self._gate = threading.Lock()
        self._asked: set[Future[Any]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        begins_anew_when_forked(self)

    def begin_anew(self) -> None:
        """In a process that was forked, and so lacks the thread: it is over there."""
        leave_to_the_parent(self._loop, self._thread, self._asked)
        have_nothing_open_as(_numbers_of(self._loop))
        self._gate, self._is_over, self._asked = threading.Lock(), threading.Event(), set()
        self._is_over.set()

    @property
    def is_over(self) -> bool:
        """Whether it was closed, or is about to be."""
        return self._is_over.is_set()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run it in the loop and wait for it. Whatever it raises is raised here.

        It is cancelled when the waiting is interrupted. Raises CronfleetError when the loop is
        closed before it has ended, or would wait for itself.
        """
        try:
            self.refuse_own()
        except CronfleetError:
            work.close()
            raise
        asked = self._submit(work)
        try:
            return asked.result()
        except CancelledError as error:
            raise _closed() from error
        except BaseException:
            asked.cancel()
            raise

    def refuse_own(self) -> None:
        """Raises CronfleetError in the loop itself, which would wait for its own end."""
        if threading.current_thread() is self._thread:
            raise CronfleetError(
                "the scheduler's own event loop would wait for itself here: call this from a thread"
            )

    async def ask(self, work: Coroutine[Any, Any, Result]) -> Result:
        """As `call`, for a coroutine of another event loop."""
        asked, task = self._submit(work), asyncio.current_task()
        try:
            return await asyncio.wrap_future(asked)
        except asyncio.CancelledError as error:
            if task is None or task.cancelling() or not self.is_over:
                raise
            raise _closed() from error

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Have it done there, and do not wait. Raises CronfleetError once the loop is over."""
        self._submit(work)

    def soon(self, act: Callable[[], object]) -> None:
        """Have it done there, and do not wait. Nothing is done once the loop is over."""
        with self._gate:
            if not self.is_over:
                self._loop.call_soon_threadsafe(act)

    def close(self, last: Coroutine[Any, Any, object] | None = None) -> None:
        """End the loop and its thread, after `last`. Repeatable.

        Nothing else is let in from now on, and whoever waits for what has not ended is told.
        """
        with self._gate:
            if self.is_over:
                if last is not None:
                    last.close()
                return
            self._is_over.set()
        try:
            if last is not None:
                asyncio.run_coroutine_threadsafe(last, self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._tell_who_waits()

    def _submit(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        with self._gate:  # What comes between the loop's last turn and its end would never run.
            if self.is_over:
                work.close()
                raise _closed()
            asked = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return asked

    def _tell_who_waits(self) -> None:
        for asked in list(self._asked):
            with suppress(InvalidStateError):  # Its waiter gave up meanwhile.
                asked.set_exception(_closed())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            _end(self._loop)


def _pool_at_hand() -> ThreadPoolExecutor:
    """With a thread in it already: when the program ends, no new ones can be made."""
    pool = ThreadPoolExecutor(thread_name_prefix="asyncio")
    pool.submit(int).result()
    return pool


def _numbers_of(loop: Any) -> set[int]:
    """What it has open: the selector, all that it watches, and how threads wake it.

    None of these has a public name; other loops than asyncio's keep theirs to themselves.
    """
    selector = getattr(loop, "_selector", None)
    watched = selector.get_map().values() if selector else ()
    return {key.fd for key in watched} | numbers_of(
        filter(None, (selector, getattr(loop, "_csock", None)))
    )


def _closed() -> CronfleetError:
    return CronfleetError("the scheduler was closed meanwhile")


def _ended() -> CronfleetError:
    return CronfleetError(
        "the scheduler's event loop has ended meanwhile: whether this was done is not known"
    )


def _end(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=LEAVE_S))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
