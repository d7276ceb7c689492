"""The pages of one job, one run, and of what was ordered."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from cronfleet import Scheduler
from cronfleet.server.access.needs import Viewer
from cronfleet.server.pages.absence import Absence
from cronfleet.server.pages.job import RUNS_SHOWN, look_at
from cronfleet.server.pages.memory import Memory
from cronfleet.server.pages.run import look_at_run
from cronfleet.server.routes.html.sheets import Sheets, Skip

ORDERS_SHOWN = 50


def detail_routes(scheduler: Scheduler, absence: Absence, sheets: Sheets) -> APIRouter:
    router = APIRouter()
    memory = Memory(absence)

    @router.get("/job")
    async def job(request: Request, _: Viewer, name: str, skip: Skip = 0) -> HTMLResponse:
        shown = await memory.view(f"job {skip} {name}", lambda: look_at(scheduler, name, skip))
        return sheets.page(request, "job.html", shown=shown, page=RUNS_SHOWN)

    @router.get("/run")
    async def run(request: Request, _: Viewer, id: str) -> HTMLResponse:  # noqa: A002 - as it stands in the address
        shown = await memory.view(f"run {id}", lambda: look_at_run(scheduler, id))
        return sheets.page(request, "run.html", shown=shown)

    @router.get("/audit")
    async def audit(request: Request, _: Viewer, skip: Skip = 0) -> HTMLResponse:
        shown = await memory.view(f"audit {skip}", lambda: scheduler.audit(ORDERS_SHOWN, skip))
        return sheets.page(request, "audit.html", shown=shown, skip=skip, page=ORDERS_SHOWN)

    return router
