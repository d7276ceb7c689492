"""An event loop in a thread, for programs that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any


class WorkingThread:
    """Has a context entered and left in an event loop of its own."""

    def __init__(self, context: AbstractAsyncContextManager[object]) -> None:
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="cronfleet", daemon=True)

    def begin(self) -> None:
        """Enter it. Raises what that raises."""
        self._thread.start()
        try:
            self._wait_for(self._context.__aenter__())
        except BaseException:
            self._end_loop()
            raise

    def end(self) -> None:
        """Leave it. Raises what that raises."""
        try:
            self._wait_for(self._context.__aexit__(None, None, None))
        finally:
            self._end_loop()

    def _wait_for(self, call: Coroutine[Any, Any, object]) -> None:
        """Whatever it raises is raised here, in the thread that asked."""
        asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._is_over.wait())
