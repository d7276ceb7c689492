"""Declaring this instance's jobs to the store."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cronfleet.engine.known import KnownJob, KnownJobs
from cronfleet.errors import ForeignJobError
from cronfleet.model import Instant, JobName, ProgramName, SessionId
from cronfleet.store import Behind, DeclareAnswer, Declared, Foreign, Mark, Store

log: logging.Logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Declaring:
    """What goes with the jobs, and what this instance has declared before in its life."""

    marks: Sequence[Mark] = ()
    before: set[JobName] = field(default_factory=set[JobName])


async def declare(
    store: Store,
    session: SessionId,
    program: ProgramName,
    jobs: KnownJobs,
    now: Instant,
    declaring: Declaring | None = None,
) -> None:
    """Declare all jobs, their ticks to begin after `now`, or after the watermark if that is later.

    A job that was removed since this instance declared it first stays removed. Raises
    ForeignJobError for a job of another program.
    """
    declaring = declaring or Declaring()
    starts = dict.fromkeys(jobs, now)
    while True:
        declarations = [
            replace(job.declaration(after=starts[name]), revives=name not in declaring.before)
            for name, job in jobs.items()
        ]
        answers = await store.sync_jobs(session, program, declarations, declaring.marks)
        answered = list(zip(jobs.values(), answers, strict=True))
        behind = {job.definition.name: _start_of(answer) for job, answer in answered}
        moved = {name: start for name, start in behind.items() if start is not None}
        if not moved:
            break
        starts |= moved
    declaring.before.update(jobs)
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
            "job %s: another definition is in force, which instances at work declare or have the "
            "handler of; the one that is declared here waits until none of them is left",
            name,
        )
    if answer is Declared.REMOVED:
        log.warning(
            "job %s: it was removed while this instance was at work, and stays so until an "
            "instance is started that declares it",
            name,
        )
    if answer is Declared.NEW and job.plan.first_after(now) is None:
        log.warning("job %s: its schedule has no fire time after now; it is finished", name)
