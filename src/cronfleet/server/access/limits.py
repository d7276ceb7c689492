"""How much somebody may ask: a bucket that fills up again with time."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from cronfleet.server.access.refusals import TooManyRequestsError

_MOST_KNOWN = 10_000
_LONGEST_KNOWN = 128


class Limit:
    """At most `most` at once, and as many again in `over_s` seconds, for each who asks."""

    def __init__(
        self, what: str, most: int, over_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._over_s = over_s
        self._each_s = over_s / most
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, who: str) -> None:
        """Raises TooManyRequestsError, which takes nothing."""
        now, who = self._clock(), who[:_LONGEST_KNOWN]
        full_at = max(self._full_at.pop(who, now), now)
        wait_s = full_at + self._each_s - self._over_s - now
        self._full_at[who] = full_at if wait_s > 0 else full_at + self._each_s
        if len(self._full_at) > _MOST_KNOWN:
            self._full_at.popitem(last=False)  # Of those whose bucket is likely to be full.
        if wait_s > 0:
            raise TooManyRequestsError(self._what, math.ceil(wait_s))
