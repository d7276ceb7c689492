"""Handler calls, each way: in the event loop, in a thread, in a process of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from cronfleet.context import RunContext
from cronfleet.engine.isolated.minder import Graces, Minder, Order
from cronfleet.engine.known import KnownJob
from cronfleet.engine.saying import wrongly_awaitable
from cronfleet.engine.threads import in_thread
from cronfleet.errors import CronfleetError
from cronfleet.model import Outcome

KILL_MS = 1_000
"""How long a process that is killed may take to be gone."""


class NotEnteredError(CronfleetError):
    """The session ran out between the answer to `start` and the handler's first step."""


class Call(Protocol):
    """A handler at work."""

    ended: asyncio.Future[BaseException | None]
    """What the handler raised. Cancelled: its task was."""
    can_be_stopped: bool

    def stop(self, grace_ms: int) -> None:
        """Ask it to end, once."""
        ...

    def hurry(self, grace_ms: int) -> None:
        """It was asked, and should end sooner than was said."""
        ...

    def given_up_after_ms(self, grace_ms: int) -> int:
        """How long after it was asked nobody waits for it any more."""
        ...


class InLoop:
    """A coroutine. It can be cancelled, and may take no notice."""

    can_be_stopped: bool = True

    def __init__(self, job: KnownJob, context: RunContext, holds: Callable[[], bool]) -> None:
        self.ended: asyncio.Future[BaseException | None] = asyncio.create_task(
            _await(job, context, holds), name=context.run_id
        )

    def stop(self, grace_ms: int) -> None:
        self.ended.cancel()

    def hurry(self, grace_ms: int) -> None:
        pass

    def given_up_after_ms(self, grace_ms: int) -> int:
        return grace_ms


class InThread:
    """A plain handler. It is only told, by `lost`."""

    can_be_stopped: bool = False

    def __init__(self, job: KnownJob, context: RunContext, holds: Callable[[], bool]) -> None:
        self.ended: asyncio.Future[BaseException | None] = in_thread(
            lambda: _caught(job, context, holds), name=context.run_id
        )

    def stop(self, grace_ms: int) -> None:
        pass

    def hurry(self, grace_ms: int) -> None:
        pass

    def given_up_after_ms(self, grace_ms: int) -> int:
        return grace_ms


class InProcess:
    """A handler that is told to end, and then killed with its process group."""

    can_be_stopped: bool = True

    def __init__(self, order: Order, cancelled: Callable[[Outcome], None]) -> None:
        loop = asyncio.get_running_loop()

        def tell(outcome: Outcome) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(cancelled, outcome)

        self._minder = Minder(order, tell)
        self.ended: asyncio.Future[BaseException | None] = in_thread(
            self._mind, name=order.context.run_id
        )

    def stop(self, grace_ms: int) -> None:
        self._minder.stop(grace_ms)

    def hurry(self, grace_ms: int) -> None:
        self._minder.stop(grace_ms)

    def given_up_after_ms(self, grace_ms: int) -> int:
        return grace_ms + KILL_MS

    def _mind(self) -> BaseException | None:
        try:
            error = self._minder.mind()
        except BaseException as fault:  # noqa: BLE001 - of ours; the run must have an outcome
            return fault
        return NotEnteredError() if self._minder.was_refused else error


def call(
    job: KnownJob,
    context: RunContext,
    holds: Callable[[], bool],
    graces: Graces,
    cancelled: Callable[[Outcome], None],
) -> Call:
    """Enter the handler, if the run is still this instance's by then.

    `cancelled` is told, later and in the event loop, when a process is made to end by its minder.
    """
    if job.isolated is not None:
        return InProcess(Order(job, job.isolated, context, holds, graces), cancelled)
    return InLoop(job, context, holds) if job.is_coroutine else InThread(job, context, holds)


async def _await(
    job: KnownJob, context: RunContext, may_enter: Callable[[], bool]
) -> BaseException | None:
    if not may_enter():
        return NotEnteredError()
    me = os.getpid()
    try:
        await cast("Awaitable[object]", job.handler(context))
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
        return error
    except BaseException as error:  # noqa: BLE001 - SystemExit in a task would end the loop
        return error
    finally:
        _end_a_copy_of(me)
    return None


def _caught(
    job: KnownJob, context: RunContext, may_enter: Callable[[], bool]
) -> BaseException | None:
    if not may_enter():
        return NotEnteredError()
    me = os.getpid()
    try:
        answer = job.handler(context)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is an outcome
        return error
    finally:
        _end_a_copy_of(me)
    return wrongly_awaitable(answer, context.job)


def _end_a_copy_of(pid: int) -> None:
    """A process that the handler forked, and did not end, must not go on as this instance."""
    if os.getpid() != pid:
        os._exit(0)
