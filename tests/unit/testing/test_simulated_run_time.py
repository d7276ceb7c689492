"""Jobs at run time in simulated time: they are added to the simulated fleet, and played as told."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from cronfleet import InvalidJobError, RunContext, Scheduler, UnknownJobError, every
from cronfleet.testing import SimulatedTime, stub
from tests.unit.testing.worlds import HOUR, MIDNIGHT, states

SEEN: list[tuple[str, int]] = []


def tell(run: RunContext) -> None:
    SEEN.append((run.job, os.getpid()))


async def ring(run: RunContext) -> None:
    SEEN.append((run.job, os.getpid()))


@pytest.fixture
def scheduler() -> Scheduler:
    SEEN.clear()
    scheduler = Scheduler("memory:", program="office")
    scheduler.handler(isolation="process")(tell)
    scheduler.add_job(ring, every(HOUR), "hourly")
    return scheduler


def test_a_job_may_be_added_changed_and_removed(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT, instances=2) as time:
        assert time.do(scheduler.add_job(ring, every(HOUR), "added")).state == "scheduled"
        time.advance(hours=2)
        time.do(scheduler.update_job("added", schedule=every(2 * HOUR)))
        time.advance(hours=2)
        time.do(scheduler.remove_job("added"))
        time.advance(hours=2)
        assert states(time.runs("added")) == ["succeeded"] * 3
        assert states(time.runs("hourly")) == ["succeeded"] * 6
    assert "added" not in scheduler.stage.jobs


def test_a_job_is_added_also_when_nobody_waits_for_that(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        scheduler.add_job(ring, every(HOUR), "added")
        time.advance(hours=2)
        assert states(time.runs("added")) == ["succeeded"] * 2


def test_a_handler_may_be_registered_while_time_stands_still(scheduler: Scheduler) -> None:
    async def late(run: RunContext) -> None: ...

    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        scheduler.handler()(late)
        time.do(scheduler.add_job(late, every(HOUR), "added"))
        time.advance(hours=1)
        assert states(time.runs("added")) == ["succeeded"]
    assert "late" not in scheduler.stage.handlers.names


async def test_it_may_be_done_in_an_asynchronous_test(scheduler: Scheduler) -> None:
    async with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        await time.do(scheduler.add_job(ring, every(HOUR), "added"))
        await time.advance(hours=2)
        assert states(time.runs("added")) == ["succeeded"] * 2


def test_an_isolated_handler_runs_in_the_test_s_own_process(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.add_job(tell, every(HOUR), "added", timeout=timedelta(minutes=5)))
        time.advance(hours=1)
        assert states(time.runs("added")) == ["succeeded"]
    assert ("added", os.getpid()) in SEEN


def test_stubs_stand_in_for_the_handlers_of_added_jobs_too(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT, stub_others=True) as time:
        time.do(scheduler.add_job(tell, every(HOUR), "added"))
        time.do(scheduler.update_job("hourly", schedule=every(2 * HOUR)))
        time.advance(hours=2)
        assert states(time.runs("added")) == ["succeeded"] * 2
        assert states(time.runs("hourly")) == ["succeeded"]
    assert SEEN == []


def test_a_handler_is_played_in_all_jobs_that_it_is_for(scheduler: Scheduler) -> None:
    handlers = {"tell": stub(raises=ConnectionError("no line"))}
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers=handlers) as time:
        for name in ("one", "two"):
            time.do(scheduler.add_job(tell, every(HOUR), name))
        time.advance(hours=1)
        for name in ("one", "two"):
            assert states(time.runs(name)) == ["failed"]
        assert states(time.runs("hourly")) == ["succeeded"]


def test_what_is_neither_a_job_nor_a_handler_cannot_be_played(scheduler: Scheduler) -> None:
    with pytest.raises(UnknownJobError, match="tell"):
        SimulatedTime(scheduler, start=MIDNIGHT, handlers={"tall": stub()}).__enter__()


def test_what_cannot_be_added_is_refused_as_ever(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time, pytest.raises(InvalidJobError):
        time.do(scheduler.add_job(ring, every(2 * HOUR), "hourly"))
