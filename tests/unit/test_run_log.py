"""What a run's handler logged, as programs read it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cronfleet import RunContext, RunLog, Scheduler, UnknownRunError, every
from cronfleet.run_log import place_of
from cronfleet.store import LogLine, LogPlace
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing import SimulatedTime
from tests.unit.engine.isolated import handlers
from tests.unit.server.sites import ended_run

HOURLY = every(timedelta(hours=1))
MIDNIGHT = datetime(2027, 3, 1, tzinfo=UTC)


def line(attempt: int, number: int) -> LogLine:
    return LogLine(LogPlace(attempt, number), 1_000 * number, 20, f"{attempt}.{number}")


def texts(log: RunLog) -> list[str]:
    return [each.text for each in log.lines]


def test_where_lines_are_missing_the_next_one_says_how_many() -> None:
    lines = [line(1, 1), line(1, 2), line(1, 10), line(2, 1), line(3, 4)]
    log = RunLog.of("report@0", lines, after=0)
    assert [each.missing for each in log.lines] == [0, 0, 7, 0, 3]
    assert (log.lines[2].at, log.lines[2].level) == (datetime.fromtimestamp(10, UTC), "INFO")


def test_it_can_be_gone_on_with_across_attempts() -> None:
    first = RunLog.of("report@0", [line(1, 1), line(1, 2)], after=0)
    assert place_of(first.last) == LogPlace(1, 2)
    then = RunLog.of("report@0", [line(1, 4), line(2, 1)], after=first.last)
    assert [each.missing for each in then.lines] == [1, 0]
    assert RunLog.of("report@0", [], after=then.last) == RunLog("report@0", [], then.last)


@pytest.mark.parametrize("after", [0, -1, -(2**40)])
def test_before_all_lines_there_is_nothing(after: int) -> None:
    assert place_of(after) == LogPlace(0, 0)


async def test_it_is_asked_for_by_the_runs_id() -> None:
    done = asyncio.Event()

    async def report(run: RunContext) -> None:
        run.log.info("one")
        run.log.warning("two")
        done.set()

    scheduler = Scheduler(MemoryStore(), program="app")
    scheduler.add_job(report, HOURLY)
    async with scheduler:
        made = await scheduler.trigger("report")
        await done.wait()
    log = await scheduler.run_log(made.run)
    assert [(each.level, each.text) for each in log.lines] == [("INFO", "one"), ("WARNING", "two")]
    assert texts(await scheduler.run_log(made.run, after=log.last)) == []


@pytest.mark.parametrize("run", ["report@5", "no run id"])
async def test_a_run_that_is_not_there_has_none(run: str) -> None:
    with pytest.raises(UnknownRunError):
        await Scheduler(MemoryStore(), program="app").run_log(run)


async def test_what_a_process_logs_and_prints_is_kept() -> None:
    scheduler = Scheduler(MemoryStore(), program="app")
    scheduler.add_job(handlers.logs_and_prints, HOURLY, "report", isolation="process")
    async with scheduler:
        run = await ended_run(scheduler, "report")
    assert texts(await scheduler.run_log(run.id)) == [
        "in a process of its own",
        f"{run.id} printed:",
        "printed by it",
    ]


def test_in_simulated_time_lines_have_its_time() -> None:
    scheduler = Scheduler("memory:", program="app")

    @scheduler.job(HOURLY)
    def report(run: RunContext) -> None:
        run.log.info("at %s", run.fire_time)

    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, seconds=5)
        (run,) = time.runs("report")
        log = time.do(scheduler.run_log(run.id))
    assert [(each.at, each.text) for each in log.lines] == [
        (MIDNIGHT + timedelta(hours=1), "at 2027-03-01 01:00:00+00:00")
    ]
