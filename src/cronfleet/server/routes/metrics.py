"""Metrics, for whoever watches over the fleet: on their own switch, since they name jobs."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from cronfleet.server.access.access import METRICS, Access
from cronfleet.server.access.needs import Needs
from cronfleet.server.access.roles import Role


class Measured(Protocol):
    """Metrics, whoever counts them."""

    content_type: str

    async def text(self) -> bytes:
        """All of them, as they are now."""
        ...


def metrics_routes(metrics: Measured, access: Access) -> APIRouter:
    is_open = access.is_probe(METRICS)  # Else a viewer must ask, as everywhere.
    needs = [] if is_open else [Depends(Needs(Role.VIEWER))]
    router = APIRouter(include_in_schema=False, dependencies=needs)

    @router.get(METRICS)
    async def answer() -> Response:
        # Whole, with its version and character set: nothing is to be added to it.
        headers = {"Content-Type": metrics.content_type}
        return Response(await metrics.text(), headers=headers)

    return router
