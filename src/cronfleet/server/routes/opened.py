"""Nobody who asks waits until the store is up: they are told that it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cronfleet import Scheduler, StoreUnavailableError


def store_opened(scheduler: Scheduler) -> Callable[[], Awaitable[None]]:
    """A dependency that raises StoreUnavailableError before the store is open, and after."""

    async def check() -> None:
        health = await scheduler.health()
        if not health.store_id:
            raise StoreUnavailableError(health.store, "it is not open")

    return check
