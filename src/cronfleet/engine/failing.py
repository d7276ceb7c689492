"""Tasks that are to go on for ever, and for which nobody waits."""

from __future__ import annotations

import asyncio


def tell_if_it_failed(task: asyncio.Task[None]) -> None:
    """Tell the event loop's exception handler, which logs it, and at once."""
    if not task.cancelled() and (error := task.exception()):
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"{task.get_name()} has ended", "exception": error, "task": task}
        )
