"""What can be ordered of a fleet and seen of it, by whoever opens its store."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from cronfleet import doctor, verbs
from cronfleet.adopting import adopt
from cronfleet.backfilling import Span, bounds, span_of
from cronfleet.checking import Check
from cronfleet.clock import Clock, SystemClock
from cronfleet.cron.zones import tzdata_version
from cronfleet.errors import StoreError, StoreUnavailableError
from cronfleet.exporting import exported
from cronfleet.forks import begins_anew_when_forked, leave_to_the_parent
from cronfleet.info import (
    Adoption,
    AuditInfo,
    BackfillInfo,
    FaultInfo,
    GapInfo,
    Health,
    InstanceInfo,
    JobInfo,
    RunInfo,
    TriggeredRun,
    moment,
)
from cronfleet.loops import refuse_halted, run_in
from cronfleet.model import JobRecord
from cronfleet.promise import Promise
from cronfleet.store import Store, StoreInfo

log: logging.Logger = logging.getLogger(__name__)

MOST_JOBS_LISTED = 10_000

Given = ParamSpec("Given")
Told = TypeVar("Told")
Asked = TypeVar("Asked", bound="Operator")


def in_its_loop(
    verb: Callable[Concatenate[Asked, Given], Coroutine[Any, Any, Told]],
) -> Callable[Concatenate[Asked, Given], Coroutine[Any, Any, Told]]:
    """Let a verb run in the event loop in which the store is open, whatever loop asks for it."""

    @functools.wraps(verb)
    async def ask(operator: Asked, *given: Given.args, **named: Given.kwargs) -> Told:
        home = operator.home
        if home is None or home is asyncio.get_running_loop():
            return await verb(operator, *given, **named)
        refuse_halted(home)
        return await run_in(home, verb(operator, *given, **named))

    return ask


class Operator:
    """The verbs on one store. It opens the store when it is first needed."""

    _fleet = ""

    def __init__(self, store: Store, patience: timedelta, program: str) -> None:
        self._store = store
        self._patience = patience
        self._program = program
        self._clock: Clock = SystemClock()
        self._info: StoreInfo | None = None
        self._promise: Promise | None = None
        self.home: asyncio.AbstractEventLoop | None = None
        """The event loop in which the store is open."""
        begins_anew_when_forked(self)

    def begin_anew(self) -> None:
        """In a process that was forked: the store is open in the other one."""
        leave_to_the_parent(self._store, self.home)
        self._store = self._store.another()
        self._info = self._promise = self.home = None

    def _turn_to(self, store: Store, clock: Clock) -> None:
        """Work with another store, which is not open yet."""
        self._store, self._clock = store, clock
        self._info = self._promise = self.home = None

    async def aclose(self) -> None:
        """Give the store's connections back. For those who only look or order."""
        home = self.home
        if home is None or home is asyncio.get_running_loop() or not home.is_running():
            await self._close()
        else:
            await run_in(home, self._close())

    async def _close(self) -> None:
        self._info = self.home = None
        await self._store.aclose()

    def _wake(self) -> None:
        """There may be something to claim."""

    def _trouble(self) -> str:
        """Why this instance makes no claims."""
        return "this is no instance at work"

    def _backlog(self) -> str:
        """What has been due for too long, as this instance sees it."""
        return ""

    def _store_info(self) -> StoreInfo | None:
        """What the store said of itself last."""
        return self._info

    def _registered(self) -> Iterable[str]:
        """The names of the jobs that this process knows."""
        return ()

    # --- ordering

    @in_its_loop
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

    @in_its_loop
    async def pause(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Make no more ticks of the job; its runs go on. Raises UnknownJobError."""
        await verbs.pause(await self._opened(), name, verbs.order(key, who, why))
        return await self.job_info(name)

    @in_its_loop
    async def resume(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Make ticks again, from now on. Raises UnknownJobError."""
        await verbs.resume(await self._opened(), name, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    @in_its_loop
    async def skip_next(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Settle the next tick without running it. Raises UnknownJobError."""
        await verbs.skip_next(await self._opened(), name, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    @in_its_loop
    async def backfill(  # noqa: PLR0913 - each is an option with a default
        self,
        name: str,
        first: datetime,
        last: datetime,
        *,
        dry_run: bool = False,
        again: bool = False,
        key: str | None = None,
        who: str = "",
        why: str = "",
    ) -> BackfillInfo:
        """Run the fire times first <= t <= last by hand, 1,000 at the most, as far as they have not.

        Only those that have passed and will not become ticks any more. With `again`, also those
        that have run; `dry_run` only tells what would be made. The runs go one after the other
        where the job has a limit. Raises UnknownJobError, InvalidBackfillError.
        """
        store = await self._opened()
        job = await verbs.live_job(store, name)
        span = await span_of(store, job, *bounds(name, first, last), again=again)
        if dry_run:
            return _told_of(job, span, made=len(span.wanted), dry_run=True)
        order = verbs.order(key, who, why)
        done = await verbs.backfill(store, name, span, order, again=again)
        self._wake()
        return _told_of(job, span, made=done.made, dry_run=False)

    @in_its_loop
    async def cancel(
        self, run: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> RunInfo:
        """Cancel a run by its id; answers how it stands then. Raises UnknownRunError.

        What nobody has started is cancelled at once. The handler of a started run is cancelled by
        its instance, and makes no further attempt. One that has ended stays as it is.
        """
        stands = await verbs.cancel(await self._opened(), run, verbs.order(key, who, why))
        self._wake()
        return RunInfo.of(stands)

    # --- looking

    @in_its_loop
    async def job_info(self, name: str) -> JobInfo:
        """One job. Raises UnknownJobError."""
        store = await self._opened()
        job = await verbs.job_named(store, name)
        return JobInfo.of(job, await store.definition(job.digest))

    @in_its_loop
    async def jobs(self, *, removed: bool = False) -> list[JobInfo]:
        """All jobs by name, whoever declares them; 10,000 at the most.

        With `removed` those that were removed, and no others.
        """
        store = await self._opened()
        found: list[JobInfo] = []
        after = ""
        while len(found) < MOST_JOBS_LISTED and (page := await store.jobs(after=after)):
            wanted = [job for job in page if job.removed == removed]
            found += map(JobInfo.of, wanted, await store.definitions([w.digest for w in wanted]))
            after = page[-1].name
        return found[:MOST_JOBS_LISTED]

    @in_its_loop
    async def runs(self, name: str, limit: int = 50, skip: int = 0) -> list[RunInfo]:
        """A job's runs, the newest first. Raises UnknownJobError."""
        store = await self._opened()
        await verbs.job_named(store, name)
        return [RunInfo.of(run) for run in await store.runs(name, limit, skip)]

    @in_its_loop
    async def gaps(self, name: str, limit: int = 50, skip: int = 0) -> list[GapInfo]:
        """A job's gaps, the newest first. Raises UnknownJobError."""
        store = await self._opened()
        await verbs.job_named(store, name)
        return [GapInfo.of(gap) for gap in await store.gaps(name, limit, skip)]

    @in_its_loop
    async def instances(self) -> list[InstanceInfo]:
        """The instances at work."""
        return [InstanceInfo.of(each) for each in await (await self._opened()).instances()]

    @in_its_loop
    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditInfo]:
        """What operators did, the newest first."""
        return [AuditInfo.of(each) for each in await (await self._opened()).audit(limit, skip)]

    @in_its_loop
    async def export(self, write: Callable[[str], object]) -> None:
        """Write all that the store knows of what happened, line by line; see docs/verify.md."""
        async for line in exported(await self._opened(), self._fleet):
            write(f"{line}\n")

    @in_its_loop
    async def note(self, name: str, value: str) -> str:
        """Set a named value in the store once; answers the value that stands."""
        return await (await self._opened()).note(name, value)

    @in_its_loop
    async def promise(self) -> Promise:
        """What the store can promise as it is configured now; it is asked."""
        self._promise = await (await self._opened()).promise()
        return self._promise

    @in_its_loop
    async def examine(self, jobs: Iterable[str] = ()) -> list[doctor.Finding]:
        """Look for what is wrong: the store, its clock, the fleet, and whose jobs these are.

        `jobs` are names to look at beside those registered. Changes nothing; what fails is a
        finding, not an error.
        """
        part = doctor.Part(self._program, {*self._registered(), *jobs}, tzdata_version())
        return await doctor.examine(self._store, self._clock, part)

    # --- caring for what is stored

    @in_its_loop
    async def store_adopt(
        self, *, store_id: str | None = None, who: str = "", why: str = ""
    ) -> Adoption:
        """Go on with a store that was emptied, restored or replaced; only with `store_id` if said.

        What it expects up to now is settled without runs, and runs that nobody has started are
        cancelled: they may have run already. Instances that had stopped go on. Raises StoreError.
        """
        store = await self._opened()
        id_seen = store_id or (await store.open()).id
        done = await adopt(store, id_seen, verbs.order(None, who, why))
        return Adoption(done.info.id, done.info.epoch, done.jobs_settled, done.runs_cancelled)

    @in_its_loop
    async def store_check(
        self,
        *,
        repair: bool = False,
        who: str = "",
        why: str = "",
        told: Callable[[int], None] | None = None,
    ) -> list[FaultInfo]:
        """Look for what is wrong with what is stored; with `repair`, mend what can be mended.

        One atomic step a job, while the fleet works on. `told` hears how many jobs were looked
        at. Raises StoreError.
        """
        order = verbs.order(None, who, why) if repair else None
        found = await Check(await self._opened(), self._clock, order).faults(told)
        return [FaultInfo(f.kind, f.where, f.what, f.repair, f.mended) for f in found]

    @in_its_loop
    async def health(self) -> Health:
        """Whether the store answers and this instance makes claims."""
        trouble, info = self._trouble(), self._store_info()
        return Health(
            store=self._store.name,
            store_id=info.id if info else "",
            epoch=info.epoch if info else 0,
            ready=not trouble,
            detail=trouble,
            promise=self._promise,
            backlog=self._backlog(),
        )

    # --- inside

    async def _say_promise(self) -> None:
        try:
            first, *downgrades = (await self.promise()).lines
        except StoreError as error:
            log.warning("what the store can promise is not known: %s", error)
            return
        log.info("promise: %s", first)
        for each in downgrades:
            log.warning("weaker than it could be: %s", each)

    async def _opened(self) -> Store:
        if self._info is None:
            await self._open()
        return self._store

    async def _opened_at_once(self) -> Store:
        """As `_opened`, without patience."""
        if self._info is None:
            await self._open(open_once)
        return self._store

    async def _open(self, open_: Callable[[Store], Awaitable[StoreInfo]] | None = None) -> None:
        self.home = asyncio.get_running_loop()  # From now on: other loops are to keep away.
        try:
            self._info = await (open_ or self._patiently)(self._store)
        finally:
            if self._info is None:
                self.home = None

    async def _patiently(self, store: Store) -> StoreInfo:
        """Open a store; one that is not up yet is waited for."""
        until = self._clock.boot_ms() + self._patience / timedelta(milliseconds=1)
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


def _told_of(job: JobRecord, span: Span, *, made: int, dry_run: bool) -> BackfillInfo:
    times = span.fire_times
    return BackfillInfo(
        job=job.name,
        fire_times=len(times),
        first=moment(times[0]) if times else None,
        last=moment(times[-1]) if times else None,
        made=made,
        had_run=len(times) - made,
        unrecorded=span.unrecorded,
        dry_run=dry_run,
        paused=job.paused,
    )


async def open_once(store: Store) -> StoreInfo:
    """Without patience."""
    return await store.open()
