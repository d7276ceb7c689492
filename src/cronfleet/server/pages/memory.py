"""What pages showed last: while the store is away it is shown again, with the time it is from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from cronfleet import StoreUnavailableError

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

    def __init__(self) -> None:
        self._shown: OrderedDict[str, Shown[Any]] = OrderedDict()

    async def view(self, page: str, look: Callable[[], Awaitable[View]]) -> Shown[View]:
        """What `look` finds; what it found last while the store is away.

        Raises what `look` raises; StoreUnavailableError if this page was never seen.
        """
        try:
            fresh = Shown(await look(), datetime.now(UTC))
        except StoreUnavailableError as error:
            known = self._shown.get(page)
            if known is None:
                raise
            return replace(known, trouble=str(error))
        self._remember(page, fresh)
        return fresh

    def _remember(self, page: str, shown: Shown[Any]) -> None:
        self._shown[page] = shown
        self._shown.move_to_end(page)
        if len(self._shown) > MOST_REMEMBERED:
            self._shown.popitem(last=False)
