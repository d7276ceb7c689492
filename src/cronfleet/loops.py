"""Event loops that end, whatever handlers do: here, or in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

LEAVE_S = 1.0
"""How long tasks that were cancelled may take to end; then they are left behind."""


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
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it was closed."""
        return self._is_over.is_set()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run it in the loop and wait for it. Whatever it raises is raised here.

        It is cancelled when the waiting is interrupted.
        """
        asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return asked.result()
        except BaseException:
            asked.cancel()
            raise

    def soon(self, act: Callable[[], object]) -> None:
        """Have it done there, and do not wait. Nothing is done once the loop is over."""
        if not self.is_over:
            self._loop.call_soon_threadsafe(act)

    def close(self) -> None:
        """End the loop and its thread. Repeatable."""
        if not self.is_over:
            self._is_over.set()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            _end(self._loop)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=LEAVE_S))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
