"""The API, version 1: what `cronfleet ... --json` says, over HTTP."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from cronfleet import GapInfo, InstanceInfo, JobInfo, RunInfo, Scheduler
from cronfleet.server.access.needs import Viewer
from cronfleet.server.routes.opened import store_opened

PREFIX = "/api/v1"

Limit: TypeAlias = Annotated[int, Query(ge=1, le=200)]
Skip: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]


class Jobs(BaseModel):
    """Jobs by name."""

    jobs: list[JobInfo]


class Runs(BaseModel):
    """A job's runs and its skipped ticks, the newest first."""

    runs: list[RunInfo]
    gaps: list[GapInfo]


class Instances(BaseModel):
    """The instances at work."""

    instances: list[InstanceInfo]


def api_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(store_opened(scheduler))])

    @router.get("/jobs")
    async def jobs(_: Viewer, limit: Limit = 50, skip: Skip = 0) -> Jobs:
        return Jobs(jobs=(await scheduler.jobs())[skip : skip + limit])

    # A job's name may have slashes in it; the last `/runs` is ours.
    @router.get("/jobs/{name:path}/runs")
    async def runs(_: Viewer, name: str, limit: Limit = 50, skip: Skip = 0) -> Runs:
        return Runs(
            runs=await scheduler.runs(name, limit, skip),
            gaps=await scheduler.gaps(name, limit, skip),
        )

    @router.get("/instances")
    async def instances(_: Viewer) -> Instances:
        return Instances(instances=await scheduler.instances())

    return router
