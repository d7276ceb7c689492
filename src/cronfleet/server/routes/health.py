"""For whoever watches the process: in plain text, without a look into the store.

Only a server that is no instance has nothing else to go by: it asks, once a second at most.

All may ask; why an instance is not ready is told to a viewer. `/healthz/ready?detail` is for
viewers alone: it says what the store can promise, as JSON.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from cronfleet import Health, Scheduler, StoreError
from cronfleet.server.access.needs import Needs
from cronfleet.server.access.roles import Role

_A_VIEWER = Needs(Role.VIEWER)


def health_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(default_response_class=PlainTextResponse, include_in_schema=False)

    @router.get("/health-check")
    @router.get("/healthz/live")
    async def live() -> PlainTextResponse:
        """The process answers, whatever the store does."""
        return PlainTextResponse("OK")

    @router.get("/healthz/ready")
    async def ready(request: Request, detail: Annotated[str | None, Query()] = None) -> Response:
        """The store answers, and claims are being made."""
        health = await scheduler.health()
        status = 200 if health.ready else 503
        if detail is not None:
            await _A_VIEWER(request)
            asked = await _with_promise_of_now(scheduler, health)
            return JSONResponse(jsonable_encoder(asked), status)
        if health.ready:
            return PlainTextResponse("OK")
        why = f": {health.detail}" if request.scope["caller"] else ""
        return PlainTextResponse(f"not ready{why}", status)

    return router


async def _with_promise_of_now(scheduler: Scheduler, health: Health) -> Health:
    """A store that is away, or not open, is not waited for: what was known of it is told."""
    if not health.store_id:
        return health
    try:
        return replace(health, promise=await scheduler.promise())
    except StoreError:
        return health
