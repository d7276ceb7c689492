"""Runs by their id."""

from __future__ import annotations

from fastapi import APIRouter

from cronfleet import RunInfo, Scheduler
from cronfleet.server.access.needs import Viewer


def run_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["runs"])

    # A run's id begins with its job's name, which may have slashes in it.
    @router.get("/runs/{run:path}", summary="Show a run")
    async def show_run(_: Viewer, run: str) -> RunInfo:
        """How a run stands: of its attempts the last one, and the outcome of the one before."""
        return await scheduler.run_info(run)

    return router
