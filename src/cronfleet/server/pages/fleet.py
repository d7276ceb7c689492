"""What the server knows of its fleet: looked at anew when a page asks, and remembered.

To know what became last of every job takes two calls a job. So only those are asked about that
have moved since: those whose record changed, that are active, or about which an order was given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from cronfleet import (
    AuditInfo,
    GapInfo,
    Health,
    InstanceInfo,
    JobInfo,
    Latest,
    RunInfo,
    Scheduler,
    StoreError,
    StoreUnavailableError,
)
from cronfleet.server.pages.absence import Absence

JOBS_READ_A_LOOK = 100
_REMEMBERED_OF_A_JOB = 5
ORDERS_READ = 50
_AT_LEAST_APART_S = 0.5
_AT_MOST_APART_S = 5.0
_SHARE_OF_TIME = 0.1
"""How much of its time a server spends on looking, where that does not take too long."""

_Mark: TypeAlias = tuple[int, datetime | None, int]
_NOTHING = Latest([], [])


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet as it was at one moment."""

    now: datetime
    """By the store's clock."""
    health: Health
    session_ttl: timedelta
    jobs: Sequence[JobInfo]
    instances: Sequence[InstanceInfo]
    latest: Mapping[str, Latest] = field(default_factory=dict[str, Latest])
    """What became last of jobs, as far as it was asked."""
    paused_at: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    """When jobs were paused, as far as the orders that were read tell."""
    trouble: str = ""
    """Why this is what was known before, and no news; empty if it is news."""

    @property
    def at_work(self) -> Sequence[InstanceInfo]:
        """The instances whose lease is not over; the others are listed until they are closed."""
        return [each for each in self.instances if each.expires_at > self.now]

    def last_run(self, job: str) -> RunInfo | None:
        """The newest run that is no shard of another."""
        runs = self.latest.get(job, _NOTHING).runs
        return next((run for run in runs if run.shard is None), None)

    def last_runs(self, limit: int) -> list[RunInfo]:
        """The last run of each job, the newest first: so one that runs often hides no other."""
        runs = [run for job in self.latest if (run := self.last_run(job))]
        return sorted(runs, key=lambda run: run.created_at, reverse=True)[:limit]

    def last_gaps(self, limit: int) -> list[GapInfo]:
        """Of all jobs, the newest first."""
        gaps = [gap for latest in self.latest.values() for gap in latest.gaps]
        return sorted(gaps, key=lambda gap: gap.last, reverse=True)[:limit]


class FleetWatch:
    """Looks at a fleet for all who ask, half a second apart at least."""

    def __init__(self, scheduler: Scheduler, absence: Absence) -> None:
        self._scheduler = scheduler
        self._absence = absence
        self._looking = asyncio.Lock()
        self._fleet: Fleet | None = None
        self._next_look_s = 0.0
        self._marks: dict[str, _Mark] = {}
        self._newest_order: AuditInfo | None = None

    async def look(self) -> Fleet:
        """The fleet now; as it was known last, and at once, while the store is known to be away.

        Raises StoreError if nothing was ever known of it.
        """
        if self._fleet is not None and self._absence.is_known:
            self._absence.look_again(self._look)
            return replace(self._fleet, trouble=self._absence.trouble)
        return await self._look()

    async def _look(self) -> Fleet:
        async with self._looking:
            if self._fleet is None or time.monotonic() >= self._next_look_s:
                begun_s = time.monotonic()
                self._fleet = await self._news()
                took_s = time.monotonic() - begun_s
                self._next_look_s = begun_s + _rest_s(took_s)
            return self._fleet

    def forget_age(self) -> None:
        """Something was ordered just now: the store answers, and the next is to see it."""
        self._absence.end()
        self._next_look_s = 0.0

    async def _news(self) -> Fleet:
        known = self._fleet
        try:
            fleet = await self._seen(known)
        except StoreError as error:
            if isinstance(error, StoreUnavailableError):
                self._absence.note(error)
            if known is None:
                raise
            return replace(known, health=await self._scheduler.health(), trouble=str(error))
        self._absence.end()
        return fleet

    async def _seen(self, known: Fleet | None) -> Fleet:
        scheduler = self._scheduler
        now, jobs = await scheduler.store_time(), await scheduler.jobs()
        orders = await scheduler.audit(ORDERS_READ)
        asked = self._restless(jobs, orders)[:JOBS_READ_A_LOOK]
        news = await scheduler.latest([job.name for job in asked], _REMEMBERED_OF_A_JOB)
        self._marks |= {job.name: _mark(job) for job in asked}
        self._newest_order = orders[0] if orders else None
        latest = {**known.latest, **news} if known else news
        paused_at = {**known.paused_at, **_pauses(orders)} if known else _pauses(orders)
        return Fleet(
            now=now,
            health=await scheduler.health(),
            session_ttl=scheduler.session_ttl,
            jobs=jobs,
            instances=await scheduler.instances(),
            latest={job.name: latest[job.name] for job in jobs if job.name in latest},
            paused_at={job.name: paused_at[job.name] for job in jobs if job.name in paused_at},
        )

    def _restless(self, jobs: Sequence[JobInfo], orders: list[AuditInfo]) -> list[JobInfo]:
        """The jobs of which something may be new, the most urgent first.

        A run by hand leaves no mark on its job's record once it has ended: its order tells of it.
        """
        if self._newest_order in orders:
            orders = orders[: orders.index(self._newest_order)]
        ordered = {order.job for order in orders}
        found = [
            job
            for job in jobs
            if job.active or job.name in ordered or self._marks.get(job.name) != _mark(job)
        ]
        return sorted(found, key=lambda job: (job.name in ordered, *_urgency(job)), reverse=True)


def _rest_s(took_s: float) -> float:
    """How long after a look began the next one may, from how long it took."""
    return min(max(took_s / _SHARE_OF_TIME, _AT_LEAST_APART_S), _AT_MOST_APART_S)


def _pauses(orders: Sequence[AuditInfo]) -> dict[str, datetime]:
    """When each job was paused last; the orders are told the newest first."""
    return {order.job: order.at for order in reversed(orders) if order.verb == "pause"}


def _mark(job: JobInfo) -> _Mark:
    """What moves with a job's ticks and runs."""
    return job.generation, job.watermark, job.active


def _urgency(job: JobInfo) -> tuple[bool, float]:
    return job.active > 0, job.watermark.timestamp() if job.watermark else 0
