"""The API, version 1: what the command line can tell and order, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from cronfleet import Scheduler
from cronfleet.server.outbox import Outbox
from cronfleet.server.routes.api.answers import PROBLEMS
from cronfleet.server.routes.api.changes import change_routes
from cronfleet.server.routes.api.events import event_routes
from cronfleet.server.routes.api.fleet import fleet_routes
from cronfleet.server.routes.api.jobs import job_routes
from cronfleet.server.routes.api.ordering import wakes
from cronfleet.server.routes.api.orders import order_routes
from cronfleet.server.routes.api.outbox import outbox_routes
from cronfleet.server.routes.api.runs import run_routes
from cronfleet.server.routes.api.schedules import schedule_routes
from cronfleet.server.routes.api.why import why_routes
from cronfleet.server.routes.opened import store_opened
from cronfleet.server.watching.watcher import Watcher

PREFIX = "/api/v1"

# For the document alone: who asks is known before any route is.
_TOKEN = Depends(
    HTTPBearer(
        scheme_name="token",
        description="Not needed where this machine alone is served.",
        auto_error=False,
    )
)


def api_routes(scheduler: Scheduler, watcher: Watcher, outbox: Outbox | None = None) -> APIRouter:
    router = APIRouter(prefix=PREFIX, responses=PROBLEMS, dependencies=[_TOKEN])
    router.include_router(schedule_routes())
    router.include_router(event_routes(watcher))
    router.include_router(fleet_routes(scheduler))
    stored = [Depends(store_opened(scheduler))]
    ordered = [*stored, Depends(wakes(watcher))]
    router.include_router(order_routes(scheduler), dependencies=ordered)
    router.include_router(change_routes(scheduler), dependencies=ordered)
    router.include_router(run_routes(scheduler), dependencies=stored)
    router.include_router(why_routes(scheduler), dependencies=stored)
    router.include_router(job_routes(scheduler), dependencies=stored)
    if outbox is not None:
        router.include_router(outbox_routes(outbox))
    return router
