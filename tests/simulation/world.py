"""A fleet and its store, put together for one case."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any

from cronfleet.chance import drawn_from
from cronfleet.scheduler import Scheduler
from tests.simulation.case import NAMES, Case, Job
from tests.simulation.clocks import StoreClock
from tests.simulation.effects import Effects, misreported
from tests.simulation.handlers import idle
from tests.simulation.hosting import Host
from tests.simulation.links import Link
from tests.simulation.loop import FaultyLoop
from tests.simulation.mirror import Mirror, Step
from tests.simulation.network import Network
from tests.simulation.process import PROGRAM, Process, Site, is_expected
from tests.simulation.registering import register
from tests.simulation.remote import remote
from tests.simulation.rules import broken
from tests.simulation.story import Story
from tests.simulation.verdict import RuleBroken, Violation

SUPERVISED_MS = 3_000
"""How soon an instance that ended by itself is started again."""


class World:
    """It moves only inside `run_until`. The first rule that is broken ends it by `RuleBroken`."""

    def __init__(self, case: Case, *, keeps: bool) -> None:
        fleet = case.fleet
        self.case = case
        self.loop = FaultyLoop()
        self.loop.set_exception_handler(self._went_wrong)
        self.story = Story(self.true_ms, keeps=keeps)
        self.clock = StoreClock(self.loop)
        self.mirror = Mirror(self._judge, self.true_ms)
        self.effects = Effects(self.mirror, self.true_ms)
        self.network = Network(self.loop, self.mirror, self.story, fleet)
        self.host = Host(fleet.store, self.clock, self.mirror, self.network)
        self._site = Site(fleet, self.loop, self.network, self.effects, self.broken)
        self._chance = Random(f"world {fleet.seed}")
        self.network.outside.run(drawn_from.set, self._chance)
        self._rates = {who: self._rate() for who in NAMES}
        self.processes: dict[str, Process] = {}
        self.editions: dict[str, int] = {}
        self._starts = 0
        self._found: Violation | None = None

    # --- time

    def true_ms(self) -> int:
        return self.loop.now_ms

    def run_until(self, instant: int) -> None:
        """Raises RuleBroken."""
        self.loop.run_until(instant)
        if self._found:
            raise RuleBroken(self._found)

    def later(self, wait_ms: int, act: Callable[..., object], *arguments: object) -> None:
        """Whatever instances are doing."""
        self.network.later(wait_ms, act, *arguments)

    def do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """The same for what takes its time."""
        return self.loop.create_task(work, context=self.network.outside.copy())

    def broken(self, rule: str, how: str) -> None:
        """A rule is broken: all stops here."""
        if self._found is None:
            self._found = Violation(rule, how, self.true_ms())
            self.story.tell(f"BROKEN {rule}: {how}")
        self.loop.stop()

    def close(self) -> None:
        self.network.is_over = True
        self.loop.end_all()
        self.loop.close()
        self.host.close()

    # --- instances

    @property
    def names(self) -> tuple[str, ...]:
        return NAMES[: self.case.fleet.instances]

    def start(self, who: str) -> None:
        """Start an instance that is not at work, with the edition it was deployed with."""
        at_work = self.processes.get(who)
        if at_work is not None and not at_work.is_over:
            return
        self._starts += 1
        chance = Random(f"{self.case.fleet.seed} {who} {self._starts}")
        link = Link(who, chance, self.case.fleet.ttl // 4, partial(self._befall, who))
        process = Process(self._site, link, self.host.store_for(link), self._rates[who], chance)
        self.processes[who] = process
        self.story.tell(f"{who} starts")
        self._when_over(process.start(self.jobs_of(who)), partial(self._ended, process))

    def start_when_over(self, process: Process, wait_ms: int) -> None:
        """Start another in its place, some time after it has ended."""
        self._when_over(process.working, partial(self.later, wait_ms, self.start, process.who))

    def kill(self, who: str, down_ms: int) -> None:
        process = self.processes.get(who)
        if process and not process.is_dead:
            process.kill()
            self.story.tell(f"{who} is killed")
            self.later(down_ms, self.start, who)

    def freeze(self, who: str, span_ms: int) -> None:
        process = self.processes[who]
        process.freeze()
        self.later(span_ms, process.go_on)

    def _befall(self, who: str, kind: str, ms: int) -> None:
        if kind == "kill":
            self.kill(who, ms)
        elif not self.processes[who].is_over:
            self.freeze(who, ms)

    def jobs_of(self, who: str) -> list[Job]:
        edition = self.editions.get(who, 0)
        newest = {job.name: job for job in self.case.jobs if job.edition <= edition}
        return list(newest.values())

    def _when_over(self, task: asyncio.Task[None], act: Callable[[], None]) -> None:
        task.add_done_callback(lambda _: act(), context=self.network.outside)

    def _ended(self, process: Process) -> None:
        error = process.ended_by
        if not is_expected(error):
            self.broken("an_instance_ends_only_when_it_is_told_to", f"{process.who}: {error!r}")
        elif error is not None and self.processes[process.who] is process:
            self.later(SUPERVISED_MS, self.start, process.who)

    def _rate(self) -> float:
        return 1 + self.case.fleet.drift * (2 * self._chance.random() - 1)

    def new_operator(self) -> Scheduler:
        """Somebody who orders and looks, and runs nothing."""
        link = Link("operator", Random(f"operator {self.case.fleet.seed}"), 2_500)
        store = remote(self.host.store_for(link), self.network, link)
        operator = Scheduler(store, program=PROGRAM)
        operator._clock = self.clock
        register(operator, self.jobs_of("operator"), idle)
        return operator

    # --- judging

    def _judge(self, step: Step, mirror: Mirror) -> None:
        if self.network.is_over:
            return
        for old, new in step.runs.values():
            if old is None or old.state is not new.state:
                self.story.tell(f"{new.id} {new.state} {new.token} {new.attempt}")
        for rule, how in (*broken(step, mirror), *misreported(step, self.effects)):
            self.broken(rule, how)

    def _went_wrong(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self.network.is_over:
            self.broken("nothing_goes_wrong_unheard", repr(context))
