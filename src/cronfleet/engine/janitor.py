"""The janitor: prunes the history of the jobs that this instance has run, and sees what is odd."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import islice

from cronfleet.engine.ahead import tell_of_jobs_ahead
from cronfleet.engine.known import KnownJob, KnownJobs
from cronfleet.engine.times import Times, rest
from cronfleet.errors import StoreError
from cronfleet.model import History, JobName
from cronfleet.store import Store

log: logging.Logger = logging.getLogger(__name__)

AT_ONCE = 200
"""So many jobs and runs a call; a round goes on while a call finds that many runs."""

MOST_IN_A_ROW = 2
"""When so many parts in a row have failed, it is the store: the rest waits for the next round."""


class Janitor:
    """Keeps each job's history within its bounds, behind the ends of its runs."""

    def __init__(self, store: Store, jobs: KnownJobs, times: Times) -> None:
        self._store = store
        self._jobs = jobs
        self._times = times
        self._touched: dict[JobName, History] = {}
        self._ended = Counter[JobName]()
        self._wake = asyncio.Event()
        self._clock_leapt = False

    def run_ended(self, ran: KnownJob) -> None:
        """One more run to keep, by the history that its job has now, as far as that is known."""
        job = ran.definition.name  # It may be known no more: others were learned meanwhile.
        self._touched[job] = self._jobs.get(job, ran).definition.history
        self._ended[job] += 1
        if self._ended[job] >= self._times.prune_at:
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
            await self._prune_touched()

    async def _look_ahead(self) -> None:
        if not self._clock_leapt:
            return
        self._clock_leapt = False
        try:
            await tell_of_jobs_ahead(self._store, self._jobs)
        except StoreError:
            self._clock_leapt = True  # The next round looks again.

    async def _prune_touched(self) -> None:
        """A part that fails keeps no other from being pruned: it goes last in the next round."""
        to_prune = deque(_parts(self._touched))
        self._touched = {}
        self._ended.clear()
        failed: list[Mapping[JobName, History]] = []
        in_a_row = 0
        while to_prune and in_a_row < MOST_IN_A_ROW:
            part = to_prune.popleft()
            try:
                await self._prune(part)
                in_a_row = 0
            except StoreError as error:
                failed.append(part)
                in_a_row += 1
                log.info("could not prune %d jobs, will try again: %s", len(part), error)
        for part in (*to_prune, *failed):
            self._touch_again(part)

    def _touch_again(self, part: Mapping[JobName, History]) -> None:
        """Behind all others; of two histories of a job the newer counts."""
        for name, kept in part.items():
            self._touched[name] = self._touched.pop(name, kept)

    async def _prune(self, part: Mapping[JobName, History]) -> None:
        pruned = AT_ONCE
        while pruned >= AT_ONCE:
            pruned = await self._store.prune(part, AT_ONCE)


def _parts(kept: Mapping[JobName, History]) -> Iterator[Mapping[JobName, History]]:
    names = iter(kept.items())
    while part := dict(sorted(islice(names, AT_ONCE))):
        yield part
