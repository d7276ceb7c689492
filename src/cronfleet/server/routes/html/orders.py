"""What the buttons do: each a form that is posted, carried out, and answered by a page to look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeAlias
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from cronfleet import JobInfo, Scheduler
from cronfleet.server.access.needs import Operator
from cronfleet.server.access.roles import Caller
from cronfleet.server.pages.fleet import FleetWatch
from cronfleet.server.pages.schedules import zone_of
from cronfleet.server.routes.html.forms import (
    field_of,
    form_of,
    key_of,
    moment_said,
    reason_of,
)
from cronfleet.server.routes.html.sheets import Sheets, Words


class _Verb(Protocol):
    def __call__(self, name: str, *, key: str | None, who: str, why: str) -> Awaitable[JobInfo]: ...


_Route: TypeAlias = Callable[[Request, Caller], Awaitable[RedirectResponse]]


def order_routes(scheduler: Scheduler, watch: FleetWatch, sheets: Sheets) -> APIRouter:
    router = APIRouter()
    _add_simple(router, scheduler, watch)
    _add_pause(router, scheduler, watch)
    _add_of_runs(router, scheduler, watch)
    _add_backfill(router, scheduler, watch, sheets)
    return router


def _add_simple(router: APIRouter, scheduler: Scheduler, watch: FleetWatch) -> None:
    """The orders that need nothing but a job and a reason."""
    verbs = {
        "resume": (scheduler.resume, "resumed"),
        "skip-next": (scheduler.skip_next, "skipped"),
    }
    for path, (verb, done) in verbs.items():
        router.post(f"/job/{path}")(_order(verb, done, watch))


def _order(verb: _Verb, done: str, watch: FleetWatch) -> _Route:
    async def order(request: Request, caller: Operator) -> RedirectResponse:
        form = await form_of(request)
        name = field_of(form, "name")
        await verb(name, key=key_of(form), who=caller.name, why=reason_of(form))
        watch.forget_age()
        return _to("/job", name=name, done=done)

    return order


def _add_pause(router: APIRouter, scheduler: Scheduler, watch: FleetWatch) -> None:
    @router.post("/job/pause")
    async def pause(request: Request, caller: Operator) -> RedirectResponse:
        form = await form_of(request)
        name, said = field_of(form, "name"), form.get("until", "")
        until = _in_zone("until", said, await _zone(scheduler, name)) if said else None
        key, why = key_of(form), reason_of(form)
        await scheduler.pause(name, until=until, key=key, who=caller.name, why=why)
        watch.forget_age()
        return _to("/job", name=name, done="paused")


def _add_of_runs(router: APIRouter, scheduler: Scheduler, watch: FleetWatch) -> None:
    @router.post("/job/trigger")
    async def trigger(request: Request, caller: Operator) -> RedirectResponse:
        form = await form_of(request)
        name, why = field_of(form, "name"), reason_of(form)
        made = await scheduler.trigger(name, key=key_of(form), who=caller.name, why=why)
        watch.forget_age()
        return _to("/run", id=made.run, done="triggered")

    @router.post("/run/cancel")
    async def cancel(request: Request, caller: Operator) -> RedirectResponse:
        form = await form_of(request)
        run, why = field_of(form, "id"), reason_of(form)
        await scheduler.cancel(run, key=key_of(form), who=caller.name, why=why)
        watch.forget_age()
        return _to("/run", id=run, done="cancelled")


def _add_backfill(
    router: APIRouter, scheduler: Scheduler, watch: FleetWatch, sheets: Sheets
) -> None:
    @router.get("/job/backfill")
    async def preview(
        request: Request,
        _: Operator,
        name: str,
        first: Words,
        last: Words,
        again: bool = False,
    ) -> HTMLResponse:
        span = _span(await scheduler.job_info(name), first, last)
        told = await scheduler.backfill(name, *span, dry_run=True, again=again)
        said = {"first": first, "last": last, "again": again}
        return sheets.page(request, "backfill.html", told=told, **said)

    @router.post("/job/backfill")
    async def backfill(request: Request, caller: Operator) -> RedirectResponse:
        form = await form_of(request)
        name = field_of(form, "name")
        job = await scheduler.job_info(name)
        await scheduler.backfill(
            name,
            *_span(job, field_of(form, "first"), field_of(form, "last")),
            again="again" in form,
            key=key_of(form),
            who=caller.name,
            why=reason_of(form),
        )
        watch.forget_age()
        return _to("/job", name=name, done="backfilled")


async def _zone(scheduler: Scheduler, name: str) -> ZoneInfo:
    return ZoneInfo(zone_of(await scheduler.job_info(name)))


def _span(job: JobInfo, first: str, last: str) -> tuple[datetime, datetime]:
    """What was written is what clocks show in the zone of the job's schedule."""
    zone = ZoneInfo(zone_of(job))
    return _in_zone("first", first, zone), _in_zone("last", last, zone)


def _in_zone(name: str, said: str, zone: ZoneInfo) -> datetime:
    moment = moment_said(name, said)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _to(path: str, **query: str) -> RedirectResponse:
    """Looked at anew: to load that page again orders nothing again."""
    return RedirectResponse(f"{path}?{urlencode(query)}", 303)
