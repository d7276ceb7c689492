"""The pages of the fleet as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from cronfleet.server.access.needs import Viewer
from cronfleet.server.pages.fleet import FleetWatch
from cronfleet.server.pages.instances import instance_rows
from cronfleet.server.pages.jobs import jobs_view
from cronfleet.server.pages.overview import overview_of
from cronfleet.server.routes.html.sheets import Sheets, Skip, Words


def fleet_routes(watch: FleetWatch, sheets: Sheets) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def overview(request: Request, _: Viewer) -> HTMLResponse:
        return sheets.page(request, "overview.html", view=overview_of(await watch.look()))

    @router.get("/jobs")
    async def jobs(
        request: Request, _: Viewer, q: Words = "", state: Words = "", skip: Skip = 0
    ) -> HTMLResponse:
        view = jobs_view(await watch.look(), q, state, skip)
        return sheets.page(request, "jobs.html", view=view)

    @router.get("/instances")
    async def instances(request: Request, _: Viewer) -> HTMLResponse:
        fleet = await watch.look()
        return sheets.page(request, "instances.html", view=fleet, rows=instance_rows(fleet))

    return router
