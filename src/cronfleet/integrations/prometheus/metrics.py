"""The metrics of an instance, as Prometheus reads them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import TypeAlias

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from cronfleet import CronfleetError, Health, JobInfo, RunInfo, Scheduler, UnknownJobError
from cronfleet.integrations.prometheus.counting import Counting
from cronfleet.integrations.prometheus.instruments import Instruments
from cronfleet.integrations.prometheus.names import Names

log: logging.Logger = logging.getLogger(__name__)

MOST_JOBS = 100
"""So many jobs have labels of their own, unless it is told otherwise."""
READ_ANEW_S = 60
"""What is read of each job in the store is as old as this at the most."""
AT_A_TIME = 10
"""So many jobs are read side by side."""
PATIENCE_S = 5
FEW_RUNS = 2
RUNS_SEARCHED = 50
"""A success is looked for among so many of a job's newest runs."""

States: TypeAlias = Callable[[], Awaitable[Mapping[str, int]]]
"""How many things are in which state."""


class Metrics:
    """Listens to the scheduler from now on, and reads the rest when it is asked.

    The first `jobs` names of jobs are labels of their own, all others are `other` together.
    `notices` counts the password-expiry application's notices by state.
    """

    content_type: str = CONTENT_TYPE_LATEST

    def __init__(
        self, scheduler: Scheduler, *, jobs: int = MOST_JOBS, notices: States | None = None
    ) -> None:
        self._scheduler = scheduler
        self._notices = notices
        self._names = Names(jobs)
        self._to = Instruments()
        self._read_at: float | None = None
        self._succeeded: dict[str, float] = {}
        self._reading = asyncio.Lock()
        self._to.build.info({"version": version("cronfleet"), "python": platform.python_version()})
        self._counting = Counting(self._to, self._names)
        scheduler.listen(self._counting)

    @property
    def registry(self) -> CollectorRegistry:
        """With these metrics alone: what else a program counts is in others."""
        return self._to.registry

    async def text(self) -> bytes:
        """All metrics, in Prometheus's text format; `content_type` is its media type.

        What cannot be read of the store within five seconds is left out, or as it was.
        """
        async with self._reading:
            health = await self._scheduler.health()
            self._tell_health(health)
            if health.store_id:  # Else the store is not open, and nobody waits for it here.
                await self._in_time("jobs", self._read_jobs())
            if self._notices is not None:
                await self._in_time("notices", self._read_notices(self._notices))
            # With a hundred jobs these are 8,000 lines, and ticks are due meanwhile.
            return await asyncio.to_thread(generate_latest, self._to.registry)

    async def _in_time(self, what: str, read: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(read, PATIENCE_S)
        except (CronfleetError, TimeoutError) as error:
            log.info("the metrics of %s are not up to date: %s", what, error or "no answer")

    def _tell_health(self, health: Health) -> None:
        self._tell_ready(health)
        promise = health.promise
        self._to.store.info(
            {
                "store": health.store,
                "id": health.store_id,
                "epoch": str(health.epoch),
                "may_break": ",".join(promise.breaks_when) if promise else "unknown",
            }
        )

    def _tell_ready(self, health: Health) -> None:
        """Who only looks makes no claims and is not to make any: of it there is no such metric."""
        ready, registry = self._to.ready, self._to.registry
        with contextlib.suppress(KeyError, ValueError):  # It is out already, or in.
            (registry.unregister if health.only_looks else registry.register)(ready)
        ready.set(health.ready)

    async def _read_notices(self, notices: States) -> None:
        self._to.notices.clear()
        for state, count in (await notices()).items():
            self._to.notices.labels(state).set(count)

    # --- jobs

    async def _read_jobs(self) -> None:
        """Of all whom a label of their own names: an instance cannot know what others did."""
        now = time.monotonic()
        if self._read_at is not None and now - self._read_at < READ_ANEW_S:
            return
        self._read_at = now  # A store that is slow is not asked by every scrape.
        for name in self._scheduler.registered:
            self._names.of(name)
        jobs: list[JobInfo | None] = []
        for first in range(0, len(self._names.known), AT_A_TIME):
            names = self._names.known[first : first + AT_A_TIME]
            jobs += await asyncio.gather(*map(self._job, names))
        for gauge in (self._to.interval, self._to.paused, self._to.last_success):
            gauge.clear()
        for job in filter(None, jobs):
            self._tell_job(job)

    async def _job(self, name: str) -> JobInfo | None:
        self._counting.expect(name)
        try:
            await self._find_success(name)
            return await self._scheduler.job_info(name)
        except UnknownJobError:
            return None  # It was removed.

    async def _find_success(self, name: str) -> None:
        """What was found once stays known, however many failures come after it."""
        runs = await self._scheduler.runs(name, FEW_RUNS)
        if not any(map(_succeeded_at, runs)):  # Nearly always it is one of these.
            shards = max((run.shards for run in runs), default=1)  # A tick comes behind its own.
            runs = await self._scheduler.runs(name, RUNS_SEARCHED + FEW_RUNS * shards)
        if ended := [at for at in map(_succeeded_at, runs) if at]:
            self._succeeded[name] = max(ended)

    def _tell_job(self, job: JobInfo) -> None:
        if job.name in self._succeeded:
            self._to.last_success.labels(job.name).set(self._succeeded[job.name])
        if job.next_fire and job.watermark:
            span = job.next_fire - job.watermark
            self._to.interval.labels(job.name).set(span.total_seconds())
        if job.paused_reason:
            self._to.paused.labels(job.name, job.paused_reason).set(1)


def _succeeded_at(run: RunInfo) -> float | None:
    """When it succeeded, in seconds since 1970. A shard is a part of a run, and says nothing."""
    is_success = run.state == "succeeded" and run.shard is None
    return run.ended_at.timestamp() if is_success and run.ended_at else None
