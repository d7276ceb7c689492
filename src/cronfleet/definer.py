"""Jobs that are added, changed and removed while the fleet is at work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Literal, TypeVar, Unpack

from cronfleet import changing, verbs
from cronfleet.added import Added
from cronfleet.definition import digest, encode
from cronfleet.engine.isolated.address import check_address
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.errors import CronfleetError, InvalidJobError
from cronfleet.handlers import Handlers
from cronfleet.info import JobInfo
from cronfleet.loops import refuse_halted
from cronfleet.model import JobDefinition
from cronfleet.opening import in_its_loop
from cronfleet.operator import Operator
from cronfleet.registry import JobOptions, Retry, isolation_of, known_job, options_of
from cronfleet.run_id import JobName
from cronfleet.schedule import Schedule, schedule_from_definition
from cronfleet.store import Store

log: logging.Logger = logging.getLogger(__name__)

AnyHandler = TypeVar("AnyHandler", bound=Handler)


_HOW_HINT = (
    "isolation and memory_limit_mb cannot be stored, they are its handler's: write them in "
    "@scheduler.handler(...)"
)


class Definer(Operator):
    """The verbs that need handlers, beside those of every operator."""

    def __init__(self, store: Store, patience: timedelta, program: str) -> None:
        super().__init__(store, patience, program)
        self._handlers = Handlers()
        self._jobs: dict[JobName, KnownJob] = {}
        self._storing: set[Future[JobInfo]] = set()

    def begin_anew(self) -> None:
        """In a process that was forked: what is being stored is so in the other one."""
        self._storing = set()
        super().begin_anew()

    # --- for whoever is at work

    @property
    def _is_at_work(self) -> bool:
        return False

    def _handlers_changed(self) -> None:
        """There are more handlers."""

    def _forget(self, name: JobName) -> None:
        """The job is not to be declared any more."""

    # --- registering

    def job(
        self, schedule: Schedule, name: str | None = None, **options: Unpack[JobOptions]
    ) -> Callable[[AnyHandler], AnyHandler]:
        """Register the decorated handler. The job is named after it unless told otherwise.

        To be done before the scheduler starts. Raises InvalidJobError for options that do not fit
        together, or a name used twice.
        """

        def register(handler: AnyHandler) -> AnyHandler:
            job = known_job(handler, schedule, name, options)
            if self._is_at_work:
                hint = "register it before the scheduler starts, or use add_job"
                raise InvalidJobError(job.definition.name, hint)
            self._register(job)
            return handler

        return register

    def add_job(
        self,
        handler: Handler,
        schedule: Schedule,
        name: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Added:
        """Register a handler as `job` does; or store a job for the whole fleet.

        A job is stored when the scheduler is at work, or when the answer is awaited: once that is
        done, the job is in the store, as `JobInfo` says. From then on it belongs to no instance:
        all that register its handler run it, until `remove_job`. May be called from any thread.
        Raises InvalidJobError as `job` does; awaited also for a name that another job has, and
        ForeignJobError.
        """
        if self._is_at_work:
            how = isolation_of(self._handlers.of(handler))
            return self._begin_to_store(known_job(handler, schedule, name, how | options))
        job = known_job(handler, schedule, name, options)
        self._register(job)
        return Added(lambda: self._store_registered(job))

    def _register(self, job: KnownJob) -> None:
        if job.definition.name in self._jobs:
            raise InvalidJobError(job.definition.name, "is registered already; give it name=...")
        self._jobs[job.definition.name] = job
        self._handlers.add_of(job)

    async def _store_registered(self, job: KnownJob) -> JobInfo:
        if self._is_at_work and self._jobs.get(job.definition.name) is job:
            return await self.job_info(job.definition.name)  # It was declared at the start.
        self._jobs.pop(job.definition.name, None)
        self._forget(job.definition.name)
        return await self._store_job(job)

    # --- handlers

    def handler(
        self,
        name: str | None = None,
        *,
        isolation: Literal["process"] | None = None,
        memory_limit_mb: int | None = None,
    ) -> Callable[[AnyHandler], AnyHandler]:
        """Register the decorated handler without a job, for jobs that are added at run time.

        It goes by the name of its function unless told otherwise, the same in all instances of the
        program, and is isolated as is said here, whatever job it is for. Raises InvalidJobError
        for a name that another handler has.
        """
        how = JobOptions(isolation=isolation, memory_limit_mb=memory_limit_mb)

        def register(handler: AnyHandler) -> AnyHandler:
            self._handlers.add(handler, name, **how)
            self._in_its_loop(self._handlers_changed)
            return handler

        return register

    def _in_its_loop(self, act: Callable[[], None]) -> None:
        if self.home is not None and not self.home.is_closed():
            self.home.call_soon_threadsafe(act)

    # --- jobs at run time

    def _begin_to_store(self, job: KnownJob) -> Added:
        """Store a job from now on, whether anybody waits for that or not."""
        if self.home is None or self.home.is_closed():
            raise CronfleetError("the scheduler has ended meanwhile")
        if self._handlers.of(job.handler) is None:
            self._take_in(job)
        storing = asyncio.run_coroutine_threadsafe(self._store_job(job), self.home)
        is_awaited = False

        async def stored() -> JobInfo:
            nonlocal is_awaited
            is_awaited = True
            refuse_halted(self.home)
            return await asyncio.wrap_future(storing)

        def tell(ended: Future[JobInfo]) -> None:
            self._storing.discard(ended)
            if is_awaited:
                return
            error = "it was cancelled" if ended.cancelled() else ended.exception()
            if error:
                log.error("job %s was not added: %s", job.definition.name, error)

        self._storing.add(storing)
        storing.add_done_callback(tell)
        return Added(stored)

    async def _until_stored(self, timeout_s: float) -> None:
        """Wait for what is being stored, whether anybody else does or not."""
        if self._storing:
            told = [asyncio.wrap_future(each) for each in list(self._storing)]
            await asyncio.wait({asyncio.gather(*told, return_exceptions=True)}, timeout=timeout_s)

    def _take_in(self, job: KnownJob) -> None:
        self._handlers.take_in(job, **isolation_of(job))
        self._in_its_loop(self._handlers_changed)
        log.warning(
            "job %s: its handler was not registered before; instances that do not register it "
            "leave the job to this one: put @scheduler.handler() above it",
            job.definition.name,
        )

    @in_its_loop
    async def _store_job(self, job: KnownJob) -> JobInfo:
        store = await self._opened()
        await changing.add(store, self._program, self._named(job), verbs.order(None, "", ""))
        self._wake()
        return await self.job_info(job.definition.name)

    @in_its_loop
    async def update_job(  # noqa: PLR0913 - each is an option with a default
        self,
        name: str,
        *,
        schedule: Schedule | None = None,
        handler: Handler | None = None,
        generation: int | None = None,
        key: str | None = None,
        who: str = "",
        why: str = "",
        **options: Unpack[JobOptions],
    ) -> JobInfo:
        """Change what is given of a job; the rest stays. It holds for the whole fleet.

        A job that is declared in code keeps what was changed until the code declares another
        definition of it. With `generation` only if that is still the job's: else JobChangedError.
        Raises UnknownJobError, ForeignJobError, or InvalidJobError for what does not fit together,
        or a handler that is not registered here.
        """

        def change(stands: JobDefinition) -> KnownJob:
            like = self._handlers.of(handler) if handler else self._like(stands)
            used = handler or self._like(stands).handler
            when = schedule or schedule_from_definition(stands.schedule)
            changed = options_of(stands) | isolation_of(like) | options
            return self._named(known_job(used, when, name, changed))

        store = await self._opened()
        order = verbs.order(key, who, why)
        await changing.update(store, self._program, name, change, order, generation)
        self._wake()
        return await self.job_info(name)

    @in_its_loop
    async def remove_job(
        self,
        name: str,
        *,
        generation: int | None = None,
        key: str | None = None,
        who: str = "",
        why: str = "",
    ) -> None:
        """Make no more runs of a job, in the whole fleet; what was claimed or started ends as usual.

        It comes back when it is added again, or when an instance is started that declares it, and
        goes on where it was. With `generation` only if that is still the job's: else
        JobChangedError. Raises UnknownJobError.
        """
        store = await self._opened()
        if name not in self._jobs or await store.job(name):  # Else it was never declared.
            await changing.remove(store, name, verbs.order(key, who, why), generation)
        self._jobs.pop(name, None)
        self._forget(name)

    def _like(self, stands: JobDefinition) -> KnownJob:
        """A job that is carried out as this one. Raises InvalidJobError if nobody here can."""
        named, declared = self._handlers.named(stands.handler), self._jobs.get(stands.name)
        like = named if stands.handler else declared
        if like is None:
            raise InvalidJobError(stands.name, "its handler is not registered here: name handler=")
        return like

    def _named(self, job: KnownJob) -> KnownJob:
        """The job as it is stored. Raises InvalidJobError for what cannot be."""
        name = job.definition.name
        if job.definition.retry and job.retry_on != Retry().on:
            raise InvalidJobError(name, "retry.on cannot be stored: leave it out")
        handler = self._handlers.name_of(job.handler, name)
        if job.isolated is not None:
            check_address(job.isolated.address, job.handler, name)
        like = self._handlers.named(handler)
        if like and like.isolated != job.isolated:
            raise InvalidJobError(name, _HOW_HINT)
        definition = replace(job.definition, handler=handler)
        text = encode(definition)
        plan = replace(job.plan, definition=definition)
        return replace(job, plan=plan, json=text, digest=digest(text))
