"""What the pages of the fleet itself show."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet import GapInfo, Health, InstanceInfo, JobInfo, RunInfo, Scheduler

JOBS_SHOWN = 50
LAST_RUNS_SHOWN = 10
RUNS_SHOWN = 25
GAPS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet at a glance."""

    health: Health
    jobs: list[JobInfo]
    more_jobs: int
    last_runs: dict[str, RunInfo]
    """Of each job that ran."""
    runs: list[RunInfo]
    gaps: list[GapInfo]
    instances: list[InstanceInfo]


@dataclass(frozen=True, slots=True)
class JobView:
    """One job, with a page of its runs and gaps."""

    job: JobInfo
    runs: list[RunInfo]
    gaps: list[GapInfo]


async def look_over(scheduler: Scheduler) -> Overview:
    """Raises StoreError."""
    jobs = await scheduler.jobs()
    shown = jobs[:JOBS_SHOWN]
    runs = {job.name: await scheduler.runs(job.name, LAST_RUNS_SHOWN) for job in shown}
    gaps = [gap for job in shown for gap in await scheduler.gaps(job.name, GAPS_SHOWN)]
    return Overview(
        health=await scheduler.health(),
        jobs=shown,
        more_jobs=len(jobs) - len(shown),
        last_runs={name: of_job[0] for name, of_job in runs.items() if of_job},
        runs=newest_runs([run for of_job in runs.values() for run in of_job]),
        gaps=sorted(gaps, key=lambda gap: gap.last, reverse=True)[:GAPS_SHOWN],
        instances=await scheduler.instances(),
    )


def newest_runs(runs: list[RunInfo]) -> list[RunInfo]:
    return sorted(runs, key=lambda run: run.created_at, reverse=True)[:LAST_RUNS_SHOWN]


async def look_at(scheduler: Scheduler, name: str, limit: int, skip: int) -> JobView:
    """Raises UnknownJobError, StoreError."""
    return JobView(
        job=await scheduler.job_info(name),
        runs=await scheduler.runs(name, limit, skip),
        gaps=await scheduler.gaps(name, limit, skip),
    )
