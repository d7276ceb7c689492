"""The pages that an application brings."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from cronfleet import CronfleetError
from cronfleet.server.access.needs import Operator, Viewer
from cronfleet.server.pages.page import Page, PageOrder
from cronfleet.server.routes.html.forms import form_of, reason_of
from cronfleet.server.routes.html.sheets import Sheets
from cronfleet.server.security import SANDBOXED

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
        shown = sheets.page(request, template, **values)
        if template in page.sandboxed:
            shown.headers.update(SANDBOXED)
        return shown

    router.get(page.path)(show)
    for verb, order in page.orders.items():
        _add_order(router, f"{page.path}/{verb}", page, order)
    router.get(f"{page.path}/{{below:path}}")(show)


def _add_order(router: APIRouter, path: str, page: Page, order: PageOrder) -> None:
    async def carry_out(request: Request, caller: Operator) -> RedirectResponse:
        form = await form_of(request)
        below = await order({**form, "why": reason_of(form)}, caller.name)
        place = f"{page.path}/{below}".removesuffix("/")
        # Looked at anew: to load that page again orders nothing again.
        return RedirectResponse(f"{place}?done=ordered", 303)

    router.post(path)(carry_out)
