"""Handlers that stand in for a job's own."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cronfleet.context import RunContext
from cronfleet.engine.known import Handler


def stub(
    *,
    takes: timedelta = timedelta(0),
    raises: BaseException | None = None,
    times: int | None = None,
) -> Handler:
    """A handler that takes so long, in simulated time, and then succeeds or raises.

    With `times` only so many calls raise, and those after them succeed.
    """
    left = times

    async def handler(run: RunContext) -> None:
        nonlocal left
        await asyncio.sleep(takes.total_seconds())
        if raises is None or left == 0:
            return
        if left is not None:
            left -= 1
        raise raises.with_traceback(None)

    return handler
