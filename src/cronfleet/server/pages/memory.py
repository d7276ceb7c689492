"""What pages showed last: while the store is away it is shown again, with the time it is from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from cronfleet import CronfleetError, StoreUnavailableError
from cronfleet.server.pages.absence import Absence

View = TypeVar("View")

MOST_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Shown(Generic[View]):
    """What a page shows, and from when it is."""

    view: View
    seen_at: datetime
    trouble: str = ""
    """Why it is no news; empty if it is."""


class Memory:
    """The last view of each page, of those that were asked for last."""

    def __init__(self, absence: Absence) -> None:
        self._absence = absence
        self._shown: OrderedDict[str, Shown[Any]] = OrderedDict()

    async def view(self, page: str, look: Callable[[], Awaitable[View]]) -> Shown[View]:
        """What `look` finds; what it found last, and at once, while the store is known to be away.

        Raises what `look` raises; StoreUnavailableError if this page was never seen.
        """
        known = self._shown.get(page)
        if known is not None and self._absence.is_known:
            self._absence.look_again(lambda: self._look(page, look))
            return replace(known, trouble=self._absence.trouble)
        try:
            return await self._look(page, look)
        except StoreUnavailableError as error:
            if known is None:
                raise
            return replace(known, trouble=str(error))

    async def _look(self, page: str, look: Callable[[], Awaitable[View]]) -> Shown[View]:
        try:
            fresh = Shown(await look(), datetime.now(UTC))
        except StoreUnavailableError as error:
            self._absence.note(error)
            raise
        except CronfleetError:
            self._absence.end()
            raise
        self._absence.end()
        self._remember(page, fresh)
        return fresh

    def _remember(self, page: str, shown: Shown[Any]) -> None:
        self._shown[page] = shown
        self._shown.move_to_end(page)
        if len(self._shown) > MOST_REMEMBERED:
            self._shown.popitem(last=False)
