"""The janitor: prunes the history of the jobs that this instance has run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from cronfleet.engine.known import KnownJobs
from cronfleet.engine.times import rest
from cronfleet.errors import StoreError
from cronfleet.model import History, JobName
from cronfleet.store import Store

log: logging.Logger = logging.getLogger(__name__)

BETWEEN_ROUNDS_MS = 60_000
AT_ONCE = 200
"""So many runs a call; a round goes on while a call finds that many."""

ROUND_AT = 1_000
"""A round begins early when so many runs have ended since the last."""


class Janitor:
    """Keeps each job's history within its bounds, behind the ends of its runs."""

    def __init__(self, store: Store, jobs: KnownJobs) -> None:
        self._store = store
        self._jobs = jobs
        self._touched: dict[JobName, History] = {}
        self._ended = 0
        self._wake = asyncio.Event()

    def run_ended(self, job: JobName) -> None:
        """One more run to keep."""
        if known := self._jobs.get(job):
            self._touched[job] = known.definition.history
        self._ended += 1
        if self._ended >= ROUND_AT:
            self._wake.set()

    async def work(self) -> None:
        """Prune now and then, for ever."""
        while True:
            await rest(self._wake, BETWEEN_ROUNDS_MS)
            self._wake.clear()
            touched, self._touched, self._ended = self._touched, {}, 0
            try:
                await self._prune(touched)
            except StoreError as error:
                self._touched |= touched
                log.info("could not prune, will try again: %s", error)

    async def _prune(self, kept: Mapping[JobName, History]) -> None:
        for name, history in sorted(kept.items()):
            pruned = AT_ONCE
            while pruned >= AT_ONCE:
                pruned = await self._store.prune(name, history, AT_ONCE)
