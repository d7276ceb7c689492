"""What can be seen of a fleet, by whoever opens its store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from cronfleet import doctor, verbs
from cronfleet.clock import Clock
from cronfleet.cron.zones import tzdata_version
from cronfleet.definition import as_stored
from cronfleet.engine.announcing import Announcing
from cronfleet.errors import StoreError
from cronfleet.events import Listener
from cronfleet.exporting import exported
from cronfleet.info import (
    AuditInfo,
    GapInfo,
    Health,
    InstanceInfo,
    JobInfo,
    JobMark,
    Latest,
    RunInfo,
    moment,
)
from cronfleet.opening import Opener, in_its_loop
from cronfleet.planning import plan_of
from cronfleet.promise import Promise
from cronfleet.run_log import RunLog, place_of
from cronfleet.schedule import Upcoming
from cronfleet.store import Store, StoreInfo
from cronfleet.why.explanation import Explanation

log: logging.Logger = logging.getLogger(__name__)

MOST_JOBS_LISTED = 10_000
_LOOKS_AT_A_TIME = 4
"""How many jobs are looked at together: the connections are the instance's, too."""

_ASKED_EACH_MS = 1_000


class Observer(Opener):
    """All that looks at one store."""

    _fleet = ""

    def __init__(self, store: Store, patience: timedelta, program: str) -> None:
        super().__init__(store, patience)
        self._program = program
        self._promise: Promise | None = None
        self._announcing = Announcing()
        self._only_looks = False
        self._asked_at = -_ASKED_EACH_MS
        self._silent_for = ""

    def listen(self, listener: Listener) -> None:
        """Call it with each event of this instance; see `cronfleet.events` for what there is.

        It is called in the event loop in which the instance works, and must not hold that up.
        What it raises is logged, and harms nobody. Listeners are called in the order in which they
        were added, and stay when the instance stops. Raises ConfigurationError for a coroutine
        function.
        """
        self._announcing.add(listener)

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncGenerator[None]:
        """Keep the store open for a process that shows it, and is no instance.

        Its `health` is ready while the store answers. Raises StoreError.
        """
        await self._open()
        self._only_looks = True
        try:
            yield
        finally:
            self._only_looks = False
            await self.aclose()

    @property
    def registered(self) -> list[str]:
        """The names of the jobs that this process declares, in the order of their registration."""
        return list(self._registered())

    def begin_anew(self) -> None:
        """In a process that was forked: the store is open in the other one."""
        super().begin_anew()
        self._promise = None

    def _turn_to(self, store: Store, clock: Clock) -> None:
        super()._turn_to(store, clock)
        self._promise = None

    @property
    def program(self) -> str:
        """What the code base is called that declares its jobs."""
        return self._program

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

    @in_its_loop
    async def job_info(self, name: str) -> JobInfo:
        """One job. Raises UnknownJobError."""
        store = await self._opened()
        job = await verbs.job_named(store, name)
        return JobInfo.of(job, await store.definition(job.digest))

    @in_its_loop
    async def jobs(
        self, *, removed: bool = False, after: str = "", limit: int = MOST_JOBS_LISTED
    ) -> list[JobInfo]:
        """The jobs by name, those above `after`, whoever declares them; 10,000 at the most.

        With `removed` those that were removed, and no others.
        """
        store = await self._opened()
        limit = min(limit, MOST_JOBS_LISTED)
        found: list[JobInfo] = []
        while len(found) < limit and (page := await store.jobs(after=after)):
            wanted = [job for job in page if job.removed == removed][: limit - len(found)]
            found += map(JobInfo.of, wanted, await store.definitions([w.digest for w in wanted]))
            after = page[-1].name
        return found

    @in_its_loop
    async def job_marks(self) -> list[JobMark]:
        """Of all jobs by name, what tells whether anything has changed; 10,000 at the most."""
        store = await self._opened()
        found: list[JobMark] = []
        while len(found) < MOST_JOBS_LISTED and (
            page := await store.jobs(after=found[-1].name if found else "")
        ):
            found += map(JobMark.of, page)
        return found

    @in_its_loop
    async def definition(self, name: str) -> Mapping[str, Any]:
        """A job's definition in force as it is stored. Raises UnknownJobError, StoreError."""
        store = await self._opened()
        job = await verbs.job_named(store, name)
        return as_stored((await plan_of(store, job)).definition)

    @in_its_loop
    async def upcoming(self, name: str, n: int = 10) -> list[Upcoming]:
        """The fire times that a job has before it, and what clock changes do to them.

        Of a paused job those that it had if it were resumed now. Raises UnknownJobError.
        """
        store = await self._opened()
        job = await verbs.job_named(store, name)
        if job.expected is None:
            return []
        plan = await plan_of(store, job)
        if job.paused:
            after = (await store.peek(job.program, limit=1)).now
        else:
            after = job.expected.fire_time - 1
        return plan.schedule.upcoming(n, after=moment(after))

    @in_its_loop
    async def run_info(self, run: str) -> RunInfo:
        """A run by its id. Raises UnknownRunError."""
        return RunInfo.of(await verbs.run_named(await self._opened(), run))

    @in_its_loop
    async def run_log(self, run: str, after: int = 0) -> RunLog:
        """What its handler logged, past where an earlier answer ended. Raises UnknownRunError."""
        store = await self._opened()
        found = await verbs.run_named(store, run)
        return RunLog.of(run, await store.run_log(found.id, place_of(after)), after)

    @in_its_loop
    async def runs(self, name: str, limit: int = 50, skip: int = 0) -> list[RunInfo]:
        """A job's runs, the newest first. Raises UnknownJobError."""
        store = await self._opened()
        await verbs.job_named(store, name)
        return [RunInfo.of(run) for run in await store.runs(name, limit, skip)]

    @in_its_loop
    async def latest(self, names: Iterable[str], limit: int) -> dict[str, Latest]:
        """Of each of these jobs the last runs and gaps, `limit` of each."""
        store, turns = await self._opened(), asyncio.Semaphore(_LOOKS_AT_A_TIME)

        async def look(name: str) -> Latest:
            async with turns:
                runs, gaps = await store.runs(name, limit), await store.gaps(name, limit)
            return Latest([*map(RunInfo.of, runs)], [*map(GapInfo.of, gaps)])

        wanted = list(names)
        return dict(zip(wanted, await asyncio.gather(*map(look, wanted)), strict=True))

    @in_its_loop
    async def gaps(self, name: str, limit: int = 50, skip: int = 0) -> list[GapInfo]:
        """A job's gaps, the newest first. Raises UnknownJobError."""
        store = await self._opened()
        await verbs.job_named(store, name)
        return [GapInfo.of(gap) for gap in await store.gaps(name, limit, skip)]

    @in_its_loop
    async def why(self, name: str, at: datetime) -> Explanation:
        """What became of a job's tick, and why. Raises UnknownJobError, InvalidScheduleError.

        A time without a zone is what clocks show in the zone of the job's schedule; one without
        seconds stands for its whole minute.
        """
        from cronfleet.why.explaining import explain  # An instance that works needs it seldom.

        store = await self._opened()
        return await explain(store, await verbs.job_named(store, name), at)

    @in_its_loop
    async def instances(self) -> list[InstanceInfo]:
        """The instances at work, and those that fell silent and that no other has closed yet."""
        store = await self._opened()
        now = (await store.peek(self._program, limit=1)).now  # First: who renews is not silent.
        return [InstanceInfo.of(each, now) for each in await store.instances()]

    @in_its_loop
    async def store_time(self) -> datetime:
        """The time by the store's clock, which decides what is due."""
        return moment((await (await self._opened()).peek(self._program, limit=1)).now)

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

    @in_its_loop
    async def health(self) -> Health:
        """Whether the store answers and this instance makes claims; see `looking` for no instance."""
        trouble = await self._silence() if self._only_looks else self._trouble()
        info = self._store_info()
        return Health(
            store=self._store.name,
            store_id=info.id if info else "",
            epoch=info.epoch if info else 0,
            ready=not trouble,
            detail=trouble,
            promise=self._promise,
            backlog=self._backlog(),
            only_looks=self._only_looks,
        )

    async def _silence(self) -> str:
        """Why the store does not answer; empty if it does. However many ask, it is seldom asked."""
        now = self._clock.boot_ms()
        if now - self._asked_at >= _ASKED_EACH_MS:
            self._asked_at = now
            self._heard(await self._why_silent())
        return self._silent_for

    def _heard(self, trouble: str) -> None:
        """Said once when it falls silent, and once when it is back."""
        before, self._silent_for = self._silent_for, trouble
        if trouble and not before:
            log.warning("waiting for the store: %s", trouble)
        elif before and not trouble:
            log.warning("the store is back")

    async def _why_silent(self) -> str:
        try:
            await self._store.instances()
        except StoreError as error:
            return str(error)
        return ""

    async def _say_promise(self) -> None:
        try:
            first, *downgrades = (await self.promise()).lines
        except StoreError as error:
            log.warning("what the store can promise is not known: %s", error)
            return
        log.info("promise: %s", first)
        for each in downgrades:
            log.warning("weaker than it could be: %s", each)
