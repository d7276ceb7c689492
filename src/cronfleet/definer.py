"""Jobs that are added, changed and removed while the fleet is at work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar, Unpack

from cronfleet import changing, verbs
from cronfleet.definition import digest, encode
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.errors import CronfleetError, InvalidJobError
from cronfleet.handlers import Handlers
from cronfleet.info import JobInfo
from cronfleet.model import HandlerName, JobDefinition, JobName
from cronfleet.operator import Operator, in_its_loop
from cronfleet.registry import JobOptions, Retry, known_job, options_of
from cronfleet.schedule import Schedule, schedule_from_definition
from cronfleet.store import Store

log: logging.Logger = logging.getLogger(__name__)

AnyHandler = TypeVar("AnyHandler", bound=Handler)


class Added(Coroutine[Any, Any, JobInfo]):
    """A job that was added. It may be awaited: then it is in the store."""

    def __init__(self, stored: Callable[[], Coroutine[Any, Any, JobInfo]]) -> None:
        self._stored = stored
        self._storing: Coroutine[Any, Any, JobInfo] | None = None

    def __await__(self) -> Generator[Any, Any, JobInfo]:
        return self._stored().__await__()

    def send(self, value: Any, /) -> Any:
        return self._begun().send(value)

    def throw(
        self,
        error: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any:
        return self._begun().throw(error)

    def close(self) -> None:
        if self._storing is not None:
            self._storing.close()

    def _begun(self) -> Coroutine[Any, Any, JobInfo]:
        self._storing = self._storing or self._stored()
        return self._storing


class Definer(Operator):
    """The verbs that need handlers, beside those of every operator."""

    def __init__(self, store: Store, patience: timedelta, program: str) -> None:
        super().__init__(store, patience, program)
        self._handlers = Handlers()
        self._jobs: dict[JobName, KnownJob] = {}

    # --- for whoever is at work

    @property
    def _is_at_work(self) -> bool:
        return False

    def _handlers_changed(self) -> None:
        """There are more handlers."""

    def _forget(self, name: JobName) -> None:
        """The job is not to be declared any more."""

    # --- handlers

    def handler(self, name: str | None = None) -> Callable[[AnyHandler], AnyHandler]:
        """Register the decorated handler without a job, for jobs that are added at run time.

        It goes by the name of its function unless told otherwise, the same in all instances of the
        program. Raises InvalidJobError for a name that another handler has.
        """

        def register(handler: AnyHandler) -> AnyHandler:
            self._handlers.add(handler, name)
            self._in_its_loop(self._handlers_changed)
            return handler

        return register

    def _in_its_loop(self, act: Callable[[], None]) -> None:
        if self.home is not None and self.home.is_running():
            self.home.call_soon_threadsafe(act)

    # --- jobs

    def _begin_to_store(self, job: KnownJob) -> Added:
        """Store a job from now on, whether anybody waits for that or not."""
        if self.home is None or not self.home.is_running():
            raise CronfleetError("the scheduler has ended meanwhile")
        if not self._handlers.is_registered(job.handler):
            self._take_in(job)
        storing = asyncio.run_coroutine_threadsafe(self._store_job(job), self.home)
        is_awaited = False

        async def stored() -> JobInfo:
            nonlocal is_awaited
            is_awaited = True
            return await asyncio.wrap_future(storing)

        def tell(ended: Future[JobInfo]) -> None:
            if not is_awaited and not ended.cancelled() and (error := ended.exception()):
                log.error("job %s was not added: %s", job.definition.name, error)

        storing.add_done_callback(tell)
        return Added(stored)

    def _take_in(self, job: KnownJob) -> None:
        self._handlers.add(job.handler, None)
        self._in_its_loop(self._handlers_changed)
        log.warning(
            "job %s: its handler was not registered before; instances that do not register it "
            "leave the job to this one: put @scheduler.handler() above it",
            job.definition.name,
        )

    @in_its_loop
    async def _store_job(self, job: KnownJob) -> JobInfo:
        store = await self._opened()
        named = self._named(job, self._handlers.name_of(job.handler, job.definition.name))
        await changing.add(store, self._program, named, verbs.order(None, "", ""))
        self._wake()
        return await self.job_info(job.definition.name)

    @in_its_loop
    async def update_job(
        self,
        name: str,
        *,
        schedule: Schedule | None = None,
        handler: Handler | None = None,
        key: str | None = None,
        who: str = "",
        why: str = "",
        **options: Unpack[JobOptions],
    ) -> JobInfo:
        """Change what is given of a job; the rest stays. It holds for the whole fleet.

        A job that is declared in code keeps what was changed until the code declares another
        definition of it. Raises UnknownJobError, ForeignJobError, or InvalidJobError for what does
        not fit together, or a handler that is not registered here.
        """

        def change(stands: JobDefinition) -> KnownJob:
            used = handler or self._handler_of(stands)
            when = schedule or schedule_from_definition(stands.schedule)
            changed = options_of(stands)
            changed.update(options)
            job = known_job(used, when, name, changed)
            return self._named(job, self._handlers.name_of(used, name))

        store = await self._opened()
        await changing.update(store, self._program, name, change, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    @in_its_loop
    async def remove_job(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> None:
        """Make no more runs of a job, in the whole fleet; what was claimed or started ends as usual.

        It comes back when it is added again, or when an instance is started that declares it, and
        goes on where it was. Raises UnknownJobError.
        """
        store = await self._opened()
        is_known = self._jobs.pop(name, None) is not None
        self._forget(name)
        if is_known and await store.job(name) is None:
            return  # It was never declared.
        await changing.remove(store, name, verbs.order(key, who, why))

    def _handler_of(self, stands: JobDefinition) -> Handler:
        registered = self._jobs.get(stands.name)
        handler = registered.handler if registered else self._handlers.named(stands.handler)
        if handler is None:
            raise InvalidJobError(stands.name, "its handler is not registered here: name handler=")
        return handler

    def _named(self, job: KnownJob, handler: HandlerName) -> KnownJob:
        """The job as it is stored. Raises InvalidJobError for what cannot be."""
        if job.definition.retry and job.retry_on != Retry().on:
            raise InvalidJobError(job.definition.name, "retry.on cannot be stored: leave it out")
        definition = replace(job.definition, handler=handler)
        text = encode(definition)
        plan = replace(job.plan, definition=definition)
        return replace(job, plan=plan, json=text, digest=digest(text))
