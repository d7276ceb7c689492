"""FastAPI, Starlette, and all others that take a Starlette lifespan: work while the server serves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar, overload

from cronfleet import Scheduler

App = TypeVar("App")
State = TypeVar("State")


@overload
def lifespan(scheduler: Scheduler) -> Callable[[object], AbstractAsyncContextManager[None]]: ...


@overload
def lifespan(
    scheduler: Scheduler, inner: Callable[[App], AbstractAsyncContextManager[State]]
) -> Callable[[App], AbstractAsyncContextManager[State]]: ...


def lifespan(
    scheduler: Scheduler,
    inner: Callable[[App], AbstractAsyncContextManager[State]] | None = None,
) -> Callable[[App], AbstractAsyncContextManager[State | None]]:
    """A lifespan for `FastAPI(lifespan=...)`: the scheduler works from the start to the shutdown.

    The application's own lifespan goes in as `inner`: it is entered before the scheduler works,
    and left when that has drained, so that handlers may use what it makes.
    """

    @asynccontextmanager
    async def work(app: App) -> AsyncGenerator[State | None]:
        if inner is None:
            async with scheduler:
                yield None
        else:
            async with inner(app) as state, scheduler:
                yield state

    return work
