"""The two faces of simulated time: `with` for plain tests, `async with` for asynchronous ones."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from cronfleet.engine.known import Handler
from cronfleet.errors import SimulationError
from cronfleet.scheduler import Scheduler
from cronfleet.testing.simulation.told import Told
from cronfleet.testing.simulation.world import Cast, World, instant

Result = TypeVar("Result")
Given = ParamSpec("Given")


class SimulatedTime:
    """Runs a scheduler's jobs in simulated time, on a store in memory.

    `start` is what the clock shows at first. The first of `instances` is the scheduler itself,
    the others are its twins: what handlers do with the scheduler (`trigger`, `pause`, `lock`)
    they do to the simulated fleet. `handlers` are put in the place of those of the jobs, or of the
    handlers, that they are named after, and with `stub_others` stubs that do nothing in the place
    of all others.

    Enter it by `with` in a plain test, by `async with` in an asynchronous one. The scheduler must
    not be at work; when the block ends it is as it was. Raises SimulationError, UnknownJobError.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        start: datetime,
        instances: int = 1,
        handlers: Mapping[str, Handler] | None = None,
        stub_others: bool = False,
    ) -> None:
        if instances < 1:
            raise SimulationError("a simulated fleet has at least one instance")
        self._scheduler = scheduler
        self._start = instant("start", start)
        self._cast = Cast(instances, handlers or {}, stub_others)
        self._world: World | None = None
        self._elsewhere: _Elsewhere | None = None

    def __enter__(self) -> Simulation:
        if _is_in_a_loop():
            raise SimulationError("an event loop runs here: write `async with SimulatedTime(...)`")
        self._world = World(self._scheduler, self._start, self._cast)
        self._world.open()
        return Simulation(self._world)

    def __exit__(self, *_: object) -> None:
        if self._world is not None:
            self._world.close()

    async def __aenter__(self) -> AsyncSimulation:
        world = self._world = World(self._scheduler, self._start, self._cast)
        elsewhere = self._elsewhere = _Elsewhere(world)
        try:
            await elsewhere.run(world.open)
        except BaseException:
            elsewhere.close()
            raise
        return AsyncSimulation(world, elsewhere)

    async def __aexit__(self, *_: object) -> None:
        if self._world is not None and self._elsewhere is not None:
            try:
                await self._elsewhere.run(self._world.close)
            finally:
                self._elsewhere.close()


class Simulation(Told):
    """Simulated time in a plain test. It passes only while one of these methods runs."""

    def advance(self, span: timedelta = timedelta(0), **spans: float) -> None:
        """Let so much time pass, with all that is due in it: `advance(days=3, hours=12)`."""
        self._world.advance_to(_end(self._world, span, spans))

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until then. Raises SimulationError for what is over."""
        self._world.advance_to(instant("moment", moment))

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something to the fleet, as in `time.do(scheduler.pause("report"))`.

        Time passes only as far as it takes.
        """
        return self._world.do(work)

    def stop(self, instance: int = 1) -> None:
        """Let an instance drain and leave, as SIGTERM does; they count from 1."""
        self._world.stop(instance)

    def kill(self, instance: int = 1) -> None:
        """End an instance as `kill -9` does: it runs nothing more, and nobody is told.

        Its session lasts on for the scheduler's `session_ttl`; then its runs are taken back.
        """
        self._world.kill(instance)

    def start(self, instance: int = 1) -> None:
        """Start an instance that was stopped or killed."""
        self._world.start(instance)


class AsyncSimulation(Told):
    """Simulated time in an asynchronous test. It passes only while one of these is awaited.

    Handlers run in an event loop of their own, in another thread.
    """

    def __init__(self, world: World, elsewhere: _Elsewhere) -> None:
        super().__init__(world)
        self._run = elsewhere.run

    async def advance(self, span: timedelta = timedelta(0), **spans: float) -> None:
        """As `Simulation.advance`."""
        await self._run(self._world.advance_to, _end(self._world, span, spans))

    async def advance_to(self, moment: datetime) -> None:
        """As `Simulation.advance_to`."""
        await self._run(self._world.advance_to, instant("moment", moment))

    async def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """As `Simulation.do`."""
        return await self._run(self._world.do, work)

    async def stop(self, instance: int = 1) -> None:
        """As `Simulation.stop`."""
        await self._run(self._world.stop, instance)

    async def kill(self, instance: int = 1) -> None:
        """As `Simulation.kill`."""
        await self._run(self._world.kill, instance)

    async def start(self, instance: int = 1) -> None:
        """As `Simulation.start`."""
        await self._run(self._world.start, instance)


class _Elsewhere:
    """A thread in which the world moves: an event loop cannot run inside another one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._thread = ThreadPoolExecutor(1, "simulated-time")

    async def run(
        self, act: Callable[Given, Result], *given: Given.args, **named: Given.kwargs
    ) -> Result:
        context = contextvars.copy_context()
        acting = self._thread.submit(context.run, act, *given, **named)
        try:
            return await asyncio.wrap_future(acting)
        except asyncio.CancelledError:
            self._world.loop.interrupt()
            raise

    def close(self) -> None:
        self._thread.shutdown()


def _end(world: World, span: timedelta, spans: Mapping[str, float]) -> int:
    whole = span + timedelta(**spans)
    if whole < timedelta(0):
        raise SimulationError(f"simulated time cannot go back by {-whole}")
    return world.now + round(whole / timedelta(milliseconds=1))


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
