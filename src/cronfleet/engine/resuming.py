"""Pauses that have come to their end: whoever notices resumes the job, and it is done once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from cronfleet.engine.session import SessionKeeper
from cronfleet.errors import StoreError
from cronfleet.model import JobName
from cronfleet.pausing import resume_in_time
from cronfleet.store import Seen, Store

log: logging.Logger = logging.getLogger(__name__)

AGAIN_S = 5.0
"""After an error; a job that only a newer version can read is asked for as seldom."""


class Resuming:
    """Resumes what the last peek named, beside the claims."""

    def __init__(self, store: Store, session: SessionKeeper) -> None:
        self._store = store
        self._session = session
        self._names: Sequence[JobName] = ()
        self._wake = asyncio.Event()

    def saw(self, seen: Seen) -> None:
        """What the instance found when it looked last."""
        self._names = seen.resuming
        if self._names:
            self._wake.set()

    async def work(self) -> None:
        """Resume for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for name in self._names:
                # With older tzdata than the fleet's its fire times may be others: it is left to them.
                if self._session.may_claim and not self._session.has_old_tzdata:
                    await self._resume(name)

    async def _resume(self, name: JobName) -> None:
        try:
            if await resume_in_time(self._store, name, self._session.identity.label):
                log.info("job %s is resumed: its pause has come to its end", name)
        except StoreError as error:
            log.info("job %s stays paused past its end, will try again: %s", name, error)
            await asyncio.sleep(AGAIN_S)
