"""Pauses that have come to their end: whoever notices resumes the job, and it is done once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from cronfleet.clock import Clock
from cronfleet.engine.session import SessionKeeper
from cronfleet.errors import StoreError
from cronfleet.model import Instant, JobName
from cronfleet.pausing import resume_in_time
from cronfleet.store import Seen, Store

log: logging.Logger = logging.getLogger(__name__)

LEFT_TO_OTHERS_MS = 2_000
"""For so long a job is left to the session that goes first for it."""

AGAIN_MS = 5_000
"""After an error; a job that only a newer version can read is asked for as seldom."""


class Resuming:
    """Resumes what the last peek named, beside the claims; `then` is called when it has."""

    def __init__(
        self, store: Store, clock: Clock, session: SessionKeeper, then: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._session = session
        self._then = then
        self._now: Instant = 0
        self._since: dict[JobName, Instant] = {}
        """When each was named first, by the boot clock."""
        self._failed: dict[JobName, Instant] = {}
        self._wake = asyncio.Event()

    def saw(self, seen: Seen) -> None:
        """What the instance found when it looked last."""
        boot = self._clock.boot_ms()
        self._now = seen.now
        self._since = {name: self._since.get(name, boot) for name in seen.resuming}
        if self._since:
            self._wake.set()

    async def work(self) -> None:
        """Resume for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._failed = {name: at for name, at in self._failed.items() if name in self._since}
            for name in list(self._ripe()):
                # With older tzdata than the fleet's its fire times may be others: it is left to them.
                if self._session.may_claim and not self._session.has_old_tzdata:
                    await self._resume(name)

    def _ripe(self) -> Iterator[JobName]:
        boot, ranking = self._clock.boot_ms(), self._session.ranking
        for name, since in self._since.items():
            is_mine = ranking.rank(name) == 0 or boot - since >= LEFT_TO_OTHERS_MS
            if is_mine and boot - self._failed.get(name, boot - AGAIN_MS) >= AGAIN_MS:
                yield name

    async def _resume(self, name: JobName) -> None:
        label = self._session.identity.label
        try:
            if await resume_in_time(self._store, name, label, self._now):
                log.info("job %s is resumed: its pause has come to its end", name)
                self._then()
        except StoreError as error:
            log.info("job %s stays paused past its end, will try again: %s", name, error)
            self._failed[name] = self._clock.boot_ms()
