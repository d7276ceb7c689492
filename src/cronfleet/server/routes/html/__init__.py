"""The pages, for people."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Depends

from cronfleet import Scheduler
from cronfleet.server.pages.absence import Absence
from cronfleet.server.pages.fleet import FleetWatch
from cronfleet.server.pages.page import Page
from cronfleet.server.pages.rendering import Renderer
from cronfleet.server.routes.html.brought import add_brought
from cronfleet.server.routes.html.details import detail_routes
from cronfleet.server.routes.html.fleet import fleet_routes
from cronfleet.server.routes.html.orders import order_routes
from cronfleet.server.routes.html.questions import question_routes
from cronfleet.server.routes.html.sheets import Sheets
from cronfleet.server.routes.opened import store_opened


def html_routes(scheduler: Scheduler, pages: Sequence[Page], renderer: Renderer) -> APIRouter:
    absence = Absence()
    opened = store_opened(scheduler, absence)
    router = APIRouter(include_in_schema=False, dependencies=[Depends(opened)])
    watch, sheets = FleetWatch(scheduler, absence), Sheets(renderer)
    router.include_router(fleet_routes(watch, sheets))
    router.include_router(detail_routes(scheduler, absence, sheets))
    router.include_router(question_routes(scheduler, watch, sheets))
    router.include_router(order_routes(scheduler, watch, sheets))
    for page in pages:
        add_brought(router, page, sheets)
    return router
