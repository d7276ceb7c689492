"""Jobs at run time whose handler works in a process of its own: that is a matter of the handler."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cronfleet import InvalidJobError, RunInfo, Scheduler, every
from cronfleet.clock import SystemClock
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.isolated import handlers
from tests.unit.engine.isolated.rig import Fifo

HOURLY = every(timedelta(hours=1))
WITHIN_S = 30


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    """At work, with a job and a handler that are isolated."""
    scheduler = Scheduler(MemoryStore(SystemClock()), program="app")
    scheduler.add_job(handlers.tells_its_process, HOURLY, "declared", isolation="process")
    scheduler.handler(isolation="process", memory_limit_mb=512)(handlers.returns)
    async with scheduler:
        yield scheduler


async def ended(scheduler: Scheduler, job: str) -> RunInfo:
    """A run of the job, triggered and carried out."""
    await scheduler.trigger(job)
    async with asyncio.timeout(WITHIN_S):
        while True:
            (run,) = await scheduler.runs(job)
            if run.ended_at is not None:
                return run
            await asyncio.sleep(0.01)


async def test_an_added_job_is_isolated_as_its_handler_is(scheduler: Scheduler, fifo: Fifo) -> None:
    await scheduler.add_job(handlers.tells_its_process, HOURLY, "added", args=fifo.args)
    assert (await ended(scheduler, "added")).state == "succeeded"
    assert await fifo.line() != str(os.getpid())


async def test_a_timeout_may_be_given_to_an_isolated_plain_function(scheduler: Scheduler) -> None:
    await scheduler.add_job(handlers.returns, HOURLY, "added", timeout=timedelta(minutes=1))
    await scheduler.update_job("declared", timeout=timedelta(minutes=2))
    await scheduler.update_job("added", handler=handlers.tells_its_process)


async def test_what_is_updated_stays_isolated(scheduler: Scheduler, fifo: Fifo) -> None:
    await scheduler.update_job("declared", args=fifo.args)
    assert (await ended(scheduler, "declared")).state == "succeeded"
    assert await fifo.line() != str(os.getpid())


async def test_isolation_cannot_be_stored_with_a_job(scheduler: Scheduler) -> None:
    with pytest.raises(InvalidJobError, match=r"@scheduler\.handler"):
        await scheduler.update_job("declared", isolation=None)
    with pytest.raises(InvalidJobError, match=r"@scheduler\.handler"):
        await scheduler.add_job(handlers.returns, HOURLY, "added", memory_limit_mb=64)


async def test_an_isolated_handler_that_no_process_would_find_is_refused_at_the_start() -> None:
    def moved(_: object) -> None: ...

    moved.__qualname__ = "nowhere"
    scheduler = Scheduler(MemoryStore(SystemClock()), program="app")
    scheduler.handler("moved", isolation="process")(moved)
    with pytest.raises(InvalidJobError, match="nowhere"):
        async with scheduler:
            pass


async def test_a_job_for_a_handler_that_no_process_would_find_is_refused_at_work(
    scheduler: Scheduler,
) -> None:
    def moved(_: object) -> None: ...

    moved.__qualname__ = "nowhere"
    scheduler.handler("moved", isolation="process")(moved)
    with pytest.raises(InvalidJobError, match="nowhere"):
        await scheduler.add_job(moved, HOURLY, "added")
