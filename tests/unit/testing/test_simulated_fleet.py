"""Simulated time in an asynchronous test, and fleets of several instances."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import timedelta

import pytest

from cronfleet import RunContext, Scheduler, every
from cronfleet.testing import SimulatedTime, SimulationError, stub
from tests.unit.testing.worlds import HOUR, MIDNIGHT, Program, at, states, times, told


async def test_an_asynchronous_test_awaits_what_a_plain_one_calls() -> None:
    program = Program()
    scheduler = program.scheduler
    async with SimulatedTime(scheduler, start=MIDNIGHT, instances=2) as time:
        await time.advance(days=1)
        assert len(time.runs("hourly")) == 24
        await time.do(scheduler.pause("hourly", who="anna"))
        await time.stop(2)
        await time.advance_to(at("03-02 06:00"))
        assert time.why_not("hourly", at("03-02 03:00")) == "the job is paused by anna"
        await time.do(scheduler.resume("hourly"))
        await time.start(2)
        await time.kill(1)
        await time.advance(hours=1, seconds=1)  # One that is not the first leaves time for it.
        assert times(time.runs("hourly"))[-1] == "03-02 07:00"
        assert time.runs("hourly")[-1].instance == "instance-2"
        assert time.now == at("03-02 07:00") + timedelta(seconds=1)
    assert len(program.seen) == len(time.runs("hourly")) + 2 + 1 == 24 + 1 + 2 + 1


async def test_in_an_event_loop_the_plain_face_says_which_one_to_take() -> None:
    with (
        pytest.raises(SimulationError, match="async with SimulatedTime"),
        SimulatedTime(Program().scheduler, start=MIDNIGHT),
    ):
        pass


async def test_what_cannot_be_simulated_is_refused_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(LookupError):
        async with SimulatedTime(Program().scheduler, start=MIDNIGHT, handlers={"weekly": stub()}):
            pass
    assert threading.active_count() == before


async def test_a_test_that_is_cancelled_ends_while_time_goes_on() -> None:
    has_begun = threading.Event()

    async def hourly(run: RunContext) -> None:
        has_begun.set()

    program = Program()
    handlers = {"hourly": hourly}
    ended = False

    async def watch() -> None:
        nonlocal ended
        async with SimulatedTime(program.scheduler, start=MIDNIGHT, handlers=handlers) as time:
            try:
                await time.advance(days=10_000)
            finally:
                ended = time.now < MIDNIGHT + timedelta(days=10_000)

    watching = asyncio.create_task(watch())
    await asyncio.to_thread(has_begun.wait)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert ended
    assert program.scheduler.home is None


def test_two_instances_share_the_jobs_and_run_no_tick_twice() -> None:
    scheduler = Scheduler("memory:", program="office")
    for n in range(8):
        scheduler.add_job(stub(), every(HOUR), f"job-{n}")
    with SimulatedTime(scheduler, start=MIDNIGHT, instances=2) as time:
        time.advance(days=3)
        runs = [run for n in range(8) for run in time.runs(f"job-{n}")]
        shares = Counter(run.instance for run in runs)
    assert len({run.id for run in runs}) == len(runs) == 8 * 72
    assert sum(shares.values()) == len(runs)
    assert set(shares) <= {"instance-1", "instance-2"}
    assert max(run.started_at - run.fire_time for run in runs if run.started_at) <= timedelta(
        milliseconds=50
    )


@pytest.mark.parametrize("instance", [1, 2])
def test_while_one_instance_is_off_the_other_does_its_work(instance: int) -> None:
    scheduler = Program().scheduler
    with SimulatedTime(scheduler, start=MIDNIGHT, instances=2) as time:
        time.advance(days=1)
        time.stop(instance)
        time.advance(days=2)
        others = {run.instance for run in time.runs("hourly")[24:]}
        time.start(instance)
        time.advance(days=1)
        assert len(time.runs("hourly")) == 4 * 24
        assert time.gaps("hourly") == []
    assert others == {f"instance-{3 - instance}"}


def test_an_instance_that_stops_lets_its_handlers_end_first() -> None:
    scheduler = Scheduler("memory:", program="office", drain_timeout=timedelta(minutes=10))
    scheduler.add_job(stub(takes=timedelta(minutes=5)), every(HOUR), "report")
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=1)
        time.stop()
        assert time.now == at("03-01 01:05")
        assert states(time.runs("report")) == ["succeeded"]


@pytest.mark.parametrize(
    ("on_lost", "state", "attempt"), [("abandon", "lost", 1), ("rerun", "succeeded", 2)]
)
@pytest.mark.parametrize("instances", [1, 2])
def test_the_runs_of_a_killed_instance_are_taken_back_after_its_ttl(
    on_lost: str, state: str, attempt: int, instances: int
) -> None:
    """By the other one; or by the one that starts in its place, which has to watch it first."""
    scheduler = Scheduler("memory:", program="office", session_ttl=timedelta(seconds=20))
    scheduler.add_job(stub(takes=timedelta(minutes=5)), every(HOUR), "report", on_lost=on_lost)  # pyright: ignore[reportArgumentType] - a parameter
    with SimulatedTime(scheduler, start=MIDNIGHT, instances=instances) as time:
        time.advance(hours=1, minutes=1)
        (run,) = time.runs("report")
        number = int(run.instance[-1])
        time.kill(number)
        if instances == 1:
            time.start(number)
        time.advance(seconds=19)
        assert states(time.runs("report")) == ["started"]
        time.advance(seconds=2)
        assert states(time.runs("report")) == ["lost" if on_lost == "abandon" else "started"]
        time.advance(minutes=6)
        (run,) = time.runs("report")
        assert (run.state, run.attempt) == (state, attempt)
        time.advance(hours=3)
        assert times(time.runs("report")) == [
            "03-01 01:00",
            "03-01 02:00",
            "03-01 03:00",
            "03-01 04:00",
        ]


def test_a_killed_instance_runs_nothing_more() -> None:
    scheduler = Scheduler("memory:", program="office")
    steps: list[str] = []

    async def report(run: RunContext) -> None:
        try:
            steps.append("begun")
            await asyncio.sleep(60)
            steps.append("ended")
        finally:
            steps.append("left")

    scheduler.add_job(report, every(HOUR))
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, seconds=30)
        time.kill()
        time.advance(hours=10)
        assert steps == ["begun"]
        time.start()
        time.advance(minutes=70)
        assert steps == ["begun", "begun", "ended", "left"]
        assert states(time.runs("report")) == ["lost", "succeeded"]
        # The lost run counts until its session is closed.
        assert told(time.gaps("report")) == [
            ("03-01 02:00", 9, "misfire"),
            ("03-01 11:00", 1, "overlap"),
        ]
    assert steps == ["begun", "begun", "ended", "left", "left"]
