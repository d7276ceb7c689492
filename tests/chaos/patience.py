"""Waiting for what comes in its own time, and not for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_S = 0.05


async def comes_true(
    is_so: Callable[[], Awaitable[bool]], within_s: float, look_s: float = LOOK_S
) -> bool:
    """Whether it became so in time; asked once at least."""
    until = time.monotonic() + within_s
    while not await is_so():
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(look_s)
    return True
