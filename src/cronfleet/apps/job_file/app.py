"""The jobs of a file, added to a scheduler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from cronfleet import ConfigurationError, InvalidJobError, RunContext, Scheduler
from cronfleet.apps.job_file.command.running import CommandHandler
from cronfleet.apps.job_file.values import CommandWork, JobFile, Work

_Handler: TypeAlias = Callable[[RunContext], Awaitable[None]]


def register(scheduler: Scheduler, file: JobFile) -> None:
    """Add the jobs of a file to a scheduler that has not started.

    Raises ConfigurationError, with one line for every job that cannot be as it is written.
    """
    complaints: list[str] = []
    for job in file.jobs:
        try:
            scheduler.add_job(_handler(job.work), job.schedule, job.name, **job.options)
        except InvalidJobError as error:
            complaints.append(f"{file.path}: {error}")
    if complaints:
        raise ConfigurationError("\n".join(complaints))


def _handler(work: Work) -> _Handler:
    if isinstance(work, CommandWork):
        return CommandHandler(work)
    from cronfleet.apps.job_file.http.running import HttpHandler

    return HttpHandler(work)
