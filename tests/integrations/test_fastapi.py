from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypedDict

import pytest
from fastapi import FastAPI

from cronfleet import ForeignJobError, RunContext, Scheduler, every
from cronfleet.integrations.fastapi import lifespan
from cronfleet.stores.memory import MemoryStore

HOURLY = every(timedelta(hours=1))


class State(TypedDict):
    pool: str


async def test_the_scheduler_works_while_the_application_lives() -> None:
    scheduler = Scheduler("memory:")
    app = FastAPI(lifespan=lifespan(scheduler))
    async with app.router.lifespan_context(app):
        assert len(await scheduler.instances()) == 1
    assert await scheduler.instances() == []


async def test_the_applications_own_lifespan_is_around_the_work_of_all_handlers() -> None:
    order: list[str] = []
    entered = asyncio.Event()

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[State]:
        order.append("open")
        yield {"pool": app.title}
        order.append("close")

    async def report(run: RunContext) -> None:
        entered.set()
        await asyncio.to_thread(run.draining.wait, 10)
        order.append("worked")

    scheduler = Scheduler("memory:")
    scheduler.add_job(report, HOURLY)
    app = FastAPI(title="shop", lifespan=lifespan(scheduler, own))
    async with app.router.lifespan_context(app) as state:
        await scheduler.trigger("report")
        await entered.wait()
    assert (state, order) == ({"pool": "shop"}, ["open", "worked", "close"])


async def test_an_application_whose_scheduler_cannot_work_does_not_start() -> None:
    store = MemoryStore()

    async def report(run: RunContext) -> None: ...

    other, scheduler = (Scheduler(store, program=name) for name in ("other", "shop"))
    other.add_job(report, HOURLY)
    scheduler.add_job(report, HOURLY)
    app = FastAPI(lifespan=lifespan(scheduler))
    async with other:
        with pytest.raises(ForeignJobError):
            async with app.router.lifespan_context(app):
                pass
