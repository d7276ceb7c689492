"""The janitor: prunes the history of the jobs that this instance has run, and sees what is odd."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from cronfleet.engine.ahead import tell_of_jobs_ahead
from cronfleet.engine.known import KnownJobs
from cronfleet.engine.times import Times, rest
from cronfleet.errors import StoreError
from cronfleet.model import History, JobName
from cronfleet.store import Store

log: logging.Logger = logging.getLogger(__name__)

AT_ONCE = 200
"""So many jobs and runs a call; a round goes on while a call finds that many runs."""


class Janitor:
    """Keeps each job's history within its bounds, behind the ends of its runs."""

    def __init__(self, store: Store, jobs: KnownJobs, times: Times) -> None:
        self._store = store
        self._jobs = jobs
        self._times = times
        self._touched: dict[JobName, History] = {}
        self._ended = 0
        self._wake = asyncio.Event()
        self._clock_leapt = False

    def run_ended(self, job: JobName) -> None:
        """One more run to keep."""
        if known := self._jobs.get(job):
            self._touched[job] = known.definition.history
        self._ended += 1
        if self._ended >= self._times.prune_at:
            self._wake.set()

    def clock_leapt(self) -> None:
        """The store's clock may have been ahead until now."""
        self._clock_leapt = True
        self._wake.set()

    async def work(self) -> None:
        """Prune now and then, for ever."""
        self.clock_leapt()  # It may have before we came.
        while True:
            await rest(self._wake, self._times.prune_ms)
            self._wake.clear()
            await self._look_ahead()
            touched, self._touched, self._ended = self._touched, {}, 0
            try:
                await self._prune(touched)
            except StoreError as error:
                self._touched = touched | self._touched
                log.info("could not prune, will try again: %s", error)

    async def _look_ahead(self) -> None:
        if not self._clock_leapt:
            return
        self._clock_leapt = False
        try:
            await tell_of_jobs_ahead(self._store, self._jobs)
        except StoreError:
            self._clock_leapt = True  # The next round looks again.

    async def _prune(self, kept: Mapping[JobName, History]) -> None:
        names = sorted(kept)
        for first in range(0, len(names), AT_ONCE):
            part = {name: kept[name] for name in names[first : first + AT_ONCE]}
            pruned = AT_ONCE
            while pruned >= AT_ONCE:
                pruned = await self._store.prune(part, AT_ONCE)
