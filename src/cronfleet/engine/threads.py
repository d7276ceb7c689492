"""Plain handlers run in threads that never keep a process from ending."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

Result = TypeVar("Result")

tell_of_thread: ContextVar[Callable[[asyncio.Future[Any]], object] | None] = ContextVar(
    "tell_of_thread", default=None
)
"""Is told of what a thread is about to answer: simulated time must wait for it."""

Threading: TypeAlias = Callable[[Callable[[], None], str], object]


def _begin_thread(run: Callable[[], None], name: str) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()


threads_by: ContextVar[Threading] = ContextVar("threads_by", default=_begin_thread)
"""What begins a thread, under a name: a simulation has its own."""


def in_thread(call: Callable[[], Result], name: str) -> asyncio.Future[Result]:
    """Run `call`, which must not raise, in a daemon thread of its own.

    A pool's threads are joined when Python exits, and a handler that hangs would hang that too.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Result] = loop.create_future()
    context = contextvars.copy_context()
    if tell := tell_of_thread.get():
        tell(result)

    def deliver(value: Result) -> None:
        if not result.done():
            result.set_result(value)

    def run() -> None:
        value = context.run(call)
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver, value)

    threads_by.get()(run, name)
    return result
