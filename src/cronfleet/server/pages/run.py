"""One run: its life from when it was due to when it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from cronfleet import RunInfo, RunLog, Scheduler
from cronfleet.server.pages.pictures.life import Stretch, life
from cronfleet.server.pages.schedules import due_time

_ENDED = frozenset({"succeeded", "failed", "timed_out", "cancelled", "lost", "skipped"})


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of a run's life."""

    what: str
    at: datetime
    after: timedelta | None
    """How long after the moment before; None for the first."""
    ends: str
    """What the stretch before it looks like in the bar; empty if it ends none there."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run and its life."""

    run: RunInfo
    steps: Sequence[Step]
    life: Markup | None
    log: RunLog
    is_over: bool


async def look_at_run(scheduler: Scheduler, run: str) -> RunView:
    """Raises UnknownRunError, StoreError."""
    found = await scheduler.run_info(run)
    due = due_time(found, await scheduler.job_info(found.job))
    return RunView(
        run=found,
        steps=steps_of(found, due),
        life=life_of(found, due, await scheduler.store_time()),
        log=await scheduler.run_log(run),
        is_over=found.state in _ENDED,
    )


def steps_of(run: RunInfo, due: datetime) -> list[Step]:
    """What is known of when it did what, in order. Of several attempts, the last one."""
    moments = [
        ("due" if run.attempt == 1 else f"attempt {run.attempt} due", "", due),
        ("claimed", "waited", run.claimed_at),
        ("started", "claimed", run.started_at),
        ("asked to cancel", "", run.cancel_asked_at),
        (run.state.replace("_", " "), run.state, run.ended_at),
    ]
    known = [(what, ends, at) for what, ends, at in moments if at]
    known.sort(key=lambda moment: moment[2])
    before = [None, *(at for _, _, at in known)]
    return [
        Step(what, at, at - last if last else None, ends)
        for (what, ends, at), last in zip(known, before, strict=False)
    ]


def life_of(run: RunInfo, due: datetime, now: datetime) -> Markup | None:
    """The bar; None for a run that ended before anybody claimed it."""
    is_over = run.state in _ENDED
    end = run.ended_at or (None if is_over else now)
    points = [
        ("waited to be claimed", "waited", due, run.claimed_at or end),
        ("waited to be started", "claimed", run.claimed_at, run.started_at or end),
        ("ran" if is_over else "has been running", run.state, run.started_at, end),
    ]
    stretches = [
        Stretch(what, max(until - since, timedelta()), kind)
        for what, kind, since, until in points
        if since and until
    ]
    return life(stretches) if stretches else None
