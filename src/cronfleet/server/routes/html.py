"""The pages, for people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse

from cronfleet import CronfleetError, Scheduler
from cronfleet.server.access.needs import Viewer
from cronfleet.server.pages.fleet import FleetWatch
from cronfleet.server.pages.instances import instance_rows
from cronfleet.server.pages.job import RUNS_SHOWN, look_at
from cronfleet.server.pages.jobs import jobs_view
from cronfleet.server.pages.memory import Memory
from cronfleet.server.pages.overview import overview_of
from cronfleet.server.pages.page import Page
from cronfleet.server.pages.playground import EXAMPLES, MOST_CHARACTERS, played
from cronfleet.server.pages.rendering import Renderer
from cronfleet.server.pages.run import look_at_run
from cronfleet.server.routes.opened import store_opened

PAGE_TIMEOUT_S = 5
ORDERS_SHOWN = 50

Skip: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]
Words: TypeAlias = Annotated[str, Query(max_length=MOST_CHARACTERS)]


def html_routes(scheduler: Scheduler, pages: Sequence[Page], renderer: Renderer) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(store_opened(scheduler))])
    _add_fleet(router, FleetWatch(scheduler), renderer)
    _add_details(router, scheduler, renderer)
    _add_playground(router, renderer)
    for page in pages:
        _add(router, page, renderer)
    return router


def _add_fleet(router: APIRouter, watch: FleetWatch, renderer: Renderer) -> None:
    @router.get("/")
    async def overview(_: Viewer) -> HTMLResponse:
        return _html(renderer, "overview.html", view=overview_of(await watch.look()))

    @router.get("/jobs")
    async def jobs(_: Viewer, q: Words = "", state: Words = "", skip: Skip = 0) -> HTMLResponse:
        view = jobs_view(await watch.look(), q, state, skip)
        return _html(renderer, "jobs.html", view=view)

    @router.get("/instances")
    async def instances(_: Viewer) -> HTMLResponse:
        fleet = await watch.look()
        return _html(renderer, "instances.html", view=fleet, rows=instance_rows(fleet))


def _add_details(router: APIRouter, scheduler: Scheduler, renderer: Renderer) -> None:
    memory = Memory()

    @router.get("/job")
    async def job(_: Viewer, name: str, skip: Skip = 0) -> HTMLResponse:
        shown = await memory.view(f"job {skip} {name}", lambda: look_at(scheduler, name, skip))
        return _html(renderer, "job.html", shown=shown, page=RUNS_SHOWN)

    @router.get("/run")
    async def run(_: Viewer, id: str) -> HTMLResponse:  # noqa: A002 - as it stands in the address
        shown = await memory.view(f"run {id}", lambda: look_at_run(scheduler, id))
        return _html(renderer, "run.html", shown=shown)

    @router.get("/audit")
    async def audit(_: Viewer, skip: Skip = 0) -> HTMLResponse:
        shown = await memory.view(f"audit {skip}", lambda: scheduler.audit(ORDERS_SHOWN, skip))
        return _html(renderer, "audit.html", shown=shown, skip=skip, page=ORDERS_SHOWN)


def _add_playground(router: APIRouter, renderer: Renderer) -> None:
    zones = sorted(available_timezones())

    @router.get("/playground")
    async def playground(
        _: Viewer, expression: Words = "", zone: Words = "UTC", job: Words = ""
    ) -> HTMLResponse:
        view = played(expression, zone or "UTC", job, datetime.now(UTC))
        return _html(renderer, "playground.html", view=view, zones=zones, examples=EXAMPLES)


def _add(router: APIRouter, page: Page, renderer: Renderer) -> None:
    async def show(_: Viewer, below: str = "") -> HTMLResponse:
        try:
            found = await asyncio.wait_for(page.render(below), PAGE_TIMEOUT_S)
        except TimeoutError:
            raise CronfleetError(f"{page.title}: no answer within {PAGE_TIMEOUT_S} s") from None
        if found is None:
            raise HTTPException(404)
        template, values = found
        return _html(renderer, template, **values)

    router.get(page.path)(show)
    router.get(f"{page.path}/{{below:path}}")(show)


def _html(renderer: Renderer, template: str, **values: object) -> HTMLResponse:
    return HTMLResponse(renderer.render(template, values, datetime.now(UTC)))
