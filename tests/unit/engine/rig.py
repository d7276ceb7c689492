"""Instances on one scripted store, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cronfleet import RunContext, every
from cronfleet.engine.announcing import Announcing
from cronfleet.engine.identity import Identity
from cronfleet.engine.instance import Instance
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.renewal import RenewalThread
from cronfleet.engine.times import Times
from cronfleet.events import Alert
from cronfleet.model import Instant, JobName, RunRecord, RunState, SessionId, StartId
from cronfleet.registry import known_job
from cronfleet.schedule import Schedule
from cronfleet.store import Granted, NewSession, Order, PendingClaim, Start, Triggered
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.scripted_store import ScriptedStore
from tests.virtual_time import VirtualClock, virtual_loop

TIMES = Times()
TTL_S = TIMES.ttl_ms / 1000
EACH_MINUTE = every(timedelta(minutes=1))
EACH_SECOND = every(timedelta(seconds=1))


class TimedRenewal(RenewalThread):
    """Renews by the event loop's timers, so that virtual time moves it too."""

    _timer: asyncio.Handle | None = None

    def hold(self, session: SessionId, sent_at: Instant) -> None:
        with self._lock:
            self._lease = self._lease_of(session, sent_at)
        self._renew_at = self._clock.boot_ms()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_soon(self._step)

    def hurry(self) -> None:
        super().hurry()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._wait_ms() / 1000, self._step)

    def _lease_of(self, session: SessionId, sent_at: Instant) -> Any:
        return type(self._lease)(session, self._deadline(sent_at))

    def _step(self) -> None:
        if self._clock.boot_ms() >= self._renew_at:
            self._renew()
        self._timer = self._loop.call_later(self._wait_ms() / 1000, self._step)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._drop_connection()


class Handlers:
    """Handlers that say when they are entered, and end when they are told to."""

    def __init__(self) -> None:
        self.entered: list[RunContext] = []
        self.ended: list[RunContext] = []
        self.cancelled: list[RunContext] = []
        self.gate = asyncio.Event()

    async def quick(self, run: RunContext) -> None:
        self.entered.append(run)

    async def gated(self, run: RunContext) -> None:
        """Ends when the gate opens."""
        self.entered.append(run)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(run)
            raise
        self.ended.append(run)

    async def stubborn(self, run: RunContext) -> None:
        """Takes no notice of being cancelled."""
        self.entered.append(run)
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.append(run)
        self.ended.append(run)

    @property
    def ticks(self) -> list[str]:
        return [run.run_id for run in self.entered]


def job(
    handler: Handler, name: JobName = "report", schedule: Schedule = EACH_MINUTE, **options: Any
) -> KnownJob:
    return known_job(handler, schedule, name, options)  # pyright: ignore[reportArgumentType] - a test names options that exist


@dataclass
class Rig:
    """One store with its clock, and the instances that work on it."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    store: ScriptedStore = field(init=False)
    handlers: Handlers = field(default_factory=Handlers)
    times: Times = TIMES
    alerts: list[Alert] = field(default_factory=list[Alert])
    announcing: Announcing = field(init=False)

    def __post_init__(self) -> None:
        self.store = ScriptedStore(self.clock)
        self.announcing = Announcing(self._alerted)

    def _alerted(self, alert: Alert) -> None:
        self.alerts.append(alert)

    def make(
        self, *jobs: KnownJob, program: str = "app", tzdata: str = "2026a", adopts: bool = False
    ) -> Instance:
        identity = Identity(program, "anna", tzdata, adopts)
        known = {each.definition.name: each for each in jobs}
        return Instance(
            self.store, self.clock, self.times, identity, known, announcing=self.announcing
        )

    @asynccontextmanager
    async def at_work(
        self, *jobs: KnownJob, program: str = "app", tzdata: str = "2026a", adopts: bool = False
    ) -> AsyncGenerator[Instance]:
        """An instance that has joined; it is stopped, and hurried, at the end."""
        instance = self.make(*jobs, program=program, tzdata=tzdata, adopts=adopts)
        working = asyncio.create_task(instance.run())
        joined = asyncio.create_task(instance.joined.wait())
        await asyncio.wait({working, joined}, return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()
        try:
            if not working.done():
                yield instance
        finally:
            instance.stop()
            instance.stop()
            await working

    # --- what to wait for

    async def next_due(self) -> None:
        """Let time pass until the job's next fire time."""
        await asyncio.sleep(self.to_next_minute_s)

    @property
    def to_next_minute_s(self) -> float:
        return (60_000 - self.clock.wall_ms() % 60_000) / 1000

    async def runs(self, name: JobName = "report") -> Sequence[RunRecord]:
        return await self.store.runs(name)

    async def run(self, name: JobName = "report") -> RunRecord:
        """The only run that the job has."""
        (run,) = await self.store.runs(name)
        return run

    async def until_run(
        self, state: RunState, name: JobName = "report", within_s: float = 200
    ) -> RunRecord:
        """Wait until the job's newest run is in that state."""
        loop = virtual_loop()
        ends = loop.time() + within_s
        runs: Sequence[RunRecord] = []
        while not runs or runs[0].state is not state:
            assert loop.time() < ends, f"no {state} run of {name} after {within_s} s, but {runs}"
            await asyncio.sleep(0.01)
            runs = await self.store.runs(name)
        return runs[0]

    async def until(self, condition: Callable[[], bool], within_s: float = 200) -> float:
        """Wait until it is so; answers how long that took."""
        loop = virtual_loop()
        began = loop.time()
        while not condition():
            assert loop.time() - began < within_s, f"not so after {within_s} s"
            await asyncio.sleep(0.01)
        return loop.time() - began

    # --- others on the store

    async def trigger(self, name: JobName = "report") -> None:
        await self.store.trigger(name, Order(f"{self.store.total}", "anna"))

    async def declare(self, job: KnownJob) -> SessionId:
        """Another instance that declares this job, and does nothing more."""
        session = await self.stranger()
        await self.store.sync_jobs(session, "app", [job.declaration(self.clock.wall_ms())])
        return session

    async def close_all(self) -> None:
        """What another instance does that saw them dead."""
        for each in await self.store.instances():
            await MemoryStore.leave(self.store, each.session)
        await MemoryStore.sweep(self.store)

    def fail_renewals(self) -> None:
        """From now on nobody who has joined can renew; all else is answered."""
        self.store.renewals_fail_for.update(self.store._records._sessions)

    async def stranger(self, ttl_ms: int = 10_000, program: str = "app") -> SessionId:
        """A session that nobody renews."""
        session = SessionId(f"{len(await self.store.instances()):032}")
        await self.store.join(NewSession(session, program, "stranger", ttl_ms, "2026a"))
        return session


async def leave_a_stray(rig: Rig, state: RunState, name: JobName = "report") -> None:
    """A run that the store says the only instance holds, which that knows nothing of."""
    (instance,) = await rig.store.instances()
    triggered = await MemoryStore.trigger(rig.store, name, Order("stray", "anna"))
    assert isinstance(triggered, Triggered)
    (answer,) = await MemoryStore.claim(rig.store, instance.session, [PendingClaim(triggered.run)])
    assert isinstance(answer, Granted)
    if state is RunState.STARTED:
        start = Start(triggered.run, answer.claim.token, StartId("f" * 32))
        assert await MemoryStore.start(rig.store, instance.session, [start]) == [True]
