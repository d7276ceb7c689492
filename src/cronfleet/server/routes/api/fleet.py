"""The fleet: its instances, its health, and what operators did."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from cronfleet import AuditInfo, Health, InstanceInfo, Promise, Scheduler
from cronfleet.server.access.needs import Viewer
from cronfleet.server.histories import audit_of, page_of
from cronfleet.server.routes.api.answers import After, Limit, Page
from cronfleet.server.routes.opened import store_opened


class Instances(BaseModel):
    """The instances at work, and the silent ones."""

    instances: list[InstanceInfo]


class Audit(Page):
    """What operators did, the newest first."""

    entries: list[AuditInfo]


def fleet_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["fleet"])
    stored = [Depends(store_opened(scheduler))]

    @router.get("/instances", summary="List the instances", dependencies=stored)
    async def list_instances(_: Viewer) -> Instances:
        """Those whose sessions are open, of all programs; with `silent_since` it is not at work."""
        return Instances(instances=await scheduler.instances())

    @router.get("/audit", summary="List what operators did", dependencies=stored)
    async def list_audit(_: Viewer, limit: Limit = 50, after: After = None) -> Audit:
        """Who ordered what, when and why, the newest first; the last 1,000 orders are kept."""
        rows, following = await page_of(await audit_of(scheduler), after, limit)
        return Audit(entries=[entry for entry, _ in rows], next=following)

    @router.get("/promise", summary="Tell what the store can promise", dependencies=stored)
    async def show_promise(_: Viewer) -> Promise:
        """The store is asked as it is configured now."""
        return await scheduler.promise()

    @router.get("/health", summary="Tell how this instance is")
    async def show_health(_: Viewer) -> Health:
        """Whether the store answers this instance and it makes claims; answers while it does not."""
        return await scheduler.health()

    return router
