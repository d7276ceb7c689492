"""Declaring this instance's jobs to the store."""

from __future__ import annotations

import logging

from cronfleet.engine.known import KnownJob, KnownJobs
from cronfleet.errors import ForeignJobError
from cronfleet.model import Instant, ProgramName, SessionId
from cronfleet.store import Behind, DeclareAnswer, Declared, Foreign, Store

log: logging.Logger = logging.getLogger(__name__)


async def declare(
    store: Store, session: SessionId, program: ProgramName, jobs: KnownJobs, now: Instant
) -> None:
    """Declare all jobs, their ticks to begin after `now`, or after the watermark if that is later.

    Raises ForeignJobError for a job of another program.
    """
    starts = dict.fromkeys(jobs, now)
    while True:
        declarations = [job.declaration(after=starts[name]) for name, job in jobs.items()]
        answers = await store.sync_jobs(session, program, declarations)
        answered = list(zip(jobs.values(), answers, strict=True))
        behind = {job.definition.name: _start_of(answer) for job, answer in answered}
        moved = {name: start for name, start in behind.items() if start is not None}
        if not moved:
            break
        starts |= moved
    for job, answer in answered:
        _report(job, answer, now, program)


def _start_of(answer: DeclareAnswer) -> Instant | None:
    return answer.watermark if isinstance(answer, Behind) else None


def _report(job: KnownJob, answer: DeclareAnswer, now: Instant, program: ProgramName) -> None:
    name = job.definition.name
    if isinstance(answer, Foreign):
        raise ForeignJobError(name, answer.owner, program)
    if answer is Declared.SUPERSEDED:
        log.warning(
            "job %s: another definition is in force and declared by instances at work; "
            "this instance leaves the job to them",
            name,
        )
    if answer is Declared.NEW and job.plan.first_after(now) is None:
        log.warning("job %s: its schedule has no fire time after now; it is finished", name)
