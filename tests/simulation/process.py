"""An instance as a process: started, frozen, blocked, killed; the production scheduler is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from random import Random

from cronfleet.chance import drawn_from
from cronfleet.engine.renewal import renews_by
from cronfleet.engine.threads import threads_by
from cronfleet.errors import CronfleetError
from cronfleet.scheduler import Scheduler
from cronfleet.store import Store
from cronfleet.testing.simulation.loop import life_of
from tests.simulation.case import Fleet, Job
from tests.simulation.clocks import ProcessClock
from tests.simulation.effects import Effects
from tests.simulation.fibres import RenewalFibre, begin_fibre, threads_of
from tests.simulation.handlers import Broken, handler_of
from tests.simulation.links import Link
from tests.simulation.loop import FaultyLoop
from tests.simulation.network import Network
from tests.simulation.registering import register, span
from tests.simulation.remote import remote

PROGRAM = "simulated"


@dataclass(frozen=True, slots=True)
class Site:
    """What all processes share."""

    fleet: Fleet
    loop: FaultyLoop
    network: Network
    effects: Effects
    broken: Broken


class Process:
    """One life of an instance."""

    def __init__(self, site: Site, link: Link, store: Store, rate: float, chance: Random) -> None:
        self._site = site
        self._chance = chance
        self.link = link
        self.clock = ProcessClock(site.loop, rate, chance)
        self.life = site.loop.new_life(rate)
        self.threads = site.loop.new_life(rate)
        self.threads.in_loop = self.life
        self._store = remote(store, site.network, link)
        self._stopping = asyncio.Event()
        self._scheduler = Scheduler(
            self._store,
            program=PROGRAM,
            session_ttl=span(site.fleet.ttl),
            drain_timeout=span(site.fleet.drain),
        )
        self.ttl_ms: int = site.fleet.ttl
        self._went_on_ms: int | None = None

    def start(self, jobs: Sequence[Job]) -> asyncio.Task[None]:
        """Work until it is told to stop; answers the task, which nobody cancels."""
        site, fleet = self._site, self._site.fleet
        register(
            self._scheduler, jobs, lambda job: handler_of(job, self, site.effects, site.broken)
        )
        stage = self._scheduler.stage
        times = replace(stage.times, poll_ms=fleet.poll, loop_alarm_ms=fleet.alarm)
        self._scheduler = self._scheduler.twin(
            replace(stage, clock=self.clock, times=times, label=self.who)
        )
        self.working = site.loop.create_task(self._live(), context=self._context())
        return self.working

    async def _live(self) -> None:
        async with self._scheduler:
            await self._scheduler.work_until(self._stopping)

    def _context(self) -> Context:
        context = Context()
        context.run(life_of.set, self.life)
        context.run(threads_of.set, self.threads)
        context.run(drawn_from.set, self._chance)
        context.run(renews_by.set, RenewalFibre)
        context.run(threads_by.set, begin_fibre)
        return context

    # --- what befalls it

    def stop(self) -> None:
        """As SIGTERM does: it drains."""
        self._stopping.set()

    def kill(self) -> None:
        """Nothing more of it runs, and nobody is told."""
        self.link.is_dead = True
        self.life.is_still = self.threads.is_still = True

    def freeze(self) -> None:
        self.life.is_still = self.threads.is_still = True

    def suspend(self) -> None:
        """Its machine stands still with its clocks, and does not know."""
        self.freeze()
        self.clock.fall_asleep()

    def block(self) -> None:
        """Its event loop alone: a handler does not give it back."""
        self.life.is_still = True

    def go_on(self) -> None:
        if not self.is_dead:
            self.clock.wake()
            self._went_on_ms = self._site.loop.now_ms
            for life in (self.threads, self.life):
                self._site.loop.go_on(life)

    # --- what is seen of it

    @property
    def who(self) -> str:
        return self.link.who

    @property
    def is_dead(self) -> bool:
        return self.link.is_dead

    @property
    def is_still(self) -> bool:
        return self.life.is_still

    def may_not_have_heard(self) -> bool:
        """Whether it stood still so lately that what it holds may have been taken from it.

        By its own clock no session outlives its waking by more than a TTL, unless it is renewed.
        """
        if self.is_dead or self.is_still:
            return True
        went_on_ms = self._went_on_ms
        return went_on_ms is not None and self._site.loop.now_ms - went_on_ms <= self.ttl_ms

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.is_dead or self.working.done()

    @property
    def ended_by(self) -> BaseException | None:
        """The error that ended it."""
        return self.working.exception() if self.working.done() else None

    @property
    def trouble(self) -> str:
        """Why it makes no claims."""
        return self._scheduler._trouble()


def is_expected(error: BaseException | None) -> bool:
    """Whether an instance may end by it: it waited for its store for too long."""
    return error is None or isinstance(error, CronfleetError)
