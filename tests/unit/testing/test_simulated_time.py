"""Simulated time in a plain test: what ran, when, and why not."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronfleet import CronfleetError, Retry, RunContext, Scheduler, UnknownJobError, cron, every
from cronfleet.model import Reason
from cronfleet.testing import SimulatedTime, SimulationError, stub
from cronfleet.testing.simulation.told import IN_WORDS
from tests.unit.testing.worlds import HOUR, MIDNIGHT, Program, at, states, times, told


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def scheduler(program: Program) -> Scheduler:
    return program.scheduler


def test_a_quarter_of_an_hourly_job_runs_every_tick_once(program: Program) -> None:
    with SimulatedTime(program.scheduler, start=MIDNIGHT) as time:
        time.advance(days=92)
        fire_times = [run.fire_time for run in time.runs("hourly")]
        assert time.now == datetime(2027, 6, 1, tzinfo=UTC)
    assert fire_times == [MIDNIGHT + n * HOUR for n in range(1, 92 * 24 + 1)]
    assert len(program.seen) == 92 * 24 + 92 + 92


def test_time_passes_only_when_it_is_told_to(program: Program) -> None:
    with SimulatedTime(program.scheduler, start=MIDNIGHT) as time:
        assert time.now == MIDNIGHT
        time.advance(timedelta(minutes=59), seconds=59)
        assert times(time.runs("hourly")) == []
        time.advance(seconds=1)
        assert times(time.runs("hourly")) == ["03-01 01:00"]
        time.advance_to(at("03-01 03:00"))
        time.advance()
        assert times(time.runs("hourly")) == ["03-01 01:00", "03-01 02:00", "03-01 03:00"]


def test_a_handler_starts_when_its_tick_is_due(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(days=1)
        for run in time.runs("hourly"):
            assert run.started_at == run.ended_at == run.fire_time


def test_clock_changes_are_lived_through(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=at("03-27 00:00")) as time:
        time.advance(days=3)
        assert times(time.runs("nightly")) == ["03-27 01:30", "03-28 01:00", "03-29 00:30"]
        time.advance_to(datetime(2027, 10, 30, tzinfo=UTC))
        time.advance(days=3)
        assert times(time.runs("nightly"))[-3:] == ["10-30 00:30", "10-31 00:30", "11-01 01:30"]


def test_plain_handlers_run_in_threads_and_take_no_time(program: Program) -> None:
    threads: list[threading.Thread] = []

    def plain(run: RunContext) -> None:
        threads.append(threading.current_thread())

    with SimulatedTime(program.scheduler, start=MIDNIGHT, handlers={"plain": plain}) as time:
        time.advance(days=3)
        runs = time.runs("plain")
    assert times(runs) == ["03-01 12:00", "03-02 12:00", "03-03 12:00"]
    assert all(run.ended_at == run.fire_time for run in runs)
    assert threading.current_thread() not in threads


ISOLATED: list[str] = []


def isolated(run: RunContext) -> None:
    ISOLATED.append(run.run_id)


def test_handlers_with_a_process_of_their_own_run_in_that_of_the_test() -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(isolated, every(HOUR), isolation="process", timeout=timedelta(minutes=1))
    ISOLATED.clear()
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=2)
        assert states(time.runs("isolated")) == ["succeeded", "succeeded"]
    assert len(ISOLATED) == 2


def test_work_that_a_handler_gives_to_a_thread_is_waited_for(scheduler: Scheduler) -> None:
    async def hourly(run: RunContext) -> None:
        assert await asyncio.to_thread(threading.current_thread) is not threading.main_thread()

    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"hourly": hourly}) as time:
        time.advance(hours=3)
        assert [run.ended_at for run in time.runs("hourly")] == [
            run.fire_time for run in time.runs("hourly")
        ]


def test_a_handler_may_take_long_and_its_job_is_active_meanwhile(scheduler: Scheduler) -> None:
    slow = stub(takes=timedelta(minutes=90))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"hourly": slow}) as time:
        time.advance(hours=6)
        assert times(time.runs("hourly")) == ["03-01 01:00", "03-01 03:00", "03-01 05:00"]
        assert states(time.runs("hourly")) == ["succeeded", "succeeded", "started"]
        assert told(time.gaps("hourly")) == [
            ("03-01 02:00", 1, "overlap"),
            ("03-01 04:00", 1, "overlap"),
            ("03-01 06:00", 1, "overlap"),
        ]
        assert time.why_not("hourly", at("03-01 04:00")) == (
            "it was skipped (overlap): the job was active when it was due"
        )


def test_a_failing_handler_is_tried_again_as_its_job_says() -> None:
    scheduler = Scheduler("memory:", program="office")
    retry = Retry(attempts=4, first=timedelta(minutes=1), factor=10, most=HOUR, jitter=0)
    scheduler.add_job(stub(), cron("0 6 * * *"), "report", retry=retry)
    broken = stub(raises=ConnectionError("no line"), times=3)
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": broken}) as time:
        time.advance(hours=7)
        (run,) = time.runs("report")
        assert (run.state, run.attempt, run.error.splitlines()[0]) == (
            "pending",
            4,
            "ConnectionError: no line",
        )
        time.advance(hours=1)
        (run,) = time.runs("report")
    assert (run.state, run.attempt) == ("succeeded", 4)
    assert run.started_at == run.fire_time + timedelta(minutes=1 + 10 + 60)


def test_a_handler_that_takes_too_long_is_timed_out() -> None:
    scheduler = Scheduler("memory:", program="office")
    deadlines: list[datetime | None] = []

    @scheduler.job(cron("0 6 * * *"), timeout=timedelta(hours=3))
    async def report(run: RunContext) -> None:
        deadlines.append(run.deadline)
        await asyncio.sleep(86_400)

    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=10)
        (run,) = time.runs("report")
    assert (run.state, run.ended_at) == ("timed_out", at("03-01 09:00"))
    assert deadlines == [run.ended_at]


def test_an_instance_that_is_off_for_a_weekend_runs_the_newest_tick_only(
    scheduler: Scheduler,
) -> None:
    with SimulatedTime(scheduler, start=at("03-05 18:00")) as time:
        time.stop()
        time.advance_to(at("03-08 08:30"))
        assert time.runs("hourly") == []
        assert "no instance has claimed it" in time.why_not("hourly", at("03-06 12:00"))
        time.start()
        time.advance()
        assert times(time.runs("hourly")) == ["03-08 08:00"]
        assert told(time.gaps("hourly")) == [("03-05 19:00", 61, "misfire")]
        assert time.runs("plain") == []
        assert told(time.gaps("plain")) == [("03-06 12:00", 2, "misfire")]
        assert time.why_not("hourly", at("03-06 12:00")) == (
            "it was skipped (misfire): it came too late, or a newer one stood for it, as one of 61 "
            "from 2027-03-05 19:00:00 UTC to 2027-03-08 07:00:00 UTC"
        )


def test_jitter_delays_a_tick_and_leaves_its_fire_time_alone() -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(stub(), every(HOUR), "report", jitter=timedelta(hours=5))
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(days=10)
        runs = time.runs("report")
        late = [run.started_at - run.fire_time for run in runs if run.started_at]
    assert [run.fire_time for run in runs[:3]] == [MIDNIGHT + n * HOUR for n in (1, 2, 3)]
    assert len(late) >= 239
    assert timedelta(0) <= min(late) < timedelta(minutes=10)
    assert timedelta(minutes=50) < max(late) < HOUR


def test_what_is_done_to_the_scheduler_is_done_to_the_simulated_fleet(program: Program) -> None:
    scheduler = program.scheduler
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.trigger("plain"))
        assert [run.kind for run in time.runs("plain")] == ["manual"]
        time.do(scheduler.pause("hourly", who="anna", why="stocktaking"))
        time.advance(hours=5)
        assert time.runs("hourly") == []
        assert time.why_not("hourly", at("03-01 03:00")) == "the job is paused by anna: stocktaking"
        time.do(scheduler.resume("hourly"))
        time.advance(hours=1)
        assert times(time.runs("hourly")) == ["03-01 06:00"]
        time.do(scheduler.skip_next("hourly"))
        time.advance(hours=1)
        assert told(time.gaps("hourly")) == [
            ("03-01 01:00", 5, "paused"),
            ("03-01 07:00", 1, "by_hand"),
        ]


def test_a_pause_comes_to_its_end(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.pause("hourly", until=at("03-01 04:00")))
        time.advance(hours=6)
        assert times(time.runs("hourly")) == ["03-01 04:00", "03-01 05:00", "03-01 06:00"]
        assert told(time.gaps("hourly")) == [("03-01 01:00", 3, "paused")]


def test_a_pause_that_ended_while_the_instance_was_off_is_over_when_it_is_back(
    scheduler: Scheduler,
) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.pause("hourly", until=at("03-01 03:00")))
        time.advance(hours=1)
        time.stop()
        time.advance(hours=6)
        time.start()
        time.advance(hours=3)
        assert times(time.runs("hourly"))[-1] == "03-01 10:00"
        assert told(time.gaps("hourly"))[0] == ("03-01 01:00", 2, "paused")


def test_a_handler_that_triggers_another_job_triggers_the_simulated_one(
    program: Program,
) -> None:
    async def nightly(run: RunContext) -> None:
        await program.scheduler.trigger("plain", key=run.run_id)

    with SimulatedTime(
        program.scheduler, start=MIDNIGHT, handlers={"nightly": nightly}, stub_others=True
    ) as time:
        time.advance(hours=3)
        assert [run.kind for run in time.runs("plain")] == ["manual"]
    assert program.seen == []


@pytest.mark.parametrize("is_plain", [False, True])
def test_locks_are_the_simulated_fleets(program: Program, *, is_plain: bool) -> None:
    tokens: list[int] = []

    async def hourly(run: RunContext) -> None:
        async with program.scheduler.lock("door") as held:
            await asyncio.sleep(300)  # Ten times as long as it is granted for at once.
            assert held.is_held
            tokens.append(held.token)

    def plain(run: RunContext) -> None:
        with program.scheduler.lock("door") as held:
            tokens.append(held.token)

    handlers: dict[str, Any] = {"plain": plain} if is_plain else {"hourly": hourly}
    with SimulatedTime(
        program.scheduler, start=at("03-01 11:00"), handlers=handlers, stub_others=True
    ) as time:
        time.advance(hours=1, minutes=10)
        (name,) = handlers
        assert states(time.runs(name)) == ["succeeded"]
    assert len(tokens) == 1


def test_history_forgets_in_the_store_and_not_in_the_test() -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(stub(takes=timedelta(minutes=90)), every(HOUR), "report")
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(days=60)
        assert len(time.do(scheduler.runs("report", limit=1000))) < 300
        assert len(time.runs("report")) == len(time.gaps("report")) == 60 * 12
        assert time.why_not("report", at("03-01 01:00")).startswith("it ran: succeeded, attempt 1")
        assert "overlap" in time.why_not("report", at("03-01 02:00"))


def test_runs_are_told_in_order_whatever_the_history_kept_longer() -> None:
    scheduler = Scheduler("memory:", program="office")
    broken = stub(raises=OSError("no paper"), times=3)
    scheduler.add_job(broken, every(HOUR), "report")
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(days=30)
        fire_times = [run.fire_time for run in time.runs("report")]
        assert states(time.runs("report"))[:4] == ["failed", "failed", "failed", "succeeded"]
    assert fire_times == sorted(fire_times)


def test_why_not_has_an_answer_for_every_time(scheduler: Scheduler) -> None:
    broken = stub(raises=OSError("no paper"))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"plain": broken}) as time:
        time.advance(days=1)
        assert time.why_not("plain", at("03-01 12:00")) == (
            "it ran: failed, attempt 1 at 2027-03-01 12:00:00 UTC: OSError: no paper"
        )
        assert time.why_not("plain", at("03-01 13:00")) == (
            "it is no fire time of 'at 12:00 every day': the last before it is "
            "2027-03-01 12:00:00 UTC, the next after it 2027-03-02 12:00:00 UTC"
        )
        assert time.why_not("plain", at("03-03 12:00")) == (
            "it is still to come: it is due at 2027-03-03 12:00:00 UTC"
        )
        assert time.why_not("plain", datetime(2027, 2, 3, 12, tzinfo=UTC)).startswith(
            "it was over when the job was first declared"
        )
        with pytest.raises(SimulationError, match="has no time zone"):
            time.why_not("plain", datetime(2027, 3, 1, 12))  # noqa: DTZ001 - what must be refused


def test_every_reason_has_words() -> None:
    assert set(IN_WORDS) == {reason.value for reason in Reason}


def test_the_scheduler_is_afterwards_as_it_was(program: Program) -> None:
    scheduler = program.scheduler
    before, threads = dict(vars(scheduler)), set(threading.enumerate())
    for _ in range(2):
        with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"hourly": stub()}) as time:
            time.advance(hours=2)
            assert len(time.runs("hourly")) == 2
    assert vars(scheduler) == before
    assert threads.issuperset(threading.enumerate())


def test_whatever_the_block_raises_everything_ends(scheduler: Scheduler) -> None:
    before = dict(vars(scheduler))
    ended: list[str] = []

    async def hourly(run: RunContext) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(run.run_id)

    def fails() -> None:
        with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"hourly": hourly}) as time:
            time.advance(hours=1.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert len(ended) == 1
    assert vars(scheduler) == before


def test_a_test_that_would_wait_for_ever_is_told_so(scheduler: Scheduler) -> None:
    async def endless(run: RunContext) -> None:
        for _ in iter(int, 1):
            await asyncio.sleep(0)

    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        with pytest.raises(SimulationError, match="within a day of simulated time"):
            time.do(asyncio.Event().wait())
        time.advance(hours=1)
        assert time.now == at("03-02 01:00")
    with (
        pytest.raises(SimulationError, match="so much happens that no time passes"),
        SimulatedTime(scheduler, start=MIDNIGHT, handlers={"hourly": endless}) as time,
    ):
        time.advance(hours=1)


async def _reach(_: RunContext) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _start_a_process(_: RunContext) -> None:
    await asyncio.create_subprocess_exec("true")


@pytest.mark.parametrize("handler", [_reach, _start_a_process])
def test_a_handler_that_waits_for_the_outer_world_fails_with_a_hint(
    scheduler: Scheduler, handler: Any
) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"hourly": handler}) as time:
        time.advance(hours=1)
        (run,) = time.runs("hourly")
    assert run.state == "failed"
    assert "simulated time does not wait for networks" in run.error


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"start": datetime(2027, 3, 1)}, "has no time zone"),  # noqa: DTZ001 - what must be refused
        ({"handlers": {"weekly": stub()}}, "there is no job 'weekly'"),
        ({"handlers": {"hourly": lambda: None}}, "must take one argument"),
        ({"instances": 0}, "at least one instance"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    scheduler: Scheduler, options: dict[str, Any], hint: str
) -> None:
    before = dict(vars(scheduler))
    given: dict[str, Any] = {"start": MIDNIGHT, **options}
    with pytest.raises(CronfleetError, match=hint), SimulatedTime(scheduler, **given):
        pass
    assert vars(scheduler) == before


def test_steps_that_cannot_be_taken_are_refused(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        with pytest.raises(SimulationError, match="cannot go back"):
            time.advance_to(MIDNIGHT - HOUR)
        with pytest.raises(SimulationError, match="cannot go back"):
            time.advance(hours=-1)
        with pytest.raises(SimulationError, match="instance 1 is at work already"):
            time.start()
        with pytest.raises(SimulationError, match="there is no instance 2"):
            time.stop(2)
        time.stop()
        with pytest.raises(SimulationError, match="instance 1 is not at work"):
            time.stop()
        with pytest.raises(UnknownJobError, match="hourly, nightly, plain"):
            time.runs("weekly")
        with SimulatedTime(Program().scheduler, start=MIDNIGHT) as other:
            other.advance(hours=1)
            assert len(other.runs("hourly")) == 1


async def test_a_scheduler_at_work_cannot_be_simulated(scheduler: Scheduler) -> None:
    async with scheduler:
        with pytest.raises(CronfleetError, match="close it first"):
            async with SimulatedTime(scheduler, start=MIDNIGHT):
                pass
