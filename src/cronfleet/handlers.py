"""The handlers of a program by name: so that what is stored can say which one it means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias, Unpack

from cronfleet.definition import digest
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.errors import InvalidJobError
from cronfleet.model import HandlerName, JobName
from cronfleet.planning import plan_as_written
from cronfleet.registry import JobOptions, known_job
from cronfleet.run_id import JOB_NAME
from cronfleet.schedule import every

_HINT = "give it a name that all instances know: @scheduler.handler('name')"


Play: TypeAlias = Callable[[KnownJob, HandlerName], KnownJob]
"""From a job and the name of its handler to the same job with who stands in for that."""


class Handlers:
    """Named by their registration, or after their function if only one of that name is known."""

    def __init__(self) -> None:
        self._named: dict[HandlerName, KnownJob] = {}
        self._of_jobs: dict[HandlerName, KnownJob] = {}
        self._ambiguous: set[HandlerName] = set()
        self._play: Play | None = None

    @property
    def names(self) -> Collection[HandlerName]:
        return self._named.keys() | self._of_jobs.keys()

    def add(self, handler: Handler, name: HandlerName | None, **how: Unpack[JobOptions]) -> None:
        """Register a handler by itself. Raises InvalidJobError for a name that is another's."""
        # It has no schedule of its own; what a job says of how it is run is all that counts.
        example = known_job(handler, every(timedelta(days=1)), name, how)
        name = example.definition.name
        if name in self._named and self._named[name].handler != handler:
            raise InvalidJobError(name, "another handler has this name; give it another one")
        self._named[name] = example

    def take_in(self, job: KnownJob, **how: Unpack[JobOptions]) -> None:
        """Register the handler of a job that was added, under the name of its function.

        Raises InvalidJobError if it has no name by which others could mean it and nothing else.
        """
        name = _own_name(job.handler)
        known = self.named(name)
        is_taken = name in self._ambiguous or (known and known.handler != job.handler)
        if is_taken or not JOB_NAME.fullmatch(name):
            raise _unnamed(job.handler, job.definition.name)
        self.add(job.handler, name, **how)

    def add_of(self, job: KnownJob) -> None:
        """Register the handler of a job under the name of its function."""
        name = _own_name(job.handler)
        if not JOB_NAME.fullmatch(name) or name in self._ambiguous:
            return
        standing = self._of_jobs.setdefault(name, job)
        if standing.handler != job.handler:  # As methods are: a new object each time.
            del self._of_jobs[name]
            self._ambiguous.add(name)

    def name_of(self, handler: Handler, job: JobName) -> HandlerName:
        """What it goes by. Raises InvalidJobError for one that has no name yet."""
        if name := self._name(handler):
            return name
        raise _unnamed(handler, job)

    def _name(self, handler: Handler) -> HandlerName:
        for named in (self._named, self._of_jobs):
            for name, known in named.items():
                if known.handler == handler and self.named(name) is known:
                    return name
        return ""

    def of(self, handler: Handler) -> KnownJob | None:
        """A job with this handler, if it has a name."""
        return next((known for known in self if known.handler == handler), None)

    def named(self, name: HandlerName) -> KnownJob | None:
        """A job with the handler of this name."""
        return self._named.get(name) or self._of_jobs.get(name)

    # --- for simulated time

    def copy(self, play: Play | None = None) -> Handlers:
        """The same; what is added to one is not in the other. `play` says who stands in for them."""
        handlers = Handlers()
        handlers._named, handlers._of_jobs = dict(self._named), dict(self._of_jobs)
        handlers._ambiguous = set(self._ambiguous)
        handlers._play = play or self._play
        return handlers

    def played(self, job: KnownJob) -> KnownJob:
        """The job as it is carried out here."""
        return self._play(job, self._name(job.handler)) if self._play else job

    # --- for whoever looks for handlers

    def __iter__(self) -> Iterator[KnownJob]:
        yield from self._named.values()
        yield from self._of_jobs.values()

    def known(self, json: str) -> KnownJob | None:
        """The job that a definition of the store defines, if it can be run here."""
        plan = plan_as_written(json)
        example = plan and self.named(plan.definition.handler)
        if plan is None or example is None:
            return None
        known = replace(
            example,
            plan=plan,
            json=json,
            digest=digest(json),
            retry_on=example.retry_on or (Exception,),
        )
        return self.played(known)


def _unnamed(handler: Handler, job: JobName) -> InvalidJobError:
    return InvalidJobError(job, f"its handler {handler!r} is not registered: {_HINT}")


def _own_name(handler: Handler) -> str:
    return str(getattr(handler, "__name__", ""))
