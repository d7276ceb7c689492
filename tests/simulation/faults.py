"""What each kind of fault does to the world, and when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import cached_property
from typing import cast

from cronfleet.errors import CronfleetError
from cronfleet.scheduler import Scheduler
from cronfleet.store import ClaimItem, Completion, Start, TickClaim
from tests.simulation.case import Fault
from tests.simulation.links import Call
from tests.simulation.orders import ORDERS
from tests.simulation.process import Process
from tests.simulation.world import World

TRAPS = (
    "delay-answer",
    "delay-request",
    "drop-answer",
    "drop-request",
    "duplicate",
    "freeze-at",
    "kill-at",
    "race",
    "zombie",
)
"""Set for the next call of an operation; they strike on its way."""


class Director:
    """Has each fault strike at its time, until all is healed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._network = world.network
        self._network.race = self._race
        self._is_over = False
        self._orders: set[asyncio.Task[None]] = set()
        for fault in world.case.faults:
            world.later(fault.at, self._strike, fault)

    def heal(self) -> None:
        """Nothing strikes any more, and what still does ends."""
        self._is_over = True
        self._network.is_down, self._network.slow_ms = False, 0
        for process in self._world.processes.values():
            process.link.traps.clear()
            process.link.cut = ""
            process.go_on()
        for who in self._world.names:
            self._world.start(who)
        if self._world.mirror.emptied:
            self._adopt()
        for name in sorted({job.name for job in self._world.case.jobs}):
            self._order(self._operator.resume(name, who="operator"))

    def _strike(self, fault: Fault) -> None:
        if self._is_over:
            return
        if fault.kind in TRAPS:
            self._trap(fault)
        else:
            self._world.story.tell(f"{fault.kind} {fault.who} {fault.what} {fault.ms}")
            _KINDS[fault.kind](self, fault)

    def _trap(self, fault: Fault) -> None:
        if process := self._world.processes.get(fault.who):
            op = fault.what.partition(":")[0]
            process.link.traps[op].append(fault)

    def _alive(self, fault: Fault) -> Process | None:
        """The process, if anything can befall it; which is told of then."""
        process = self._world.processes.get(fault.who)
        if process is None or process.is_over or process.is_still:
            return None
        on = "in call" if process.link.in_flight else "at rest"
        self._network.strike(fault.kind, on)
        return process

    # --- processes

    def kill(self, fault: Fault) -> None:
        if self._alive(fault):
            self._world.kill(fault.who, fault.ms)

    def stop(self, fault: Fault) -> None:
        """Drain, and start again."""
        if process := self._alive(fault):
            process.stop()
            self._world.start_when_over(process, fault.ms)

    def deploy(self, fault: Fault) -> None:
        """The same, with other definitions."""
        self._world.editions[fault.who] = int(fault.what)
        self.stop(fault)

    def freeze(self, fault: Fault) -> None:
        if self._alive(fault):
            self._world.freeze(fault.who, fault.ms)

    def suspend(self, fault: Fault) -> None:
        if process := self._alive(fault):
            process.suspend()
            self._world.later(fault.ms, process.go_on)

    def block(self, fault: Fault) -> None:
        """Its event loop alone stands still."""
        if process := self._alive(fault):
            process.block()
            self._world.later(fault.ms, process.go_on)

    # --- the way, and the store

    def partition(self, fault: Fault) -> None:
        if process := self._world.processes.get(fault.who):
            process.link.cut = fault.what
            self._world.later(fault.ms, setattr, process.link, "cut", "")

    def slow(self, fault: Fault) -> None:
        self._network.slow_ms = int(fault.what)
        self._world.later(fault.ms, setattr, self._network, "slow_ms", 0)

    def down(self, fault: Fault) -> None:
        self._network.is_down = True
        self._world.later(fault.ms, setattr, self._network, "is_down", False)

    def step(self, fault: Fault) -> None:
        """The store's clock is set, forward or back."""
        self._network.strike(fault.kind, "back" if fault.ms < 0 else "forward")
        self._world.clock.leapt_ms += fault.ms

    def empty(self, fault: Fault) -> None:
        """The store has lost everything; after a while a person says that it is to be gone on with."""
        if self._world.host.empty():
            self._network.strike(fault.kind, "any")
            self._world.later(fault.ms, self._adopt)

    def _adopt(self) -> None:
        self._order(self._operator.store_adopt(who="operator"))

    # --- orders

    def order(self, fault: Fault) -> None:
        """Struck when the store took it, which may be never."""

        async def give() -> None:
            if await ORDERS[fault.what](self._operator, fault.who):
                self._network.strike(fault.kind, fault.what)

        self._order(give())

    def _race(self, call: Call) -> None:
        """An order about the job of the call that is under way."""
        assert call.trap
        verb = call.trap.what.partition(":")[2]
        items = cast("list[ClaimItem | Start | Completion]", call.request.arguments[-1])
        if items:
            first = items[0]
            job = first.job if isinstance(first, TickClaim) else first.run.job
            self._order(ORDERS[verb](self._operator, job))

    @cached_property
    def _operator(self) -> Scheduler:
        return self._world.new_operator()

    def _order(self, work: Awaitable[object]) -> None:
        async def carry_out() -> None:
            try:
                await work
            except CronfleetError as error:
                self._world.story.tell(f"refused: {error}")

        task = self._world.do(carry_out())
        self._orders.add(task)
        task.add_done_callback(self._orders.discard, context=self._network.outside)


_KINDS = {
    "kill": Director.kill,
    "stop": Director.stop,
    "deploy": Director.deploy,
    "freeze": Director.freeze,
    "suspend": Director.suspend,
    "block": Director.block,
    "partition": Director.partition,
    "slow": Director.slow,
    "down": Director.down,
    "step": Director.step,
    "empty": Director.empty,
    "order": Director.order,
}
KINDS: tuple[str, ...] = (*_KINDS, *TRAPS)
