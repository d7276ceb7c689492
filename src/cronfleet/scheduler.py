"""The scheduler: jobs are registered here, and here everything is put together."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
from collections.abc import Callable, Collection, Iterable
from contextvars import ContextVar
from datetime import timedelta
from typing import Literal, TypeVar, Unpack

from cronfleet.calling import calling_program, instance_label
from cronfleet.cron.zones import tzdata_version
from cronfleet.definer import Added, Definer
from cronfleet.engine.instance import Instance
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.session import Identity
from cronfleet.engine.times import Times
from cronfleet.errors import ConfigurationError, CronfleetError, InvalidJobError
from cronfleet.events import Alert
from cronfleet.info import JobInfo
from cronfleet.lock import Lock, Locks
from cronfleet.lock.acquiring import terms
from cronfleet.loops import LoopThread, run_to_its_end
from cronfleet.operator import open_once
from cronfleet.registry import JobOptions, known_job
from cronfleet.schedule import Schedule
from cronfleet.signals import StopSignals
from cronfleet.store import Store, StoreInfo
from cronfleet.stores import open_store

log: logging.Logger = logging.getLogger(__name__)

AnyHandler = TypeVar("AnyHandler", bound=Handler)

PATIENCE = timedelta(seconds=60)
"""How long a store that is not up yet is waited for."""

SHORTEST_TTL = timedelta(seconds=1)


default_store: ContextVar[str | None] = ContextVar("default_store", default=None)
"""Where schedulers that name no store find it before CRONFLEET_STORE: for what imports them."""


class Scheduler(Definer):
    """Jobs, and this process's share in running them.

    `store` is a URL (`sqlite:///path`, `redis://host:6379/0`, `postgresql://host:5432/name`,
    `memory:`) or a `Store`; without one it is CRONFLEET_STORE, or `cronfleet.db` in the current
    folder. `program` names the code base that declares the jobs (default: the name of the module
    that makes the scheduler), `fleet` all instances and jobs that share a name on the store
    (default: CRONFLEET_FLEET, or `default`). When the store was emptied or restored, this instance stops to claim until a
    person adopts the store; `on_store_reset="continue"` adopts it by itself. With `only` this
    instance runs only the jobs of these names, registered here or added at run time.

    `session_ttl` is how long an instance that falls silent keeps its runs: 1 s at least, and the
    same for the whole fleet if you can. Its verbs may be called from any event loop while it is
    at work; they run in the one in which it works.

    `on_alert` is called with an `Alert`, in the event loop in which it works, when a person is
    needed; the same is logged as an error. Whatever it raises is logged.

    Raises ConfigurationError or MissingExtraError for a store that cannot be had.
    """

    def __init__(  # noqa: PLR0913 - each is an option with a default
        self,
        store: str | Store | None = None,
        *,
        program: str | None = None,
        fleet: str | None = None,
        only: Collection[str] | None = None,
        session_ttl: timedelta = timedelta(seconds=10),
        drain_timeout: timedelta = timedelta(seconds=25),
        patience: timedelta = PATIENCE,
        on_store_reset: Literal["stop", "continue"] = "stop",
        on_alert: Callable[[Alert], object] | None = None,
    ) -> None:
        self._fleet = fleet or os.environ.get("CRONFLEET_FLEET") or "default"
        given = store or default_store.get()
        url = given or os.environ.get("CRONFLEET_STORE") or "sqlite:///cronfleet.db"
        program = program or calling_program(inspect.currentframe())
        self._times = _times(session_ttl, drain_timeout, patience)
        if isinstance(url, str):
            url = open_store(url, self._fleet, self._times.call_ms)
        super().__init__(url, patience, program)
        self._adopts = on_store_reset == "continue"
        self._only = None if only is None else _names(only)
        self._alert = _alert_by(on_alert)
        self._instance: Instance | None = None
        self._working: asyncio.Task[None] | None = None
        self._thread: LoopThread | None = None
        self._locks = Locks(
            self._store, self._clock, self._opened_at_once, open_once, lambda: self.home
        )

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
        job = known_job(handler, schedule, name, options)
        if self._is_at_work:
            return self._begin_to_store(job)
        self._register(job)
        return Added(lambda: self._store_registered(job))

    def _register(self, job: KnownJob) -> None:
        if job.definition.name in self._jobs:
            raise InvalidJobError(job.definition.name, "is registered already; give it name=...")
        self._jobs[job.definition.name] = job
        self._handlers.add_of(job)

    async def _store_registered(self, job: KnownJob) -> JobInfo:
        self._jobs.pop(job.definition.name, None)
        self._forget(job.definition.name)
        return await self._store_job(job)

    # --- working

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain; a second signal cancels the handlers."""
        with contextlib.suppress(asyncio.CancelledError):  # Told to stop before it had begun.
            run_to_its_end(self._run_until_signal())

    async def __aenter__(self) -> Scheduler:
        """Start to work. Raises StoreError, ForeignJobError when it cannot."""
        await self._open()
        await self._say_promise()
        identity = Identity(self._program, instance_label(), tzdata_version(), self._adopts)
        jobs = Repertoire(self._jobs, self._handlers, self._only)
        instance = Instance(
            self._store, self._clock, self._times, identity, jobs, alert=self._alert
        )
        self._working = asyncio.create_task(instance.run(), name="cronfleet-instance")
        self._instance = instance
        joined = asyncio.create_task(instance.joined.wait())
        try:
            await asyncio.wait({self._working, joined}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._working.cancel()
            await asyncio.wait({self._working})
            raise
        finally:
            joined.cancel()
            if self._working.done():
                self._instance = None
                await self.aclose()
        if self._working.done():
            self._working.result()  # Raises what kept it from joining.
        self._working.add_done_callback(_tell_if_failed)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain, and leave the fleet. Raises what ended the instance before its time."""
        try:
            if self._instance is not None and self._working is not None:
                self._instance.stop()
                await self._working
        finally:
            self._instance = None
            await self.aclose()

    def hurry(self) -> None:
        """While it drains: wait for the handlers no longer."""
        if self._instance is not None:
            self._instance.stop()

    async def work_until(self, stop: asyncio.Event) -> None:
        """Wait for the event, at work. Raises what ended this instance if it ends before that."""
        if self._working is None:
            raise CronfleetError("the scheduler is not at work: use `async with scheduler:`")
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({self._working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._working.done():
            self._working.result()

    async def _run_until_signal(self) -> None:
        signals = StopSignals(self.hurry)
        async with self:
            signals.has_joined()
            await self.work_until(signals.stop)

    def start(self) -> None:
        """Work in a thread of its own, for programs that are not asynchronous.

        Returns when this instance has joined; raises as `async with` does.
        """
        if self._thread is not None:
            raise CronfleetError("the scheduler is started already; stop it first")
        thread = LoopThread("cronfleet")
        try:
            thread.call(self.__aenter__())
        except BaseException:
            thread.close()
            raise
        self._thread = thread

    def stop(self) -> None:
        """Drain what `start` began, and wait for that."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.call(self.__aexit__())
            finally:
                thread.close()

    async def aclose(self) -> None:
        """Give the store's connections back. For those who only look, order or lock."""
        await self._locks.aclose()
        await super().aclose()

    # --- locks

    def lock(
        self,
        name: str,
        *,
        ttl: timedelta = timedelta(seconds=30),
        timeout: timedelta | None = None,
    ) -> Lock:
        """A lock of the fleet on this store; see `Lock`.

        Held for `ttl` at a time, and renewed while its block lasts. It is waited for as long as it
        takes, or for `timeout`; 0 only looks. Raises InvalidLockError.
        """
        return Lock(self._locks, terms(name, ttl, timeout))

    # --- for the verbs

    def _wake(self) -> None:
        if self._instance is not None:
            self._instance.wake()

    @property
    def _is_at_work(self) -> bool:
        return self._instance is not None

    def _handlers_changed(self) -> None:
        if self._instance is not None:
            self._instance.handlers_changed()

    def _forget(self, name: str) -> None:
        if self._instance is not None:
            self._instance.forget(name)

    def _trouble(self) -> str:
        return self._instance.trouble if self._instance else super()._trouble()

    def _store_info(self) -> StoreInfo | None:
        return (self._instance and self._instance.store_info) or super()._store_info()

    def _registered(self) -> Iterable[str]:
        return self._jobs


def _names(only: Collection[str]) -> frozenset[str]:
    if isinstance(only, str) or not only:
        raise ConfigurationError(f'only={only!r} names no jobs: write only=["name", ...]')
    return frozenset(only)


def _tell_if_failed(working: asyncio.Task[None]) -> None:
    """At once: the block that it works in may last long."""
    if not working.cancelled() and (error := working.exception()):
        log.error("this instance has ended, it claims nothing any more: %r", error)


def _alert_by(on_alert: Callable[[Alert], object] | None) -> Callable[[Alert], object]:
    if inspect.iscoroutinefunction(on_alert):
        raise ConfigurationError("on_alert must be a plain function: nobody would await its answer")
    return on_alert or _nobody


def _nobody(_: Alert) -> None:
    """It is in the log."""


def _times(session_ttl: timedelta, drain_timeout: timedelta, patience: timedelta) -> Times:
    if session_ttl < SHORTEST_TTL:
        raise ConfigurationError(f"session_ttl={session_ttl} is too short: 1 s at least")
    if min(drain_timeout, patience) < timedelta(0):
        raise ConfigurationError("drain_timeout and patience must not be negative")
    return Times(_ms(session_ttl), _ms(drain_timeout), patience_ms=_ms(patience))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
