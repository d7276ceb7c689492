"""A fleet in simulated time: a store in memory, a clock, and instances of one scheduler."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from cronfleet.clock import Clock
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.renewal import News, renews_by
from cronfleet.engine.threads import tell_of_thread
from cronfleet.engine.times import Times
from cronfleet.errors import SimulationError, UnknownJobError
from cronfleet.model import Instant
from cronfleet.registry import with_handler
from cronfleet.scheduler import Scheduler, Stage
from cronfleet.store import Store
from cronfleet.stores.steps.records import Records
from cronfleet.testing.simulation.history import KeepingStore
from cronfleet.testing.simulation.loop import Life, SimulatedLoop, life_of
from cronfleet.testing.simulation.renewing import RenewalTimer
from cronfleet.testing.simulation.stubs import stub

Result = TypeVar("Result")

RESTING_MS = 86_400_000
"""How often an instance looks after its session and looks for what it was not told of.

Nothing can come of that here: no session ends but by the hand of the test, no hint is lost.
"""

PRUNE_AT = 20
"""The store in memory is quick while there is little in it."""


class SimulatedClock:
    """The fleet's one clock."""

    def __init__(self, loop: SimulatedLoop, start: Instant) -> None:
        self._loop = loop
        self._start = start

    def wall_ms(self) -> int:
        return self._start + self._loop.now_ms

    def boot_ms(self) -> int:
        return self._loop.now_ms


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: how many instances, and what becomes of the handlers."""

    instances: int
    handlers: Mapping[str, Handler]
    stub_others: bool

    def check(self, stage: Stage) -> None:
        """Raises UnknownJobError unless there is a job or a handler for each that is to play."""
        known = {*stage.jobs, *stage.handlers.names}
        for name in self.handlers:
            if name not in known:
                raise UnknownJobError(name, sorted(known))

    def play(self, job: KnownJob, handler: str) -> KnownJob:
        """The job with the handler that it has here."""
        own = stub() if self.stub_others else job.handler
        played = self.handlers.get(job.definition.name) or self.handlers.get(handler)
        return with_handler(job, played or own)


class _AtWork(NamedTuple):
    scheduler: Scheduler
    life: Life


class World:
    """Everything that is simulated. It moves only inside `advance_to`, `do`, `start` and `stop`."""

    def __init__(self, scheduler: Scheduler, start: Instant, cast: Cast) -> None:
        stage = scheduler.stage
        cast.check(stage)
        self.loop: SimulatedLoop = SimulatedLoop()
        self.clock: SimulatedClock = SimulatedClock(self.loop, start)
        self.store: KeepingStore = KeepingStore(self.clock)
        times = replace(
            stage.times,
            ttl_ms=3 * RESTING_MS,
            poll_ms=RESTING_MS,
            prune_ms=RESTING_MS,
            prune_at=PRUNE_AT,
        )
        handlers = stage.handlers.copy(cast.play)
        self._stage = Stage(self.store, self.clock, times, stage.jobs, handlers, _label(1))
        self._scheduler = scheduler
        self._size = cast.instances
        self._at_work: dict[int, _AtWork] = {}
        self._renewals: dict[Life, RenewalTimer] = {}
        self._ttl_ms = stage.times.ttl_ms
        self._ending = ExitStack()

    def open(self) -> None:
        """Start all instances."""
        with ExitStack() as ending:
            ending.callback(self._close_loop)
            ending.enter_context(self._scheduler.staged(self._stage))
            ending.callback(self._stop_all)
            for number in range(1, self._size + 1):
                self.start(number)
            self._ending = ending.pop_all()

    def close(self) -> None:
        """Stop what is at work, and give the scheduler back as it was."""
        self._ending.close()

    # --- time

    @property
    def now(self) -> Instant:
        return self.clock.wall_ms()

    def advance_to(self, instant: Instant) -> None:
        if instant < self.now:
            raise SimulationError("simulated time cannot go back: the instant is over")
        self.loop.run_until(self.loop.now_ms + instant - self.now)

    def do(self, work: Coroutine[Any, Any, Result], life: Life | None = None) -> Result:
        """Time passes until it is done, if it must."""
        context = contextvars.copy_context()
        context.run(life_of.set, life)
        context.run(renews_by.set, self._new_renewal)
        context.run(tell_of_thread.set, self.loop.await_thread)
        return self.loop.run_work(work, context)

    def _new_renewal(
        self, store: Store, clock: Clock, times: Times, tell: Callable[[News], None]
    ) -> RenewalTimer:
        renewal = RenewalTimer(store, clock, times, tell)
        if (life := life_of.get()) is not None:
            self._renewals[life] = renewal
        return renewal

    # --- instances

    def start(self, number: int) -> None:
        self._check(number, is_at_work=False)
        scheduler = self._scheduler
        if number > 1:
            scheduler = scheduler.twin(replace(self._stage, label=_label(number)))
        life = object()
        self.do(scheduler.__aenter__(), life)
        self._at_work[number] = _AtWork(scheduler, life)

    def stop(self, number: int) -> None:
        self._check(number, is_at_work=True)
        ending = self._at_work.pop(number)
        self.do(ending.scheduler.__aexit__(None, None, None), ending.life)
        del self._renewals[ending.life]

    def kill(self, number: int) -> None:
        self._check(number, is_at_work=True)
        life = self._at_work.pop(number).life
        del self._renewals[life]
        self.loop.kill(life)
        self.store.step(lambda records: _let_expire(records, _label(number), self._ttl_ms))
        for renewal in self._renewals.values():
            renewal.renew_now()  # Whoever is left sees that it falls silent.
        self.advance_to(self.now)

    def _check(self, number: int, *, is_at_work: bool) -> None:
        if not 1 <= number <= self._size:
            raise SimulationError(
                f"there is no instance {number}: they count from 1 to {self._size}"
            )
        if (number in self._at_work) is not is_at_work:
            state = "not at work" if is_at_work else "at work already"
            raise SimulationError(f"instance {number} is {state}")

    def _stop_all(self) -> None:
        for number, at_work in list(self._at_work.items()):
            at_work.scheduler.hurry()
            self.stop(number)

    def _close_loop(self) -> None:
        self.loop.end_all()
        self.do(self.loop.shutdown_asyncgens())
        self.loop.close()


def _label(number: int) -> str:
    return f"instance-{number}"


def _let_expire(records: Records, label: str, ttl_ms: int) -> None:
    """Renew a session once more, for as long as an instance does in production."""
    for session in records.sessions():
        if session.label == label and session.ttl_ms > ttl_ms:
            records.put_session(
                replace(
                    session,
                    ttl_ms=ttl_ms,
                    expires_at=records.now + ttl_ms,
                    counter=session.counter + 1,
                )
            )


def instant(name: str, moment: datetime) -> Instant:
    """Raises SimulationError for one without a time zone."""
    if moment.utcoffset() is None:
        raise SimulationError(f"{name}={moment} has no time zone: give it one, as tzinfo=UTC")
    return round(moment.timestamp() * 1000)
