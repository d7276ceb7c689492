"""The pages that answer a question: why a tick did not run, and what an expression means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from cronfleet import Explanation, Scheduler, StoreError, UnknownJobError
from cronfleet.server.access.needs import Viewer
from cronfleet.server.pages.fleet import FleetWatch
from cronfleet.server.pages.playground import EXAMPLES, played
from cronfleet.server.pages.schedules import zone_of
from cronfleet.server.routes.html.forms import UnreadableFormError, moment_said
from cronfleet.server.routes.html.sheets import Sheets, Words

NAMES_OFFERED = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a tick, as its form shows it again, and the answer."""

    name: str
    at: str
    """On the clocks of the job's schedule."""
    answer: Explanation | None = None
    wrong: str = ""
    """What is wrong with the question."""


def question_routes(scheduler: Scheduler, watch: FleetWatch, sheets: Sheets) -> APIRouter:
    router = APIRouter()
    zones = sorted(available_timezones())

    @router.get("/why")
    async def why(request: Request, _: Viewer, name: Words = "", at: Words = "") -> HTMLResponse:
        asked = await _asked(scheduler, name, at) if name and at else Asked(name, at)
        return sheets.page(request, "why.html", asked=asked, names=await _names(watch))

    @router.get("/playground")
    async def playground(
        request: Request, _: Viewer, expression: Words = "", zone: Words = "UTC", job: Words = ""
    ) -> HTMLResponse:
        view = played(expression, zone or "UTC", job, datetime.now(UTC))
        values = {"view": view, "zones": zones, "examples": EXAMPLES}
        return sheets.page(request, "playground.html", **values)

    return router


async def _names(watch: FleetWatch) -> Sequence[str]:
    """What the job's field offers; it can be filled in without."""
    try:
        fleet = await watch.look()
    except StoreError:
        return []
    return [job.name for job in fleet.jobs[:NAMES_OFFERED]]


async def _asked(scheduler: Scheduler, name: str, at: str) -> Asked:
    """What is wrong with the question is told beside its fields."""
    try:
        moment = moment_said("time", at)
        answer = await scheduler.why(name, moment)
        zone = ZoneInfo(zone_of(await scheduler.job_info(name)))
    except (UnknownJobError, UnreadableFormError) as error:
        return Asked(name, at, wrong=str(error))
    local = moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
    return Asked(name, local.isoformat(timespec="seconds"), answer)
