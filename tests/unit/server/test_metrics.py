"""`/metrics` is not there, or for viewers, or open, as it is switched."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cronfleet import Scheduler
from cronfleet.integrations.prometheus import Metrics
from cronfleet.server.access.access import Access
from cronfleet.server.app import create_app
from cronfleet.server.problems import ForbiddenError
from cronfleet.server.routes.metrics import metrics_routes
from tests.unit.server.sites import PORT, client_of


class NoRole:
    """Below every other."""

    def includes(self, _: object) -> bool:
        return False


@dataclass
class Nobody:
    """A caller who has no rights at all."""

    name: str = "nobody"
    role: NoRole = field(default_factory=NoRole)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(Scheduler("memory:", program="test"))


def client(metrics: Metrics | None) -> httpx.AsyncClient:
    scheduler = Scheduler("memory:", program="test")
    return client_of(create_app(scheduler, metrics=metrics, host="127.0.0.1", port=PORT))


async def test_metrics_are_not_there_unless_switched_on() -> None:
    async with client(None) as browser:
        assert (await browser.get("/metrics")).status_code == 404


async def test_metrics_are_told_in_the_format_of_prometheus(metrics: Metrics) -> None:
    async with client(metrics) as browser:
        answer = await browser.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == metrics.content_type
    assert "# TYPE cronfleet_ready gauge" in answer.text
    assert "\ncronfleet_ready 0.0\n" in answer.text


@pytest.mark.parametrize(("is_open", "status"), [(False, 403), (True, 200)])
async def test_without_a_role_they_are_read_only_where_they_are_open(
    metrics: Metrics, *, is_open: bool, status: int
) -> None:
    app = FastAPI()
    app.include_router(metrics_routes(metrics, Access(has_open_metrics=is_open)))

    @app.exception_handler(ForbiddenError)
    async def refuse(_: Request, error: Exception) -> Response:
        return Response(str(error), 403)

    async def asked_by_nobody(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "caller": Nobody()}, receive, send)

    async with client_of(asked_by_nobody) as browser:
        assert (await browser.get("/metrics")).status_code == status
