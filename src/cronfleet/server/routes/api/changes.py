"""Changes of jobs that were added at run time: of what was looked at, and of nothing newer."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Header, Query

from cronfleet import JobInfo, Scheduler
from cronfleet.server.access.needs import Admin
from cronfleet.server.problems import RefusedError
from cronfleet.server.routes.api.answers import JobName
from cronfleet.server.routes.api.change import JobChange
from cronfleet.server.routes.api.ordering import Key, Why

_ETAG = re.compile(r'"([0-9]{1,18})"')


class UnconditionalError(RefusedError):
    """A change that does not say of what."""

    status = HTTPStatus.PRECONDITION_REQUIRED

    def __init__(self) -> None:
        super().__init__(
            'look at the job first, then send its generation with the change, as in If-Match: "3"'
        )


class InvalidConditionError(RefusedError):
    """A condition that names no generation."""

    def __init__(self) -> None:
        super().__init__('If-Match must be the job\'s generation in quotes, as in If-Match: "3"')


class DeclaredJobError(RefusedError):
    """A job that belongs to code."""

    status = HTTPStatus.CONFLICT

    def __init__(self, job: str) -> None:
        super().__init__(f"job {job!r} is declared in code: change it there; it can be paused here")


def etag(job: JobInfo) -> str:
    """What a change of the job needs as `If-Match`."""
    return f'"{job.generation}"'


async def _generation(
    if_match: Annotated[
        str | None, Header(description='The generation that was looked at, as in "3".')
    ] = None,
) -> int:
    """Raises UnconditionalError, InvalidConditionError."""
    if if_match is None:
        raise UnconditionalError
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidConditionError
    return int(found[1])


_Generation: TypeAlias = Annotated[int, Depends(_generation)]


def change_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(tags=["orders"])

    @router.patch("/jobs/{name:path}", summary="Change a job")
    async def change_job(
        name: JobName, caller: Admin, key: Key, generation: _Generation, change: JobChange
    ) -> JobInfo:
        """Change what is given of a job that was added at run time; the rest stays.

        This server's program must have its handler. A job that has changed since is left alone.
        """
        await _check_is_added(scheduler, name)
        return await scheduler.update_job(
            name,
            schedule=change.new_schedule,
            generation=generation,
            key=key,
            who=caller.name,
            why=change.why,
            **change.options,
        )

    @router.delete("/jobs/{name:path}", summary="Remove a job", status_code=HTTPStatus.NO_CONTENT)
    async def remove_job(
        name: JobName,
        caller: Admin,
        key: Key,
        generation: _Generation,
        why: Annotated[Why, Query(description="A reason, for those who look later.")] = "",
    ) -> None:
        """Make no more runs of a job that was added at run time; what was started ends as usual."""
        await _check_is_added(scheduler, name)
        await scheduler.remove_job(name, generation=generation, key=key, who=caller.name, why=why)

    return router


async def _check_is_added(scheduler: Scheduler, name: str) -> None:
    """Raises UnknownJobError, DeclaredJobError."""
    if not (await scheduler.job_info(name)).handler:
        raise DeclaredJobError(name)
