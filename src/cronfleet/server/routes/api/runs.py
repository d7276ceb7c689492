"""Runs by their id."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query

from cronfleet import RunInfo, RunLog, Scheduler
from cronfleet.server.access.needs import Viewer

_AfterLine: TypeAlias = Annotated[
    int, Query(ge=0, le=10**15, description="What the answer before had as `last`.")
]


def run_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["runs"])

    @router.get("/runs/{run:path}/log", summary="Show what a run's handler logged")
    async def show_log(_: Viewer, run: str, after: _AfterLine = 0) -> RunLog:
        """The beginning and the end, if it was too much; lines are as they were logged."""
        return await scheduler.run_log(run, after)

    # A run's id begins with its job's name, which may have slashes in it.
    @router.get("/runs/{run:path}", summary="Show a run")
    async def show_run(_: Viewer, run: str) -> RunInfo:
        """How a run stands: of its attempts the last one, and the outcome of the one before."""
        return await scheduler.run_info(run)

    return router
