"""The scheduler: jobs are registered here, and here everything is put together."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import logging
import os
import threading
from collections.abc import Callable, Collection, Coroutine, Generator, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, Literal, TypeVar

from cronfleet.calling import calling_program, instance_label
from cronfleet.clock import Clock
from cronfleet.cron.zones import tzdata_version
from cronfleet.definer import Definer
from cronfleet.ending import stops_when_the_program_ends
from cronfleet.engine.identity import Identity
from cronfleet.engine.instance import Instance
from cronfleet.engine.isolated.address import check_address
from cronfleet.engine.isolated.inside import is_spawned, refuse_to_work
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.times import Times, times_of
from cronfleet.errors import ConfigurationError, CronfleetError
from cronfleet.events import Alert, alert_by
from cronfleet.forks import leave_to_the_parent
from cronfleet.handlers import Handlers
from cronfleet.lock import Lock, Locks
from cronfleet.lock.acquiring import terms
from cronfleet.loops import LoopThread, run_to_its_end
from cronfleet.opening import open_once
from cronfleet.signals import StopSignals
from cronfleet.store import Store, StoreInfo
from cronfleet.stores import open_store

log: logging.Logger = logging.getLogger(__name__)

AnyHandler = TypeVar("AnyHandler", bound=Handler)
Told = TypeVar("Told")

PATIENCE = timedelta(seconds=60)
"""How long a store that is not up yet is waited for."""


default_store: ContextVar[str | None] = ContextVar("default_store", default=None)
"""Where schedulers that name no store find it before CRONFLEET_STORE: for what imports them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scheduler works with. `cronfleet.testing` gives it another one, in simulated time."""

    store: Store
    clock: Clock
    times: Times
    jobs: Mapping[str, KnownJob]
    handlers: Handlers
    label: str
    """What people call the instance."""


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
        self._times = times_of(session_ttl, drain_timeout, patience)
        if isinstance(url, str):
            url = open_store(url, self._fleet, self._times.call_ms)
        super().__init__(url, patience, program)
        self._adopts = on_store_reset == "continue"
        self._only = None if only is None else _names(only)
        self._announcing.on_alert = alert_by(on_alert)
        self._instance: Instance | None = None
        self._working: asyncio.Task[None] | None = None
        self._thread: LoopThread | None = None
        self._label = ""
        self._gate = threading.Lock()
        self._was_forked_at_work = False
        self._locks = self._new_locks()

    def begin_anew(self) -> None:
        """In a process that was forked: the instance is in the other one."""
        leave_to_the_parent(self._instance, self._working, self._thread)
        self._was_forked_at_work |= self._instance is not None
        self._instance = self._working = self._thread = None
        self._gate = threading.Lock()
        super().begin_anew()

    @property
    def session_ttl(self) -> timedelta:
        """How long an instance that falls silent keeps its runs, if it is set as this one."""
        return timedelta(milliseconds=self._times.ttl_ms)

    # --- working

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then drain; a second signal cancels the handlers."""
        refuse_to_work()
        with contextlib.suppress(asyncio.CancelledError):  # Told to stop before it had begun.
            run_to_its_end(self._run_until_signal())

    async def __aenter__(self) -> Scheduler:
        """Start to work. Raises InvalidJobError, StoreError, ForeignJobError when it cannot."""
        refuse_to_work()
        self._check_addresses()
        await self._open()
        await self._say_promise()
        label = self._label or instance_label()
        identity = Identity(self._program, label, tzdata_version(), self._adopts)
        declared = {name: self._handlers.played(job) for name, job in self._jobs.items()}
        jobs = Repertoire(declared, self._handlers, self._only)
        instance = Instance(
            self._store, self._clock, self._times, identity, jobs, announcing=self._announcing
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
                await self._until_stored(self._times.drain_ms / 1000)
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

    def _check_addresses(self) -> None:
        """By now all is imported, so what another process would find can be told."""
        for job in map(self._handlers.played, chain(self._jobs.values(), self._handlers)):
            if job.isolated is not None:
                check_address(job.isolated.address, job.handler, job.definition.name)

    async def _run_until_signal(self) -> None:
        signals = StopSignals(self.hurry)
        async with self:
            signals.has_joined()
            await self.work_until(signals.stop)

    def start(self) -> None:
        """Work in a thread of its own, for programs that are not asynchronous.

        Returns when this instance has joined; raises as `async with` does. A program that ends
        stops it first. A process that is forked later has no part in it: it works when `start`
        is called there. In a process that was spawned for one run it does nothing.
        """
        if is_spawned():
            return
        with self._making_thread(waits=False):
            if self._instance is not None:
                raise CronfleetError("the scheduler is started already; stop it first")
            thread = self._thread or LoopThread("cronfleet")
            try:
                thread.call(self.__aenter__())
            except BaseException:
                self._thread = None
                thread.close()
                raise
            self._thread = thread
        stops_when_the_program_ends(self)

    def call(self, verb: Coroutine[Any, Any, Told]) -> Told:
        """Wait for one of its coroutines, in a program or handler that is not asynchronous.

        As in `scheduler.call(scheduler.trigger("report"))`. Without `start` the store stays open
        in a thread until `stop`, or the program's end. Raises CronfleetError in coroutines.
        """
        _refuse_in_coroutines(verb)
        if self._thread is None and self.home is not None:
            return run_to_its_end(verb)  # It finds its way to where the store is open.
        with self._making_thread(waits=True):
            thread = self._thread = self._thread or LoopThread("cronfleet")
        stops_when_the_program_ends(self)
        return thread.call(verb)

    @contextlib.contextmanager
    def _making_thread(self, *, waits: bool) -> Generator[None]:
        gate = self._gate
        if not gate.acquire(blocking=waits):
            raise CronfleetError("the scheduler is being started by another thread")
        try:
            yield
        finally:
            gate.release()

    def stop(self) -> None:
        """Drain what `start` began, give back what `call` opened, and wait for that.

        Raises CronfleetError in its own coroutines.
        """
        thread = self._thread
        if thread is None:
            return
        thread.refuse_own()
        self._thread = None
        try:
            thread.call(self.__aexit__())
        finally:
            thread.close()

    async def aclose(self) -> None:
        """Give the store's connections back. For those who only look, order or lock.

        Raises CronfleetError at work: the end of that gives them back.
        """
        if self._instance is not None:
            raise CronfleetError("the scheduler is at work: leave its block, or call `stop()`")
        await super().aclose()

    async def _close(self) -> None:
        await self._locks.aclose()
        await super()._close()

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

    def _new_locks(self) -> Locks:
        return Locks(self._store, self._clock, self._opened_at_once, open_once, lambda: self.home)

    # --- for simulated time

    @property
    def stage(self) -> Stage:
        """What it works with."""
        return Stage(self._store, self._clock, self._times, self._jobs, self._handlers, self._label)

    @contextlib.contextmanager
    def staged(self, stage: Stage) -> Generator[None]:
        """Work with something else until the block ends; all that is done to it ends with it."""
        if self._instance is not None or self.home is not None:
            raise CronfleetError("the scheduler is at work, or its store is open: close it first")
        before = dict(vars(self))
        self._enter(stage)
        try:
            yield
        finally:
            vars(self).update(before)

    def twin(self, stage: Stage) -> Scheduler:
        """Another instance of the same program."""
        twin = copy.copy(self)
        twin._enter(stage)  # noqa: SLF001 - of the same class
        return twin

    def _enter(self, stage: Stage) -> None:
        self._turn_to(stage.store, stage.clock)
        self._times, self._jobs, self._label = stage.times, dict(stage.jobs), stage.label
        self._handlers, self._storing = stage.handlers.copy(), set()
        self._instance = self._working = self._thread = None
        self._locks = self._new_locks()

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
        if self._instance is not None:
            return self._instance.trouble
        if self._was_forked_at_work:
            return (
                "this process was forked from an instance at work, and is none itself: "
                "it has no session and runs no jobs, unless start() is called in it"
            )
        return super()._trouble()

    def _backlog(self) -> str:
        return self._instance.backlog if self._instance is not None else ""

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


def _refuse_in_coroutines(verb: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        verb.close()
        raise CronfleetError("in a coroutine, await it rather than call() it, which would block")
