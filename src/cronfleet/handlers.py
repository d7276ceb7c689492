"""The handlers of a program by name: so that what is stored can say which one it means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from cronfleet.definition import decode, digest
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.errors import InvalidJobError, InvalidScheduleError, StoreError
from cronfleet.model import HandlerName, JobName
from cronfleet.policy import Plan
from cronfleet.registry import JobOptions, known_job
from cronfleet.run_id import JOB_NAME
from cronfleet.schedule import every, schedule_from_definition

_HINT = "give it a name that all instances know: @scheduler.handler('name')"


class Handlers:
    """Named by their registration, or after their function if only one of that name is known."""

    def __init__(self) -> None:
        self._named: dict[HandlerName, KnownJob] = {}
        self._of_jobs: dict[HandlerName, KnownJob] = {}
        self._ambiguous: set[HandlerName] = set()

    @property
    def names(self) -> Collection[HandlerName]:
        return self._named.keys() | self._of_jobs.keys()

    def add(self, handler: Handler, name: HandlerName | None, **how: Unpack[JobOptions]) -> None:
        """Register a handler by itself. Raises InvalidJobError for a name that is another's."""
        # It has no schedule of its own; what a job says of how it is run is all that counts.
        example = known_job(handler, every(timedelta(days=1)), name, how)
        name = example.definition.name
        if name in self._named and self._named[name].handler is not handler:
            raise InvalidJobError(name, "another handler has this name; give it another one")
        self._named[name] = example

    def add_of(self, job: KnownJob) -> None:
        """Register the handler of a job under the name of its function."""
        name = _own_name(job.handler)
        if not JOB_NAME.fullmatch(name) or name in self._ambiguous:
            return
        standing = self._of_jobs.setdefault(name, job)
        if standing.handler is not job.handler:
            del self._of_jobs[name]
            self._ambiguous.add(name)

    def name_of(self, handler: Handler, job: JobName) -> HandlerName:
        """What it goes by. Raises InvalidJobError for one that has no name yet."""
        for named in (self._named, self._of_jobs):
            for name, known in named.items():
                if known.handler is handler and self.named(name) is known:
                    return name
        raise InvalidJobError(job, f"its handler {handler!r} is not registered: {_HINT}")

    def of(self, handler: Handler) -> KnownJob | None:
        """A job with this handler, if it has a name."""
        return next((known for known in self if known.handler is handler), None)

    def named(self, name: HandlerName) -> KnownJob | None:
        """A job with the handler of this name."""
        return self._named.get(name) or self._of_jobs.get(name)

    def with_jobs(self, jobs: Iterable[KnownJob]) -> Handlers:
        """Those that were registered by themselves, and those of these jobs."""
        handlers = Handlers()
        handlers._named = dict(self._named)
        for job in jobs:
            handlers.add_of(job)
        return handlers

    def __iter__(self) -> Iterator[KnownJob]:
        yield from self._named.values()
        yield from self._of_jobs.values()

    def known(self, json: str) -> KnownJob | None:
        """The job that a definition of the store defines, if it can be run here."""
        try:
            definition = decode(json)
            schedule = schedule_from_definition(definition.schedule)
        except (StoreError, InvalidScheduleError):
            return None  # Of a newer version: that one runs it.
        example = self.named(definition.handler)
        if example is None:
            return None
        return replace(
            example,
            plan=Plan(definition, schedule),
            json=json,
            digest=digest(json),
            retry_on=example.retry_on or (Exception,),
        )


def _own_name(handler: Handler) -> str:
    return str(getattr(handler, "__name__", ""))
