"""How much somebody may ask: a bucket that fills up again with time."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from cronfleet.server.access.refusals import TooManyRequestsError

_MOST_BUCKETS = 10_000


class Limit:
    """At most `most` at once, and as many again in `over_s` seconds, of each who asks."""

    def __init__(
        self, what: str, most: int, over_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._most = most
        self._per_s = most / over_s
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> None:
        """Raises TooManyRequestsError, which takes nothing."""
        now = self._clock()
        left, since = self._buckets.pop(who, (float(self._most), now))
        left = min(self._most, left + (now - since) * self._per_s)
        is_granted = left >= 1
        self._buckets[who] = (left - is_granted, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)  # Who has not asked for the longest is full again.
        if not is_granted:
            raise TooManyRequestsError(self._what, math.ceil((1 - left) / self._per_s))
