"""Jobs: what there is, what is to come, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from cronfleet import GapInfo, JobInfo, RunInfo, Scheduler
from cronfleet.run_id import JOB_NAME
from cronfleet.server.access.needs import Viewer
from cronfleet.server.cursors import InvalidCursorError, read, written
from cronfleet.server.histories import Tick, gaps_of, page_of, runs_of, ticks_of
from cronfleet.server.routes.api.answers import After, JobName, Limit, Page
from cronfleet.server.routes.api.changes import etag
from cronfleet.server.routes.api.schedules import Count, Fire, fires_of


class Jobs(Page):
    """Jobs by name."""

    jobs: list[JobInfo]


class Job(BaseModel):
    """A job, and its definition as it is stored."""

    job: JobInfo
    definition: Mapping[str, Any]
    """Schedule, arguments and policies; spans are in milliseconds."""


class NextFires(BaseModel):
    """The fire times that a job has before it."""

    job: str
    description: str
    """The schedule in plain English."""
    fires: list[Fire]


class Runs(Page):
    """A job's runs, the newest made first."""

    runs: list[RunInfo]


class Gaps(Page):
    """A job's rows of skipped ticks, the newest first."""

    gaps: list[GapInfo]


class ToldTick(BaseModel):
    """A run, or a row of skipped ticks; the other one is null."""

    fire_time: datetime
    """Of a row of ticks, that of the last."""
    state: str
    """That of the run, or `skipped`."""
    outcome: str | None
    """How it ended; null while that is open."""
    reason: str | None
    """Why it was skipped."""
    count: int
    """How many ticks; 10,001 means more than 10,000."""
    run: RunInfo | None
    gap: GapInfo | None


class Ticks(Page):
    """What became of a job's ticks, and of what was ordered by hand: the newest first."""

    ticks: list[ToldTick]


def job_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["jobs"])

    @router.get("/jobs", summary="List jobs")
    async def list_jobs(
        _: Viewer, limit: Limit = 50, after: After = None, *, removed: bool = False
    ) -> Jobs:
        """All jobs by name, whoever declares them; with `removed` those that were removed."""
        found = await scheduler.jobs(removed=removed, after=_name(after), limit=limit + 1)
        is_last = len(found) <= limit
        return Jobs(jobs=found[:limit], next=None if is_last else written(found[limit - 1].name))

    # A job's name may have slashes in it: what stands last is ours.
    @router.get("/jobs/{name:path}/runs", summary="List a job's runs")
    async def list_runs(_: Viewer, name: JobName, limit: Limit = 50, after: After = None) -> Runs:
        """The newest made first. A cursor stays right while runs are added."""
        runs, following = await page_of(runs_of(scheduler, name), after, limit)
        return Runs(runs=runs, next=following)

    @router.get("/jobs/{name:path}/gaps", summary="List a job's gaps")
    async def list_gaps(_: Viewer, name: JobName, limit: Limit = 50, after: After = None) -> Gaps:
        """Rows of skipped ticks with one reason, the newest first."""
        gaps, following = await page_of(await gaps_of(scheduler, name), after, limit)
        return Gaps(gaps=gaps, next=following)

    @router.get("/jobs/{name:path}/ticks", summary="Tell what became of a job's ticks")
    async def list_ticks(_: Viewer, name: JobName, limit: Limit = 50, after: After = None) -> Ticks:
        """Runs and gaps in one order, the newest first."""
        ticks, following = await ticks_of(scheduler, name, after, limit)
        return Ticks(ticks=[_told(tick) for tick in ticks], next=following)

    @router.get("/jobs/{name:path}/next", summary="Tell a job's next fire times")
    async def next_fires(_: Viewer, name: JobName, n: Count = 10) -> NextFires:
        """With what clock changes do to them. Of a paused job as if it were resumed now."""
        job = await scheduler.job_info(name)
        fires = fires_of(await scheduler.upcoming(name, n))
        return NextFires(job=name, description=job.description, fires=fires)

    @router.get("/jobs/{name:path}", summary="Show a job")
    async def show_job(_: Viewer, name: JobName, response: Response) -> Job:
        """A job and its definition. A change of it needs the `ETag` as `If-Match`."""
        job = await scheduler.job_info(name)
        response.headers["ETag"] = etag(job)
        return Job(job=job, definition=await scheduler.definition(name))

    return router


def _name(cursor: str | None) -> str:
    if not cursor:
        return ""
    match read(cursor):
        case [str(name)] if JOB_NAME.fullmatch(name):
            return name
        case _:
            raise InvalidCursorError


def _told(tick: Tick) -> ToldTick:
    return _told_run(tick) if isinstance(tick, RunInfo) else _told_gap(tick)


def _told_run(run: RunInfo) -> ToldTick:
    return ToldTick(
        fire_time=run.fire_time,
        state=run.state,
        outcome=run.state if run.ended_at else None,
        reason=run.reason,
        count=1,
        run=run,
        gap=None,
    )


def _told_gap(gap: GapInfo) -> ToldTick:
    return ToldTick(
        fire_time=gap.last,
        state="skipped",
        outcome="skipped",
        reason=gap.reason,
        count=gap.count,
        run=None,
        gap=gap,
    )
