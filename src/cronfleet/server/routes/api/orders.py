"""The operator's verbs. Each is on record with who gave it, and why."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import AwareDatetime

from cronfleet import BackfillInfo, JobInfo, RunInfo, Scheduler, TriggeredRun
from cronfleet.server.access.needs import Operator
from cronfleet.server.routes.api.answers import JobName
from cronfleet.server.routes.api.ordering import Key, Ordered


class PauseOrder(Ordered):
    """For how long."""

    until: AwareDatetime | None = None
    """When the job is resumed by itself; without it somebody must resume it."""


class BackfillOrder(Ordered):
    """Which fire times of the past are to run."""

    first: AwareDatetime
    last: AwareDatetime
    """Itself included."""
    dry_run: bool = True
    """Only tell what would be made."""
    again: bool = False
    """Also of fire times that have run."""


def order_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["orders"])

    @router.post("/jobs/{name:path}/trigger", summary="Run a job now")
    async def trigger(name: JobName, caller: Operator, key: Key, order: Ordered) -> TriggeredRun:
        """While it is at its limit the run waits. A paused job runs, too."""
        return await scheduler.trigger(name, key=key, who=caller.name, why=order.why)

    @router.post("/jobs/{name:path}/pause", summary="Pause a job")
    async def pause(name: JobName, caller: Operator, key: Key, order: PauseOrder) -> JobInfo:
        """Make no more ticks of it, until it is resumed; its runs go on.

        Another `until` than before takes its place.
        """
        return await scheduler.pause(
            name, until=order.until, key=key, who=caller.name, why=order.why
        )

    @router.post("/jobs/{name:path}/resume", summary="Resume a job")
    async def resume(name: JobName, caller: Operator, key: Key, order: Ordered) -> JobInfo:
        """Make ticks of it again, from now on."""
        return await scheduler.resume(name, key=key, who=caller.name, why=order.why)

    @router.post("/jobs/{name:path}/skip-next", summary="Skip a job's next tick")
    async def skip_next(name: JobName, caller: Operator, key: Key, order: Ordered) -> JobInfo:
        """Settle it without a run. Nothing happens where the schedule has ended."""
        return await scheduler.skip_next(name, key=key, who=caller.name, why=order.why)

    @router.post("/runs/{run:path}/cancel", summary="Cancel a run")
    async def cancel(run: str, caller: Operator, key: Key, order: Ordered) -> RunInfo:
        """Answers how it stands then: the handler of a started run may take a while to end."""
        return await scheduler.cancel(run, key=key, who=caller.name, why=order.why)

    _add_backfill(router, scheduler)
    return router


def _add_backfill(router: APIRouter, scheduler: Scheduler) -> None:
    @router.post("/jobs/{name:path}/backfill", summary="Run fire times of the past")
    async def backfill(
        name: JobName, caller: Operator, key: Key, order: BackfillOrder
    ) -> BackfillInfo:
        """Run those first <= t <= last that have not run, 1,000 at the most.

        Unless `dry_run` is false, nothing is made, and the answer tells what would be.
        """
        return await scheduler.backfill(
            name,
            order.first,
            order.last,
            dry_run=order.dry_run,
            again=order.again,
            key=key,
            who=caller.name,
            why=order.why,
        )
