"""The scheduler: jobs are registered here, and here everything is put together."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TypeVar, Unpack

from cronfleet import verbs
from cronfleet.background import BackgroundLoop
from cronfleet.clock import SystemClock
from cronfleet.cron.zones import tzdata_version
from cronfleet.engine.instance import Instance
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.session import Identity
from cronfleet.engine.times import Times
from cronfleet.errors import CronfleetError, InvalidJobError, StoreUnavailableError
from cronfleet.info import (
    AuditInfo,
    GapInfo,
    Health,
    InstanceInfo,
    JobInfo,
    RunInfo,
    TriggeredRun,
)
from cronfleet.lock import Lock, Locks
from cronfleet.lock.acquiring import terms
from cronfleet.model import JobRecord
from cronfleet.registry import JobOptions, known_job
from cronfleet.schedule import Schedule
from cronfleet.signals import StopSignals
from cronfleet.store import Store, StoreInfo
from cronfleet.stores import open_store

log: logging.Logger = logging.getLogger(__name__)

AnyHandler = TypeVar("AnyHandler", bound=Handler)

PATIENCE = timedelta(seconds=60)
"""How long a store that is not up yet is waited for."""

MOST_JOBS_LISTED = 10_000


class Scheduler:
    """Jobs, and this process's share in running them.

    `store` is a URL (`sqlite:///path`, `redis://host:6379/0`, `memory:`) or a `Store`; without
    one it is CRONFLEET_STORE, or `cronfleet.db` in the current folder. `program` names the code
    base that declares the jobs (default: the name of the module that makes the scheduler),
    `fleet` all instances and jobs that share a name on the store (default: CRONFLEET_FLEET, or
    `default`).

    Raises ConfigurationError or MissingExtraError for a store that cannot be had.
    """

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        program: str | None = None,
        fleet: str | None = None,
        session_ttl: timedelta = timedelta(seconds=10),
        drain_timeout: timedelta = timedelta(seconds=25),
        patience: timedelta = PATIENCE,
    ) -> None:
        self._fleet = fleet or os.environ.get("CRONFLEET_FLEET") or "default"
        url = store or os.environ.get("CRONFLEET_STORE") or "sqlite:///cronfleet.db"
        self._program = program or _calling_program(inspect.currentframe())
        self._times = Times(ttl_ms=_ms(session_ttl), drain_ms=_ms(drain_timeout))
        self._store = (
            open_store(url, self._fleet, self._times.call_ms) if isinstance(url, str) else url
        )
        self._patience = patience
        self._clock = SystemClock()
        self._jobs: dict[str, KnownJob] = {}
        self._info: StoreInfo | None = None
        self._instance: Instance | None = None
        self._working: asyncio.Task[None] | None = None
        self._thread: BackgroundLoop | None = None
        self._locks = Locks(self._store, self._clock, self._opened, self._patiently)

    # --- registering

    def job(
        self, schedule: Schedule, name: str | None = None, **options: Unpack[JobOptions]
    ) -> Callable[[AnyHandler], AnyHandler]:
        """Register the decorated handler. The job is named after it unless told otherwise.

        Raises InvalidJobError for options that do not fit together, or a name used twice.
        """

        def register(handler: AnyHandler) -> AnyHandler:
            self.add_job(handler, schedule, name, **options)
            return handler

        return register

    def add_job(
        self,
        handler: Handler,
        schedule: Schedule,
        name: str | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        """Register a handler; see `job`. To be done before the scheduler starts."""
        job = known_job(handler, schedule, name, options)
        if job.definition.name in self._jobs:
            raise InvalidJobError(job.definition.name, "is registered already; give it name=...")
        if self._instance is not None:
            raise InvalidJobError(job.definition.name, "register it before the scheduler starts")
        self._jobs[job.definition.name] = job

    # --- working

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain; a second signal cancels the handlers."""
        with contextlib.suppress(asyncio.CancelledError):  # Told to stop before it had begun.
            asyncio.run(self._run_until_signal())

    async def __aenter__(self) -> Scheduler:
        """Start to work. Raises StoreError, ForeignJobError when it cannot."""
        await self._open()
        identity = Identity(self._program, _label(), tzdata_version())
        instance = Instance(self._store, self._clock, self._times, identity, dict(self._jobs))
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
        await asyncio.wait({self._working, waiting}, return_when=asyncio.FIRST_COMPLETED)
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
        self._thread = BackgroundLoop("cronfleet")
        try:
            self._thread.call(self.__aenter__())
        except BaseException:
            self._thread.end()
            self._thread = None
            raise

    def stop(self) -> None:
        """Drain what `start` began, and wait for that."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.call(self.__aexit__())
            finally:
                thread.end()

    async def aclose(self) -> None:
        """Give the store's connections back. For those who only look or order."""
        self._info = None
        await self._locks.aclose()
        await self._store.aclose()

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

    # --- ordering

    async def trigger(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> TriggeredRun:
        """Run a job now; while it is at its limit the run waits. A paused job runs, too.

        The same `key` within 24 h makes no second run. Raises UnknownJobError.
        """
        store = await self._opened()
        made = await verbs.trigger(store, name, verbs.order(key, who, why))
        self._wake()
        return TriggeredRun(str(made.run), made.state.value, made.paused)

    async def pause(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Make no more ticks of the job; its runs go on. Raises UnknownJobError."""
        await verbs.pause(await self._opened(), name, verbs.order(key, who, why))
        return await self.job_info(name)

    async def resume(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Make ticks again, from now on. Raises UnknownJobError."""
        await verbs.resume(await self._opened(), name, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    async def skip_next(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Settle the next tick without running it. Raises UnknownJobError."""
        await verbs.skip_next(await self._opened(), name, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    # --- looking

    async def job_info(self, name: str) -> JobInfo:
        """One job. Raises UnknownJobError."""
        store = await self._opened()
        return await self._told(store, await verbs.job_named(store, name))

    async def jobs(self) -> list[JobInfo]:
        """All jobs by name, whoever declares them; 10,000 at the most."""
        store = await self._opened()
        found: list[JobRecord] = []
        while page := await store.jobs(after=found[-1].name if found else ""):
            found += page
            if len(found) >= MOST_JOBS_LISTED:
                break
        return [await self._told(store, job) for job in found]

    async def runs(self, name: str, limit: int = 50, skip: int = 0) -> list[RunInfo]:
        """A job's runs, the newest first. Raises UnknownJobError."""
        store = await self._opened()
        await verbs.job_named(store, name)
        return [RunInfo.of(run) for run in await store.runs(name, limit, skip)]

    async def gaps(self, name: str, limit: int = 50, skip: int = 0) -> list[GapInfo]:
        """A job's gaps, the newest first. Raises UnknownJobError."""
        store = await self._opened()
        await verbs.job_named(store, name)
        return [GapInfo.of(gap) for gap in await store.gaps(name, limit, skip)]

    async def instances(self) -> list[InstanceInfo]:
        """The instances at work."""
        return [InstanceInfo.of(each) for each in await (await self._opened()).instances()]

    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditInfo]:
        """What operators did, the newest first."""
        return [AuditInfo.of(each) for each in await (await self._opened()).audit(limit, skip)]

    async def note(self, name: str, value: str) -> str:
        """Set a named value in the store once; answers the value that stands."""
        return await (await self._opened()).note(name, value)

    async def health(self) -> Health:
        """Whether the store answers and this instance makes claims."""
        trouble = self._instance.trouble if self._instance else "this is no instance at work"
        info = self._info
        return Health(
            store=self._store.name,
            store_id=info.id if info else "",
            epoch=info.epoch if info else 0,
            ready=not trouble,
            detail=trouble,
        )

    # --- inside

    async def _told(self, store: Store, job: JobRecord) -> JobInfo:
        return JobInfo.of(job, await store.definition(job.digest))

    def _wake(self) -> None:
        if self._instance is not None:
            self._instance.wake()

    async def _opened(self) -> Store:
        if self._info is None:
            await self._open()
        return self._store

    async def _open(self) -> None:
        self._info = await self._patiently(self._store)

    async def _patiently(self, store: Store) -> StoreInfo:
        """Open a store; one that is not up yet is waited for."""
        until = self._clock.boot_ms() + _ms(self._patience)
        waits = False
        while True:
            try:
                return await store.open()
            except StoreUnavailableError as error:
                if self._clock.boot_ms() >= until:
                    raise
                if not waits:
                    log.warning("waiting up to %d s: %s", self._patience.total_seconds(), error)
                waits = True
                await asyncio.sleep(0.5)


def _tell_if_failed(working: asyncio.Task[None]) -> None:
    """At once: the block that it works in may last long."""
    if not working.cancelled() and (error := working.exception()):
        log.error("this instance has ended, it claims nothing any more: %r", error)


def _label() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _calling_program(here: FrameType | None) -> str:
    """The module that makes the scheduler, whatever starts it: `python`, `cronfleet run`, a server.

    For the main module its own name; for a script its file name without `.py`.
    """
    caller = here.f_back if here else None
    module = str(caller.f_globals.get("__name__")) if caller else "__main__"
    if module != "__main__":
        return module
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "python"


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
