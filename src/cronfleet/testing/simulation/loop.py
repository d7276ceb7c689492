"""An event loop whose time is simulated: when nothing is ready, it is the next timer's time.

Time counts in whole milliseconds from 0, so that years do not wear it out. It stands still while
a thread is at work that the loop knows of, for only real time passes there.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context, ContextVar
from typing import Any, NoReturn, TypeAlias, TypeVar

from cronfleet.errors import SimulationError

Result = TypeVar("Result")

MOST_STEPS_AT_ONCE = 100_000
LONGEST_THREAD_S = 30.0
"""How long, in real time, a thread may be at work."""

MOST_CANCELLATIONS = 10
LONGEST_WORK_MS = 86_400_000
"""How long, in simulated time, what is done between two steps of a test may take."""


Life: TypeAlias = object
"""Stands for an instance from its start to its end."""

life_of: ContextVar[Life | None] = ContextVar("life_of", default=None)
"""Whose callbacks these are."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """It runs only when it is told to, and then until an instant or until some work is done."""

    def __init__(self) -> None:
        self.now_ms: int = 0
        self._now_s = 0.0
        self._ends_at_ms = 0
        self._steps = 0
        self._is_interrupted = False
        self._threads: set[asyncio.Future[Any]] = set()
        self._dead: set[Life] = set()
        self._buried: list[Callable[[], object]] = []
        super().__init__(_Leaps(self.pass_time))
        # What is due now must count as due: a float of many seconds has no nanoseconds.
        self._clock_resolution: float = 0.0005

    # --- told by the test

    def run_until(self, end_ms: int) -> None:
        """Let all happen that happens up to the instant and at it."""
        self._go(end_ms)

    def run_work(self, work: Coroutine[Any, Any, Result], context: Context) -> Result:
        """Let time pass until the work is done, and all happen that happens at that instant."""
        task = self.create_task(work, context=context)
        task.add_done_callback(lambda _: self._end_now())
        self._go(self.now_ms + LONGEST_WORK_MS)
        if not task.done():
            task.cancel()
            self._go(self.now_ms)
            raise SimulationError("what was asked for did not end within a day of simulated time")
        return task.result()

    def interrupt(self) -> None:
        """Stop as soon as nothing is ready: whoever waited has given up. From any thread."""
        self._is_interrupted = True
        with contextlib.suppress(RuntimeError):  # It is closed meanwhile.
            self.call_soon_threadsafe(lambda: None)  # Wakes it if it waits for a thread.

    def await_thread(self, answer: asyncio.Future[Any]) -> None:
        """Let no time pass until the thread has answered."""
        self._threads.add(answer)
        answer.add_done_callback(self._threads.discard)

    def kill(self, life: Life) -> None:
        """From now on nothing of it runs: no callback, no `finally`."""
        self._dead.add(life)

    def end_all(self) -> None:
        """Cancel all that is left, the killed too: nobody looks any more."""
        self._dead.clear()
        buried, self._buried = self._buried, []
        for _ in range(MOST_CANCELLATIONS):  # A handler may swallow some.
            for task in asyncio.all_tasks(self):
                task.cancel()
            while buried:
                self.call_soon(buried.pop(0))
            self._go(self.now_ms)

    def _go(self, end_ms: int) -> None:
        self._ends_at_ms, self._steps, self._is_interrupted = end_ms, 0, False
        self.run_forever()

    def _end_now(self) -> None:
        self._ends_at_ms = self.now_ms

    # --- told by the selector

    def pass_time(self, timeout: float | None) -> float | None:
        """Nothing is ready for so long. Answers for how long, really, to wait for a thread."""
        if timeout == 0:
            self._count_step()
            return 0
        if self._threads and not self._is_interrupted:
            return LONGEST_THREAD_S
        self._steps = 0
        wakes_ms = self._ends_at_ms + 1
        if timeout is not None:
            wakes_ms = self.now_ms + round(timeout * 1000)
        if wakes_ms > self._ends_at_ms or self._is_interrupted:
            wakes_ms = max(self.now_ms, self._ends_at_ms)
            self.stop()
        if not self._is_interrupted:
            self.now_ms = wakes_ms
            self._now_s = wakes_ms / 1000
        return None

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS_AT_ONCE:
            raise SimulationError(
                "so much happens that no time passes: something waits in a loop with sleep(0)"
            )

    # --- as an event loop

    def time(self) -> float:
        return self._now_s

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        when = math.ceil(when * 1000 - 0.001) / 1000
        life = life_of.get() if context is None else context.get(life_of)
        if life is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, self._if_alive, life, callback, *args, context=context)

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self._dead and context is not None and context.get(life_of) in self._dead:
            # Kept, so that what waits for it is not thrown away, which would run its `finally`.
            self._buried.append(lambda: context.run(callback, *args))
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon(callback, *args, context=context)

    def _if_alive(self, life: Life, callback: Callable[..., object], *args: Any) -> None:
        if life in self._dead:
            self._buried.append(lambda: callback(*args))
        else:
            callback(*args)

    def run_in_executor(
        self, executor: Any, func: Callable[..., Result], *args: Any
    ) -> asyncio.Future[Result]:
        answer = super().run_in_executor(executor, func, *args)
        self.await_thread(answer)
        return answer

    # Before they have begun something that nobody would clean up.

    async def create_connection(self, *_: Any, **__: Any) -> NoReturn:
        raise _outer_world()

    async def create_datagram_endpoint(self, *_: Any, **__: Any) -> NoReturn:
        raise _outer_world()

    async def create_unix_connection(self, *_: Any, **__: Any) -> NoReturn:
        raise _outer_world()

    async def subprocess_exec(self, *_: Any, **__: Any) -> NoReturn:
        raise _outer_world()

    async def subprocess_shell(self, *_: Any, **__: Any) -> NoReturn:
        raise _outer_world()


class _Leaps(selectors.BaseSelector):
    """Waits for threads of this process, and for nothing else; `pass_time` is told instead."""

    def __init__(self, pass_time: Callable[[float | None], float | None]) -> None:
        self._real = selectors.DefaultSelector()
        self._pass_time = pass_time

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._real.get_map():  # The first is the loop's own.
            raise _outer_world()
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        wait_s = self._pass_time(timeout)
        if not wait_s:
            return []
        ready = self._real.select(wait_s)
        if not ready:
            raise SimulationError(
                f"a plain handler has worked for {wait_s:g} s and goes on: simulated time waits "
                "for it; give the job a stub"
            )
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def _outer_world() -> SimulationError:
    return SimulationError(
        "simulated time does not wait for networks, pipes or other processes: give the job a "
        "stub, or its handler something that answers at once"
    )
