"""Why a tick did not run, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from cronfleet import Explanation, Scheduler
from cronfleet.server.access.needs import Viewer
from cronfleet.server.routes.api.answers import JobName

At = Annotated[
    datetime,
    Query(description="Without an offset: what clocks show in the zone of the job's schedule."),
]


def why_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["jobs"])

    @router.get("/jobs/{name:path}/why", summary="Tell why a tick did not run")
    async def tell_why(_: Viewer, name: JobName, at: At) -> Explanation:
        """What became of the job's tick at that time, and why."""
        return await scheduler.why(name, at)

    return router
