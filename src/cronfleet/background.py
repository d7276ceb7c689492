"""An event loop in a thread of its own, for programs that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class BackgroundLoop:
    """Runs from the start until `end`. Its thread keeps no process from ending."""

    def __init__(self, name: str) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return self._is_over.is_set()

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run it there and wait for it; whatever it raises is raised here.

        It is cancelled when the waiting is interrupted.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def soon(self, act: Callable[[], object]) -> None:
        """Have it done there, and do not wait. Nothing is done once the loop has ended."""
        if not self.is_over:
            self.loop.call_soon_threadsafe(act)

    def end(self) -> None:
        """Cancel what is left, and wait for the thread. Repeatable."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._is_over.wait())
