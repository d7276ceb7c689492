"""The care that the job takes: what it made is judged before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from cronfleet.apps.password_expiry.canary import Canary
from cronfleet.apps.password_expiry.records import Hold, Records, Scan
from cronfleet.context import LogAdapter

_WHAT_TO_DO = (
    "nothing is sent until somebody has looked at it, and approves it: "
    "`cronfleet password-expiry approve`, or the page /password-expiry"
)


class Care:
    """Of one outbox. Without a canary nothing is held: where no mail reaches anyone.

    Every method raises `DatabaseError`.
    """

    def __init__(self, records: Records, canary: Canary | None) -> None:
        self.records = records
        self._canary = canary

    async def begin(self, fire_time: datetime) -> int:
        """A run begins; its number."""
        return await asyncio.to_thread(self.records.begin, fire_time)

    async def end(self, run: int, scan: Scan, log: LogAdapter) -> None:
        """A run has made its notices: hold them if they are too many."""
        held = await asyncio.to_thread(self.records.end, run, scan, self._canary)
        if held:
            log.error("held: %s; %s", held.said, _WHAT_TO_DO)

    async def standing(self) -> Sequence[Hold]:
        """The holds that stand: while there is one, nothing is sent."""
        return await asyncio.to_thread(self.records.standing) if self._canary else []
