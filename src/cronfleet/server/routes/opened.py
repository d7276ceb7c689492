"""Nobody who asks waits until the store is up: they are told that it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cronfleet import Scheduler, StoreUnavailableError
from cronfleet.server.pages.absence import Absence


def store_opened(
    scheduler: Scheduler, absence: Absence | None = None
) -> Callable[[], Awaitable[None]]:
    """A dependency that raises StoreUnavailableError before the store is open, and after.

    A store that is known to be away was open, and is not asked.
    """

    async def check() -> None:
        if absence is not None and absence.is_known:
            return
        health = await scheduler.health()
        if not health.store_id:
            raise StoreUnavailableError(health.store, "it is not open")

    return check
