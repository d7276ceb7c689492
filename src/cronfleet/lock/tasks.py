"""How a coroutine gets a lock, in its own event loop or by way of another."""

from __future__ import annotations

import asyncio
import contextlib

from cronfleet.errors import CronfleetError
from cronfleet.holding import Hold
from cronfleet.lock.acquiring import Attempt, Grant, acquire, released
from cronfleet.lock.sides import TaskSide
from cronfleet.model import LockOwner


async def acquire_through(side: TaskSide, attempt: Attempt) -> Grant:
    """Wait for the lock. Raises as `Attempt.after` does."""
    try:
        return await side.run(acquire(side.store, attempt))
    except asyncio.CancelledError:
        if side.elsewhere is not None:  # It may have been granted, and the answer not read.
            with contextlib.suppress(CronfleetError):
                leaving = released(side.store, attempt.terms.name, attempt.owner)
                side.elsewhere.loop.begin(leaving)
        raise


async def keep_or_give_back(side: TaskSide, hold: Hold, name: str, owner: LockOwner) -> None:
    """Renew it from now on, or do not have it. Raises as `TaskSide.keep` does."""
    try:
        side.keep(hold)
    except CronfleetError:
        await released_through(side, name, owner)
        raise


async def released_through(side: TaskSide, name: str, owner: LockOwner) -> bool | None:
    """As `released`. What is held in a loop that is over cannot be given back: it expires."""
    try:
        return await side.run(released(side.store, name, owner))
    except CronfleetError:
        if side.elsewhere is None or not side.elsewhere.loop.is_over:
            raise
        return None
