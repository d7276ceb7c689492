"""The first page: whether the fleet is well, in words, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from markupsafe import Markup

from cronfleet import GapInfo, JobInfo, RunInfo
from cronfleet.schedule import schedule_from_definition
from cronfleet.server.pages.concerns import Concern, Weight, concerns_of
from cronfleet.server.pages.fleet import Fleet
from cronfleet.server.pages.pictures.time_line import MOST_FIRES, axis, lane

CONCERNS_SHOWN = 12
RUNS_SHOWN = 10
GAPS_SHOWN = 5
LANES_SHOWN = 10
SOON = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lane:
    """A job's part of the time line."""

    job: JobInfo
    picture: Markup


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet at a glance."""

    fleet: Fleet
    concerns: Sequence[Concern]
    more_concerns: int
    lanes: Sequence[Lane]
    more_lanes: int
    axis: Markup
    runs: Sequence[RunInfo]
    gaps: Sequence[GapInfo]
    next_job: JobInfo | None
    active: int
    paused: int

    @property
    def is_well(self) -> bool:
        return not self.concerns

    @property
    def is_mild(self) -> bool:
        """Well, but for jobs that people paused: one concern each."""
        return all(concern.weight is Weight.MILD for concern in self.concerns)

    @property
    def is_bad(self) -> bool:
        return any(concern.weight is Weight.BAD for concern in self.concerns)


def overview_of(fleet: Fleet) -> Overview:
    """What the first page shows."""
    concerns = concerns_of(fleet)
    coming = _coming(fleet)
    soon = [job for job in coming if job.next_fire and job.next_fire <= fleet.now + SOON]
    return Overview(
        fleet=fleet,
        concerns=concerns[:CONCERNS_SHOWN],
        more_concerns=max(len(concerns) - CONCERNS_SHOWN, 0),
        lanes=[Lane(job, _picture(job, fleet.now)) for job in soon[:LANES_SHOWN]],
        more_lanes=max(len(soon) - LANES_SHOWN, 0),
        axis=axis(SOON),
        runs=fleet.last_runs(RUNS_SHOWN),
        gaps=fleet.last_gaps(GAPS_SHOWN),
        next_job=coming[0] if coming else None,
        active=sum(job.active for job in fleet.jobs),
        paused=sum(job.state == "paused" for job in fleet.jobs),
    )


def _coming(fleet: Fleet) -> list[JobInfo]:
    waiting = [job for job in fleet.jobs if job.next_due and job.schedule_values]
    return sorted(waiting, key=lambda job: (job.next_due, job.name))


def _picture(job: JobInfo, now: datetime) -> Markup:
    return lane(job.name, fires_until(job, now, now + SOON), now, SOON)


def fires_until(job: JobInfo, start: datetime, end: datetime) -> list[datetime]:
    """The fire times in a span that it expects; of very many, one more than a lane shows."""
    if job.schedule_values is None or job.next_fire is None:
        return []
    start = max(start, job.next_fire - timedelta(milliseconds=1))
    coming = schedule_from_definition(job.schedule_values).after(start)
    return list(islice(takewhile(lambda fire: fire <= end, coming), MOST_FIRES + 1))
