"""All jobs, by name and state, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cronfleet import JobInfo
from cronfleet.server.pages.concerns import FAILURES
from cronfleet.server.pages.fleet import Fleet

JOBS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class JobsView:
    """A page of the jobs that were asked for."""

    fleet: Fleet
    jobs: Sequence[JobInfo]
    words: str
    state: str
    counts: Mapping[str, int]
    """How many jobs are in each state, and `all`."""
    found: int
    skip: int

    @property
    def newer(self) -> int | None:
        """Where the page before this one begins."""
        return max(self.skip - JOBS_SHOWN, 0) if self.skip else None

    @property
    def older(self) -> int | None:
        """Where the page behind this one begins."""
        end = self.skip + JOBS_SHOWN
        return end if end < self.found else None


def jobs_view(fleet: Fleet, words: str, state: str, skip: int) -> JobsView:
    """The jobs whose names hold all of the words, in a state; an empty one means any."""
    parts = words.casefold().split()
    named = [job for job in fleet.jobs if all(part in job.name.casefold() for part in parts)]
    states = {job.name: state_of(job, fleet) for job in named}
    found = [job for job in named if not state or state in (states[job.name], job.state)]
    return JobsView(
        fleet=fleet,
        jobs=found[skip : skip + JOBS_SHOWN],
        words=words,
        state=state,
        counts=Counter({"": len(named)}) + Counter(states.values()),
        found=len(found),
        skip=skip,
    )


def state_of(job: JobInfo, fleet: Fleet) -> str:
    """What matters most of it: that it fails, that it runs, or its state."""
    if job.state != "scheduled":
        return job.paused_reason or job.state
    last = fleet.last_run(job.name)
    if last and (last.outcome or last.state) in FAILURES:
        return "failing"
    return "active" if job.active else job.state
