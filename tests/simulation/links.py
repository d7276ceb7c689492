"""One instance's way to the store, and what was set on it to go wrong."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from cronfleet.run_id import Instant
from tests.simulation.case import Fault
from tests.simulation.mirror import Request

Act: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]


def _no_traps() -> defaultdict[str, deque[Fault]]:
    return defaultdict(deque)


def _nothing_befalls(_kind: str, _ms: int) -> None: ...


@dataclass(slots=True, eq=False)
class Link:
    """What is set here holds from the next call on."""

    who: str
    chance: Random
    call_ms: int
    """How long a call may take."""
    befall: Callable[[str, int], object] = _nothing_befalls
    """`kill` the instance and start it again after so long, or `freeze` it."""
    traps: defaultdict[str, deque[Fault]] = field(default_factory=_no_traps)
    """Each strikes one call of its operation."""
    cut: str = ""
    """A partition: of `requests`, of `answers`, or of `both`."""
    in_flight: int = 0
    is_dead: bool = False
    _greatest: dict[int, Instant] = field(default_factory=dict[int, Instant])

    def saw(self, store: int, now: Instant) -> None:
        """The store showed this time, when it had been emptied so often."""
        self._greatest[store] = max(now, self._greatest.get(store, 0))

    def has_seen(self, before: int) -> Instant:
        """The greatest time that it was shown before the store was emptied so often."""
        return max((now for store, now in self._greatest.items() if store < before), default=0)


@dataclass(slots=True, eq=False)
class Call:
    """One call under way."""

    link: Link
    request: Request
    act: Act
    answer: asyncio.Future[Any]
    times_out_at: int
    trap: Fault | None
    store: int = 0
    """How often the store had been emptied when it took the call."""

    @property
    def op(self) -> str:
        return self.request.op

    def is_trapped(self, *kinds: str) -> bool:
        return self.trap is not None and self.trap.kind in kinds

    def is_struck(self, when: str) -> bool:
        """Whether something befalls its instance then."""
        return self.is_trapped("kill-at", "freeze-at") and self._when == when

    @property
    def late_ms(self) -> int:
        return self.trap.ms if self.trap else 0

    @property
    def _when(self) -> str:
        return self.trap.what.partition(":")[2] if self.trap else ""
