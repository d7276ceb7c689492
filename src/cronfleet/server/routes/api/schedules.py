"""Schedules that no job needs to have: what an expression means, and when it fires."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel

from cronfleet import ClockMark, Upcoming, cron
from cronfleet.server.access.needs import Viewer

Count: TypeAlias = Annotated[int, Query(ge=1, le=200, description="How many fire times.")]
_Expression: TypeAlias = Annotated[
    str, Query(max_length=256, description="A cron expression of five to seven fields.")
]
_Zone: TypeAlias = Annotated[str, Query(max_length=64, description="An IANA time zone.")]
_JobName: TypeAlias = Annotated[
    str | None,
    Query(max_length=128, description="Whose fire times: each H follows from the job's name."),
]


class Fire(BaseModel):
    """A fire time."""

    fire_time: datetime
    local: str
    """The same on the clocks of the schedule's zone, with its offset."""
    mark: ClockMark | None
    """What a clock change did to it."""


class Preview(BaseModel):
    """What a schedule comes to."""

    description: str
    """The schedule in plain English."""
    fires: list[Fire]


def fires_of(upcoming: Iterable[Upcoming]) -> list[Fire]:
    return [
        Fire(fire_time=each.fire_time, local=each.local.isoformat(), mark=each.mark)
        for each in upcoming
    ]


def schedule_routes() -> APIRouter:
    router = APIRouter(tags=["schedules"])

    @router.get("/schedules/preview", summary="Tell when an expression fires")
    async def preview(
        _: Viewer, expression: _Expression, tz: _Zone = "UTC", n: Count = 10, job: _JobName = None
    ) -> Preview:
        """The next fire times of a cron expression, with what clock changes do to them."""
        schedule = cron(expression, tz=tz)
        if job:
            schedule = schedule.for_job(job)
        fires = fires_of(schedule.upcoming(n, after=datetime.now(UTC)))
        return Preview(description=schedule.describe(), fires=fires)

    return router
