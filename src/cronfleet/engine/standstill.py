"""Where an event loop stands when it stands still: for the one who has to mend it."""

from __future__ import annotations

import asyncio
import sys


def where(loop: asyncio.AbstractEventLoop, thread: int) -> str:
    """The task that it is in, and the line. To be asked from another thread than the loop's."""
    task = asyncio.current_task(loop)
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - documented
    parts = [task.get_name()] if task else []
    if frame is not None:
        parts.append(f"in {frame.f_code.co_name}, {frame.f_code.co_filename}:{frame.f_lineno}")
    return ", ".join(parts) or "it is not known where"
