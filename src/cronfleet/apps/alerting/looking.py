"""Reads how a fleet stands. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from cronfleet import RunContext, RunInfo, Scheduler
from cronfleet.apps.alerting.conditions import Condition, Snapshot, plain

MOST_JOBS = 2_000
"""So many jobs are looked at, by name."""

_RUNS = 50
_GAPS = 5

Probe: TypeAlias = Callable[[], Awaitable[Sequence[Condition]]]
"""What an application has to tell."""


async def snapshot(scheduler: Scheduler, run: RunContext, probes: Sequence[Probe] = ()) -> Snapshot:
    """How the fleet stands. Raises StoreError."""
    jobs = (await scheduler.jobs())[:MOST_JOBS]
    names = [job.name for job in jobs]
    own = await scheduler.runs(run.job, limit=5)
    health = await scheduler.health()
    promise = await scheduler.promise()
    return Snapshot(
        now=_started(own, run.run_id),
        jobs=jobs,
        runs={name: await _runs(scheduler, name) for name in names},
        # What we missed ourselves, `looked_before` tells.
        gaps={name: await scheduler.gaps(name, _GAPS) for name in names if name != run.job},
        instances=await scheduler.instances(),
        downgrades=promise.lines[1:],
        backlog=health.backlog,
        looked_before=_looked_before(own, run.run_id),
        probed=[each for probe in probes for each in await _probed(probe)],
    )


async def _probed(probe: Probe) -> Sequence[Condition]:
    try:
        return await probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, all else is told, and this too
        said = f"What an application has to tell is not known: {plain(str(error))}"
        return [Condition("an application cannot be asked", said)]


async def _runs(scheduler: Scheduler, job: str) -> list[RunInfo]:
    return [run for run in await scheduler.runs(job, _RUNS) if run.shard is None]


def _started(own: Sequence[RunInfo], run_id: str) -> datetime:
    """By the store's clock, as all that it is compared with."""
    started = (run.started_at for run in own if run.id == run_id and run.started_at)
    return next(started, None) or datetime.now(UTC)


def _looked_before(own: Sequence[RunInfo], run_id: str) -> datetime | None:
    ended = [run.ended_at for run in own if run.id != run_id and run.ended_at]
    return max(ended, default=None)
