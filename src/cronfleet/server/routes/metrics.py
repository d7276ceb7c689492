"""Metrics, for whoever watches over the fleet: on their own switch, since they name jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from cronfleet.server.access.needs import Needs
from cronfleet.server.access.roles import Role


class Measured(Protocol):
    """Metrics, whoever counts them."""

    content_type: str

    async def text(self) -> bytes:
        """All of them, as they are now."""
        ...


@dataclass(frozen=True, slots=True)
class Exposed:
    """What `/metrics` answers."""

    metrics: Measured
    is_open: bool = False
    """To everybody who can reach the port; else a viewer must ask, as everywhere."""


def metrics_routes(exposed: Exposed) -> APIRouter:
    needs = [] if exposed.is_open else [Depends(Needs(Role.VIEWER))]
    router = APIRouter(include_in_schema=False, dependencies=needs)

    @router.get("/metrics")
    async def metrics() -> Response:
        # Whole, with its version and character set: nothing is to be added to it.
        headers = {"Content-Type": exposed.metrics.content_type}
        return Response(await exposed.metrics.text(), headers=headers)

    return router
