"""For whoever watches the process: in plain text, without a look into the store."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from cronfleet import Scheduler


def health_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(default_response_class=PlainTextResponse, include_in_schema=False)

    @router.get("/health-check")
    @router.get("/healthz/live")
    async def live() -> PlainTextResponse:
        """The process answers, whatever the store does."""
        return PlainTextResponse("OK")

    @router.get("/healthz/ready")
    async def ready() -> PlainTextResponse:
        """The store answers, and claims are being made."""
        health = await scheduler.health()
        if health.ready:
            return PlainTextResponse("OK")
        return PlainTextResponse(f"not ready: {health.detail}", 503)

    return router
