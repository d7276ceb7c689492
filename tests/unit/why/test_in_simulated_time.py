"""Why a tick did not run, asked of a fleet that lived through it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronfleet import (
    Explanation,
    History,
    Scheduler,
    TickVerdict,
    UnknownJobError,
    cron,
    every,
)
from cronfleet.testing import SimulatedTime, stub
from cronfleet.testing.simulation.faces import Simulation
from tests.unit.testing.worlds import HOUR, MIDNIGHT, at

BERLIN = "Europe/Berlin"


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(stub(), cron("0 * * * *"), "report")
    return scheduler


class Asking:
    """A question to a fleet in simulated time."""

    def __init__(self, scheduler: Scheduler, time: Simulation) -> None:
        self._scheduler = scheduler
        self._time = time

    def __call__(self, when: datetime | str, job: str = "report") -> Explanation:
        moment = when if isinstance(when, datetime) else datetime.fromisoformat(when)
        return self._time.do(self._scheduler.why(job, moment))


def test_a_tick_that_ran_says_when_and_how_late(scheduler: Scheduler) -> None:
    slow = stub(takes=timedelta(minutes=2))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": slow}) as time:
        time.advance(hours=2)
        found = Asking(scheduler, time)("2027-03-01 01:00")
    assert (found.verdict, found.is_well, found.advice) == (TickVerdict.SUCCEEDED, True, "")
    assert found.run is not None
    assert found.sentence == (
        "report ran for Monday 2027-03-01 01:00 UTC: it was started on time on "
        f"{found.run.instance} and succeeded after 2 min."
    )


def test_a_tick_that_failed_says_why(scheduler: Scheduler) -> None:
    broken = stub(raises=ConnectionError("no line\nat all"))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": broken}) as time:
        time.advance(hours=1)
        found = Asking(scheduler, time)(at("03-01 01:00"))
    assert (found.verdict, found.is_well) == (TickVerdict.FAILED, False)
    assert found.sentence.endswith("ConnectionError: no line.")
    assert "cronfleet trigger report" in found.advice


def test_a_paused_job_says_by_whom_since_when_and_why(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        ask = Asking(scheduler, time)
        time.do(scheduler.pause("report", who="anna", why="stocktaking"))
        time.advance(hours=2)
        now = ask(at("03-01 01:00"))
        time.do(scheduler.resume("report", who="ben"))
        later = ask(at("03-01 01:00"))
    assert (now.verdict, later.verdict) == (TickVerdict.PAUSED, TickVerdict.PAUSED)
    assert now.sentence == (
        "report did not run for Monday 2027-03-01 01:00 UTC: the job is paused by anna on "
        "2027-03-01 00:00 UTC (stocktaking)."
    )
    assert now.advice == "go on with it: cronfleet resume report"
    assert later.sentence == (
        "report did not run for Monday 2027-03-01 01:00 UTC: the job was paused by anna on "
        "2027-03-01 00:00 UTC (stocktaking), and resumed by ben on 2027-03-01 02:00 UTC."
    )
    assert [order.verb for order in later.orders] == ["pause", "resume"]
    assert later.gap is not None


def test_a_pause_that_ended_by_itself_says_so(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        ask = Asking(scheduler, time)
        time.do(scheduler.pause("report", until=at("03-01 03:00"), who="anna"))
        time.advance(hours=2)
        now = ask(at("03-01 01:00"))
        time.advance(hours=2)
        later = ask(at("03-01 01:00"))
    assert now.advice == (
        "it goes on by itself on 2027-03-01 03:00 UTC; sooner: cronfleet resume report"
    )
    assert (later.verdict, later.orders[-1].verb) == (TickVerdict.PAUSED, "resume")
    assert "resumed by" in later.sentence
    assert "on 2027-03-01 03:00 UTC (its pause has come to its end)" in later.sentence


def test_after_a_pause_that_nobody_was_there_to_end_it_is_not_the_pause(
    scheduler: Scheduler,
) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        ask = Asking(scheduler, time)
        time.do(scheduler.pause("report", until=at("03-01 03:00"), who="anna"))
        time.stop()
        time.advance(hours=6)
        within, after = ask(at("03-01 02:00")), ask(at("03-01 05:00"))
    assert (within.verdict, after.verdict) == (TickVerdict.PAUSED, TickVerdict.FLEET_DOWN)
    assert within.advice.endswith("an instance of its program must be at work")


def test_an_overlap_names_the_run_that_was_in_the_way(scheduler: Scheduler) -> None:
    slow = stub(takes=timedelta(minutes=90))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": slow}) as time:
        time.advance(hours=6)
        ask = Asking(scheduler, time)
        over, current = ask(at("03-01 02:00")), ask(at("03-01 06:00"))
    assert over.verdict is TickVerdict.OVERLAP
    (other,) = over.in_the_way
    assert other.fire_time == at("03-01 01:00")
    assert over.sentence.endswith(
        f"its run {other.id} was still active on {other.instance} since 2027-03-01 01:00 UTC "
        "until 2027-03-01 02:30 UTC."
    )
    (hanging,) = current.in_the_way
    assert current.advice == f"if that run hangs: cronfleet cancel {hanging.id}"


def test_a_skipped_tick_says_by_whom(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.skip_next("report", who="anna", why="no paper"))
        time.do(scheduler.skip_next("report", who="ben", why="no ink"))
        time.advance(hours=3)
        ask = Asking(scheduler, time)
        first, second = ask(at("03-01 01:00")), ask(at("03-01 02:00"))
    assert first.verdict is second.verdict is TickVerdict.BY_HAND
    assert "by anna on 2027-03-01 00:00 UTC (no paper)" in first.sentence
    assert "by ben" in second.sentence


def test_a_fleet_that_was_down_names_the_last_that_was_seen(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=2)
        time.kill()
        time.advance(hours=12)
        ask = Asking(scheduler, time)
        down = ask(at("03-01 05:00"))
        time.start()
        time.advance(hours=1)
        back = ask(at("03-01 05:00"))
    assert down.verdict is back.verdict is TickVerdict.FLEET_DOWN
    assert "no instance is at work" in down.sentence
    assert back.last_seen is not None
    assert back.last_seen.fire_time == at("03-01 02:00")
    assert back.last_seen.instance in back.sentence
    assert "until 2027-03-01 14:00 UTC" in back.sentence
    assert back.gap is not None
    assert "(11 ticks, 2027-03-01 03:00 UTC to 2027-03-01 13:00 UTC)" in back.sentence


def test_a_lost_run_says_which_attempt_and_where(scheduler: Scheduler) -> None:
    slow = stub(takes=timedelta(minutes=30))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": slow}) as time:
        time.advance(hours=1, minutes=1)
        time.kill()
        time.start()
        time.advance(minutes=5)
        found = Asking(scheduler, time)(at("03-01 01:00"))
    assert found.verdict is TickVerdict.LOST
    assert found.run is not None
    assert f"on {found.run.instance}, and its instance was gone" in found.sentence
    assert 'on_lost="rerun"' in found.advice


def test_a_poisoned_job_says_so_while_it_is_paused_and_after() -> None:
    scheduler = Scheduler("memory:", program="office")
    slow = stub(takes=timedelta(minutes=30))
    scheduler.add_job(slow, cron("0 * * * *"), "report", on_lost="rerun")
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": slow}) as time:
        time.advance(hours=1, minutes=1)
        for _ in range(3):
            time.kill()
            time.start()
            time.advance(minutes=3)
        time.advance(hours=2)
        ask = Asking(scheduler, time)
        now = ask(at("03-01 02:00"))
        time.do(scheduler.resume("report", who="anna"))
        later = ask(at("03-01 02:00"))
    assert now.verdict is later.verdict is TickVerdict.POISONED
    assert "lost its instance 3 times in a row" in now.sentence
    assert "resumed by anna" in later.sentence


def test_a_cancelled_run_says_by_whom(scheduler: Scheduler) -> None:
    slow = stub(takes=timedelta(minutes=30))
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": slow}) as time:
        time.advance(hours=1)
        (run,) = time.runs("report")
        time.do(scheduler.cancel(run.id, who="anna", why="wrong day"))
        time.advance(minutes=1)
        found = Asking(scheduler, time)(at("03-01 01:00"))
    assert found.verdict is TickVerdict.CANCELLED
    assert "cancelled by anna on 2027-03-01 01:00 UTC (wrong day)" in found.sentence


def test_a_run_under_way_and_one_that_waits_behind_it_are_well() -> None:
    scheduler = Scheduler("memory:", program="office")
    slow = stub(takes=timedelta(minutes=90))
    scheduler.add_job(slow, cron("0 * * * *"), "report", overlap="wait")
    with SimulatedTime(scheduler, start=MIDNIGHT, handlers={"report": slow}) as time:
        time.advance(hours=2)
        ask = Asking(scheduler, time)
        running, waiting = ask(at("03-01 01:00")), ask(at("03-01 02:00"))
        time.advance(hours=3)
        replaced = [ask(at(f"03-01 0{hour}:00")) for hour in range(2, 6)]
    assert (running.verdict, running.is_well) == (TickVerdict.RUNNING, True)
    assert (waiting.verdict, waiting.is_well) == (TickVerdict.WAITING, True)
    assert waiting.in_the_way[0].id == (running.run and running.run.id)
    (skipped,) = [each for each in replaced if each.verdict is TickVerdict.OVERLAP]
    assert "a newer tick took its place" in skipped.sentence


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [("2027-03-28 02:30", "clock_change"), ("2027-03-28 03:00", "succeeded")],
)
def test_a_time_that_clocks_skipped_ran_at_the_change(asked: str, verdict: str) -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(stub(), cron("30 2 * * *", BERLIN), "report")
    with SimulatedTime(scheduler, start=at("03-27 00:00")) as time:
        time.advance(days=2)
        found = Asking(scheduler, time)(asked)
    assert (found.verdict, found.is_well) == (verdict, True)
    assert found.fire_time == at("03-28 01:00")
    assert "clocks" in found.clock_change
    assert found.run is not None


def test_a_moved_tick_that_was_skipped_tells_both(scheduler: Scheduler) -> None:
    scheduler.add_job(stub(), cron("30 2 * * *", BERLIN), "nightly")
    with SimulatedTime(scheduler, start=at("03-27 12:00")) as time:
        time.do(scheduler.pause("nightly", who="anna"))
        time.advance(days=1)
        found = Asking(scheduler, time)("2027-03-28 02:30", "nightly")
    assert found.verdict is TickVerdict.PAUSED
    assert "paused by anna" in found.sentence
    assert "there was no 02:30" in found.sentence


def test_back_filled_ticks_say_so(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.skip_next("report"))
        time.advance(hours=2)
        time.do(scheduler.backfill("report", at("03-01 01:00"), at("03-01 01:00")))
        time.advance(minutes=1)
        found = Asking(scheduler, time)(at("03-01 01:00"))
    assert found.verdict is TickVerdict.BY_HAND
    assert [run.state for run in found.by_hand] == ["succeeded"]
    assert "it was back-filled" in found.sentence


def test_before_and_after_what_there_is(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        ask = Asking(scheduler, time)
        early = ask("2027-02-01 01:00")
        time.advance(hours=2)
        before, later = ask("2027-02-01 01:00"), ask("2027-03-01 09:00")
        none = ask("2027-03-01 01:15")
    assert early.verdict is before.verdict is TickVerdict.NOT_IN_FORCE
    assert "its first tick was that of 2027-03-01 01:00 UTC" in before.sentence
    assert (later.verdict, later.is_well) == (TickVerdict.TO_COME, True)
    assert later.sentence.endswith("in 7 h.")
    assert none.verdict is TickVerdict.NO_FIRE_TIME
    assert (none.before, none.after) == (at("03-01 01:00"), at("03-01 02:00"))


def test_what_was_pruned_is_not_made_up() -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(stub(), every(HOUR), "report", history=History(3, 3, timedelta(days=1)))
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(days=3)
        found = Asking(scheduler, time)("2027-03-01 01:00")
    assert (found.verdict, found.is_well) == (TickVerdict.PRUNED, False)
    assert "not known any more" in found.sentence


def test_a_removed_job_says_who_removed_it(scheduler: Scheduler) -> None:
    handler = scheduler.handler("extra")(stub())

    async def add() -> None:
        await scheduler.add_job(handler, cron("0 * * * *"), "extra")

    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(add())
        time.do(scheduler.remove_job("extra", who="anna", why="not wanted"))
        time.advance(hours=2)
        found = Asking(scheduler, time)("2027-03-01 01:00", "extra")
    assert found.verdict is TickVerdict.REMOVED
    assert "by anna" in found.sentence


def test_an_unknown_job_is_an_error_that_names_the_others(scheduler: Scheduler) -> None:
    with (
        SimulatedTime(scheduler, start=MIDNIGHT) as time,
        pytest.raises(UnknownJobError, match="the store has: report"),
    ):
        Asking(scheduler, time)(datetime(2027, 3, 1, 1, tzinfo=UTC), "rapport")


def test_a_tick_within_a_gap_of_another_schedule_is_in_doubt(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.do(scheduler.pause("report", who="anna"))
        time.advance(hours=5)
        time.do(scheduler.resume("report", who="ben"))
        ask, doubt = Asking(scheduler, time), "may have had no such tick"
        assert doubt not in ask("2027-03-01 02:00").sentence
        time.do(scheduler.update_job("report", schedule=cron("*/10 * * * *")))
        assert doubt in ask("2027-03-01 02:10").sentence
        assert doubt not in ask("2027-03-01 01:00").sentence
