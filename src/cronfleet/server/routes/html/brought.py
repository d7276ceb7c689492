"""The pages that an application brings."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from cronfleet import CronfleetError
from cronfleet.server.access.needs import Viewer
from cronfleet.server.pages.page import Page
from cronfleet.server.routes.html.sheets import Sheets

PAGE_TIMEOUT_S = 5


def add_brought(router: APIRouter, page: Page, sheets: Sheets) -> None:
    """Routes for the page, and for what stands below it."""

    async def show(request: Request, _: Viewer, below: str = "") -> HTMLResponse:
        try:
            found = await asyncio.wait_for(page.render(below), PAGE_TIMEOUT_S)
        except TimeoutError:
            raise CronfleetError(f"{page.title}: no answer within {PAGE_TIMEOUT_S} s") from None
        if found is None:
            raise HTTPException(404)
        template, values = found
        return sheets.page(request, template, **values)

    router.get(page.path)(show)
    router.get(f"{page.path}/{{below:path}}")(show)
