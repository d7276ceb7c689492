"""One look at a fleet: few calls, however many jobs there are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from cronfleet import CronfleetError, RunInfo, Scheduler
from cronfleet.server.watching.sight import Sight, instance_marks, restless, run_marks
from cronfleet.server.watching.watcher import Watcher

_MOST_LOOKED_INTO = 50
"""Of how many jobs the runs are read in one look."""

_RUNS = 10
_ENTRIES = 20


def watcher_of(scheduler: Scheduler) -> Watcher:
    """A watcher of the fleet of a scheduler."""
    return Watcher(partial(look, scheduler))


async def look(scheduler: Scheduler, before: Sight | None) -> Sight:
    """Look at the fleet. A store that is away, or not open, is no error but seen."""
    health = replace(await scheduler.health(), promise=None)
    stood = before or Sight(health)
    if not health.store_id:  # To ask for more would open it.
        return replace(stood, health=health, answers=False)
    try:
        return await _look(scheduler, replace(stood, health=health))
    except CronfleetError:
        return replace(stood, health=health, answers=False)


async def _look(scheduler: Scheduler, stood: Sight) -> Sight:
    jobs = {mark.name: mark for mark in await scheduler.job_marks()}
    audit = tuple(await scheduler.audit(_ENTRIES))
    runs: list[RunInfo] = []
    for name in restless(stood, jobs, audit)[:_MOST_LOOKED_INTO] if stood.jobs else ():
        runs += await scheduler.runs(name, _RUNS)
    return Sight(
        health=stood.health,
        answers=True,
        jobs=jobs,
        runs=run_marks(runs),
        jobs_of_runs={run.id: run.job for run in runs},
        instances=instance_marks(await scheduler.instances()),
        audit=audit,
    )
