"""Every route has a place: the role that it needs, or one of the lists below."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.types import ASGIApp, Message

from cronfleet import Scheduler, cron
from cronfleet.server.access.access import Access
from cronfleet.server.access.needs import Needs
from cronfleet.server.access.roles import Role
from cronfleet.server.app import create_app
from tests.unit.server.access.doors import Unmeasured, add_token, credentials_file
from tests.unit.server.sites import PORT, SampleOutbox, sheet

OPEN = {
    ("GET", "/health-check"),
    ("GET", "/healthz/live"),
    ("GET", "/healthz/ready"),
    ("GET", "/login"),
    ("POST", "/login"),
}
"""Who asks need not be known."""
OF_ANY_CALLER = {("GET", "/api/v1/openapi.json")}
"""Who asks must be known, and nothing more."""
FOLDERS = {("ANY", "/static")}
"""Files that are ours, and the same everywhere."""

ROLES = (None, *Role)

Door: TypeAlias = tuple[str, str, Role | None]
House: TypeAlias = tuple[ASGIApp, FastAPI, dict[Role | None, str]]


def application(folder: Path, access: Access, scheduler: Scheduler) -> tuple[ASGIApp, FastAPI]:
    guard = create_app(
        scheduler,
        pages=[sheet(folder)],
        outbox=SampleOutbox(),
        metrics=Unmeasured(),
        host="::1",
        port=PORT,
        access=access,
    )
    assert isinstance(guard.app, FastAPI)
    return guard, guard.app


def all_doors(folder: Path) -> list[Door]:
    return list(doors(application(folder, Access(), Scheduler("memory:"))[1]))


def doors(app: FastAPI) -> Iterator[Door]:
    """Method, path and the role that the route itself says it needs."""
    for route in iter_route_contexts(app.routes):
        assert route.path is not None
        for method in sorted((route.methods or {"ANY"}) - {"HEAD"}):
            yield method, route.path, needed(route)


def needed(route: RouteContext) -> Role | None:
    if not isinstance(route.original_route, APIRoute):
        return None
    roles = [each.call.role for each in tree(route.dependant) if isinstance(each.call, Needs)]
    return max(roles, key=list(Role).index, default=None)


def tree(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from tree(each)


async def status_of(app: ASGIApp, method: str, path: str, token: str | None) -> int:
    """The first that is heard of an answer: some never end."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    bodies = [{"type": "http.request", "body": b"{}"}]

    async def receive() -> Any:
        return bodies.pop() if bodies else await asyncio.Event().wait()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.set_result(message["status"])

    headers = [(b"host", b"localhost:%d" % PORT), (b"content-type", b"application/json")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": headers}
    scope |= {"query_string": b"", "scheme": "http", "client": ("::1", 1), "root_path": ""}

    async def ask() -> None:
        await app(scope, receive, send)

    asking = asyncio.create_task(ask())
    await asyncio.wait({started, asking}, return_when=asyncio.FIRST_COMPLETED)
    asking.cancel()
    await asyncio.wait({asking})
    return started.result()


def test_every_route_says_what_it_needs_or_is_on_a_list(tmp_path: Path) -> None:
    without = {(method, path) for method, path, role in all_doors(tmp_path) if role is None}
    assert without == OPEN | OF_ANY_CALLER | FOLDERS


def test_what_changes_something_needs_more_than_a_viewer(tmp_path: Path) -> None:
    orders = [
        (path, role)
        for method, path, role in all_doors(tmp_path)
        if method not in ("GET", "ANY") and path != "/login"
    ]
    assert [path for path, role in orders if role is Role.VIEWER] == ["/logout"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    """A fleet at work, its server, and a token of each role."""
    file = credentials_file(tmp_path)
    tokens: dict[Role | None, str] = {role: add_token(file, role) for role in Role}
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, cron("0 0 1 1 *"), "report")
    guard, app = application(tmp_path, Access(credentials=file), scheduler)
    async with scheduler:
        yield guard, app, tokens


async def test_each_role_may_do_what_its_routes_say_and_no_more(
    house: House,
) -> None:
    guard, app, tokens = house
    for method, path, needs in doors(app):
        address = re.sub(r"\{[^}]*\}", "report", path)
        for role in ROLES:
            status = await status_of(guard, method, address, tokens.get(role))
            told = f"{method} {address} by {role}: {status}"
            assert is_as_it_should_be(status, (method, path), role, needs), told


def is_as_it_should_be(
    status: int, door: tuple[str, str], role: Role | None, needs: Role | None
) -> bool:
    if door in OPEN | FOLDERS:
        return status not in (403, 500)
    if role is None:
        return status == 401
    if needs is not None and not role.includes(needs):
        return status == 403
    return status not in (401, 403, 500)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/jobs/nobody",
        "/api/v1/jobs/report",
        "/job",
        "/sheet/below/it",
        "/sheet/nothing",
        "/metrics",
        "/health-check/",
        "/healthz",
        "/healthz/live/../../api/v1/jobs",
        "/login/",
        "/login/../api/v1/jobs",
        "/static",
        "//static/style.css",
        "/STATIC/style.css",
        "/x/static/style.css",
        "/api/v1/jobs?/health-check",
        "/api/v1/jobs/health-check",
    ],
)
async def test_who_is_not_known_is_not_told_what_there_is(house: House, path: str) -> None:
    assert await status_of(house[0], "GET", path, None) == 401


async def test_what_leads_out_of_the_folder_of_files_leads_nowhere(
    house: House,
) -> None:
    for path in ("/static/../api/v1/jobs", "/static/../../app.py", "/static/"):
        assert await status_of(house[0], "GET", path, None) == 404


@pytest.mark.parametrize(
    ("metrics", "is_open", "statuses"),
    [
        (None, False, {None: 401, Role.VIEWER: 404}),
        (Unmeasured(), False, {None: 401, Role.VIEWER: 200}),
        (Unmeasured(), True, {None: 200, Role.VIEWER: 200}),
    ],
)
async def test_the_metrics_have_a_switch_of_their_own(
    tmp_path: Path,
    metrics: Unmeasured | None,
    *,
    is_open: bool,
    statuses: dict[Role | None, int],
) -> None:
    file = credentials_file(tmp_path)
    tokens: dict[Role | None, str] = {Role.VIEWER: add_token(file, Role.VIEWER)}
    access = Access(credentials=file, has_open_metrics=is_open)
    guard = create_app(Scheduler("memory:"), host="::1", port=PORT, access=access, metrics=metrics)
    for role, status in statuses.items():
        assert await status_of(guard, "GET", "/metrics", tokens.get(role)) == status
