"""The server's application: routes, static files, and errors as one clear line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException

from cronfleet import CronfleetError, Scheduler
from cronfleet.server.access.access import Access
from cronfleet.server.access.callers import callers_of
from cronfleet.server.access.guard import Guard
from cronfleet.server.outbox import Outbox
from cronfleet.server.pages.page import Page
from cronfleet.server.pages.rendering import Renderer
from cronfleet.server.problems import headers_of, problem_of, status_and_detail
from cronfleet.server.routes.api import PREFIX, api_routes
from cronfleet.server.routes.health import health_routes
from cronfleet.server.routes.html import html_routes
from cronfleet.server.routes.login import login_routes
from cronfleet.server.routes.metrics import Measured, metrics_routes
from cronfleet.server.watching.looking import watcher_of
from cronfleet.server.watching.watcher import Watcher

_STATIC = Path(__file__).parent / "static"
_THIS_MACHINE_ALONE = Access()


def create_app(  # noqa: PLR0913 - each is an option with a default
    scheduler: Scheduler,
    *,
    pages: Sequence[Page] = (),
    outbox: Outbox | None = None,
    host: str,
    port: int,
    access: Access = _THIS_MACHINE_ALONE,
    metrics: Measured | None = None,
    watcher: Watcher | None = None,
) -> Guard:
    """The application for a server that listens on `host` and `port`, its guard around it.

    It never opens the store: until the scheduler has, pages and API answer 503. Whoever ends the
    server ends the `watcher` first, or waits for those who listen to it.
    """
    renderer = Renderer(pages)
    app = FastAPI(
        title="Cronfleet",
        version=version("cronfleet"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # these two would load scripts from elsewhere
        redoc_url=None,
    )
    callers = callers_of(access, host=host, port=port)
    app.include_router(login_routes(callers, renderer, is_encrypted=access.is_encrypted))
    app.include_router(health_routes(scheduler))
    if metrics is not None:
        app.include_router(metrics_routes(metrics, access))
    app.include_router(api_routes(scheduler, watcher or watcher_of(scheduler), outbox))
    app.include_router(html_routes(scheduler, pages, renderer))
    app.mount("/static", StaticFiles(directory=_STATIC))
    _explain_errors(app, renderer)
    return Guard(app, access, callers, host=host, port=port)


def _explain_errors(app: FastAPI, renderer: Renderer) -> None:
    async def explain(request: Request, error: Exception) -> Response:
        return _answer(request, renderer, error)

    for kind in (CronfleetError, StarletteHTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, explain)


def _answer(request: Request, renderer: Renderer, error: Exception) -> Response:
    if request.url.path.startswith(PREFIX):
        return problem_of(error)
    status, detail = status_and_detail(error)
    is_stranger = request.scope.get("caller") is None
    values = {"status": status, "detail": detail, "is_stranger": is_stranger}
    page = renderer.render("problem.html", values, datetime.now(UTC))
    return HTMLResponse(page, status, headers_of(error))
