"""The pages, for people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse

from cronfleet import CronfleetError, Scheduler
from cronfleet.server.access.needs import Viewer
from cronfleet.server.pages.looking import RUNS_SHOWN, look_at, look_over
from cronfleet.server.pages.page import Page
from cronfleet.server.pages.rendering import Renderer
from cronfleet.server.routes.opened import store_opened

PAGE_TIMEOUT_S = 5

Skip: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]


def html_routes(scheduler: Scheduler, pages: Sequence[Page], renderer: Renderer) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(store_opened(scheduler))])

    @router.get("/")
    async def overview(_: Viewer) -> HTMLResponse:
        view = await look_over(scheduler)
        return _html(renderer, "overview.html", view=view)

    @router.get("/job")
    async def job(_: Viewer, name: str, skip: Skip = 0) -> HTMLResponse:
        view = await look_at(scheduler, name, RUNS_SHOWN, skip)
        return _html(renderer, "job.html", view=view, skip=skip, shown=RUNS_SHOWN)

    for page in pages:
        _add(router, page, renderer)
    return router


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
