"""Reads how a fleet stands. Nothing is judged here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from cronfleet import RunContext, RunInfo, Scheduler
from cronfleet.apps.alerting.conditions import Condition, Snapshot, plain

MOST_JOBS = 2_000
"""So many jobs are looked at, by name."""

LOOKS_KEPT = 60
"""An hour of them, for as long as an event stands; so many are in the history of our own job."""

_RUNS = 50
_MOST_RUNS = 1_000
"""So many are read where those are not enough."""
_FEW_RUNS = 5
_GAPS = 5
_PATIENCE_S = 10
"""So long an application may take to answer."""

Probe: TypeAlias = Callable[[], Awaitable[Sequence[Condition]]]
"""What an application has to tell."""


async def snapshot(scheduler: Scheduler, run: RunContext, probes: Sequence[Probe] = ()) -> Snapshot:
    """How the fleet stands. Raises StoreError."""
    jobs = (await scheduler.jobs())[:MOST_JOBS]
    names = [job.name for job in jobs]
    latest = await scheduler.latest(names, _RUNS)  # Side by side: the store may be far away.
    own = await scheduler.runs(run.job, limit=LOOKS_KEPT)
    health = await scheduler.health()
    promise = await scheduler.promise()
    return Snapshot(
        now=_started(own, run.run_id),
        jobs=jobs,
        runs={name: await _runs(scheduler, name, latest[name].runs) for name in names},
        # What we missed ourselves, `looks` tells.
        gaps={name: latest[name].gaps[:_GAPS] for name in names if name != run.job},
        instances=await scheduler.instances(),
        downgrades=promise.lines[1:],
        backlog=health.backlog,
        looks=sorted(each.started_at for each in own if each.started_at),
        probed=[each for probe in probes for each in await _probed(probe)],
    )


async def _probed(probe: Probe) -> Sequence[Condition]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, all else is told, and this too
        why = plain(str(error)) or type(error).__name__
        said = f"What an application has to tell is not known: {why}"
        return [Condition("an application cannot be asked", said)]


async def _runs(scheduler: Scheduler, job: str, newest: Sequence[RunInfo]) -> list[RunInfo]:
    """The newest, and more. A tick comes behind its shards, and a success behind many failures."""
    found = [run for run in newest if run.shard is None]
    count, more = len(newest), len(newest) == _RUNS
    while more and count < _MOST_RUNS and not _are_enough(found):
        runs = await scheduler.runs(job, count, count)  # Twice as many: few calls, wherever it is.
        found += [run for run in runs if run.shard is None]
        more = len(runs) == count
        count *= 2
    return found


def _are_enough(runs: Sequence[RunInfo]) -> bool:
    return len(runs) >= _FEW_RUNS and any(run.state == "succeeded" for run in runs)


def _started(own: Sequence[RunInfo], run_id: str) -> datetime:
    """By the store's clock, as all that it is compared with."""
    started = (run.started_at for run in own if run.id == run_id and run.started_at)
    return next(started, None) or datetime.now(UTC)
