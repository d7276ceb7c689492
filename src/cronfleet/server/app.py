"""The server's application: routes, static files, and errors as one clear line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp

from cronfleet import CronfleetError, Scheduler, UnknownJobError
from cronfleet.server.pages.page import Page
from cronfleet.server.pages.rendering import Renderer
from cronfleet.server.routes.api import PREFIX, api_routes
from cronfleet.server.routes.health import health_routes
from cronfleet.server.routes.html import html_routes
from cronfleet.server.security import Guard, hosts_served
from cronfleet.server.text import one_line

_STATIC = Path(__file__).parent / "static"


def create_app(
    scheduler: Scheduler, *, pages: Sequence[Page] = (), host: str, port: int
) -> ASGIApp:
    """The application for a server that listens on `host` and `port`, its guard around it.

    It never opens the store: until the scheduler has, pages and API answer 503.
    """
    renderer = Renderer(pages)
    app = FastAPI(
        title="Cronfleet",
        version=version("cronfleet"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # these two would load scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(health_routes(scheduler))
    app.include_router(api_routes(scheduler))
    app.include_router(html_routes(scheduler, pages, renderer))
    app.mount("/static", StaticFiles(directory=_STATIC))
    _explain_errors(app, renderer)
    return Guard(app, hosts_served(host, port))


def _explain_errors(app: FastAPI, renderer: Renderer) -> None:
    async def explain(request: Request, error: Exception) -> Response:
        status, detail = _status_and_detail(error)
        return _problem(request, renderer, status, detail)

    for kind in (CronfleetError, StarletteHTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, explain)


def _status_and_detail(error: Exception) -> tuple[HTTPStatus, str]:
    match error:
        case UnknownJobError():
            return HTTPStatus.NOT_FOUND, str(error)
        case StarletteHTTPException():
            status = HTTPStatus(error.status_code)
            return status, status.description
        case RequestValidationError():
            return HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_complaint, error.errors()))
        case CronfleetError():
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        case _:  # The server logs it with its traceback; here, it would tell too much.
            return HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong here; the log has it."


def _complaint(detail: Mapping[str, Any]) -> str:
    return f"{detail['loc'][-1]}: {detail['msg']}"


def _problem(request: Request, renderer: Renderer, status: HTTPStatus, detail: str) -> Response:
    detail = one_line(detail)
    if request.url.path.startswith(PREFIX):
        return JSONResponse(
            {"title": status.phrase, "status": status.value, "detail": detail},
            status,
            media_type="application/problem+json",
        )
    page = renderer.render("problem.html", {"status": status, "detail": detail}, datetime.now(UTC))
    return HTMLResponse(page, status)
