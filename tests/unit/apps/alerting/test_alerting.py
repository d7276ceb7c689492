"""Alerts of a fleet that lives through its troubles: each told once, and once when it is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from cronfleet import Scheduler, cron, every
from cronfleet.apps.alerting import JOB, Condition, Message, NotToldError, Rules, register
from cronfleet.testing import SimulatedTime, stub
from tests.unit.testing.worlds import HOUR, MIDNIGHT, at


class Ear:
    """A channel that hears everything, unless it is deaf."""

    def __init__(self, name: str = "ear") -> None:
        self.name = name
        self.heard: list[Message] = []
        self.is_deaf = False

    def describe(self) -> str:
        return self.name

    async def send(self, message: Message) -> None:
        if self.is_deaf:
            raise NotToldError(f"{self.name} is deaf")
        self.heard.append(message)

    @property
    def begun(self) -> list[str]:
        return [each.title for message in self.heard for each in message.news.begun]

    @property
    def over(self) -> list[str]:
        return [each.title for message in self.heard for each in message.news.over]


class Printer:
    """A handler that fails until it has paper."""

    has_paper = False

    async def __call__(self, _: object) -> None:
        if not self.has_paper:
            raise RuntimeError("no paper")


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def printer() -> Printer:
    return Printer()


@pytest.fixture
def scheduler(ear: Ear, printer: Printer) -> Scheduler:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, cron("0 * * * *"), "report")
    register(scheduler, [ear])
    return scheduler


def test_a_failure_is_told_once_and_its_end_once(
    scheduler: Scheduler, ear: Ear, printer: Printer
) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=3, minutes=30)
        assert (ear.begun, ear.over) == (["report failed"], [])
        printer.has_paper = True
        time.advance(hours=3)
    assert (ear.begun, ear.over) == (["report failed"], ["report failed"])
    assert "RuntimeError: no paper" in ear.heard[0].text
    assert "(it stood since 2027-03-01T01:0" in ear.heard[1].text


def test_what_was_told_outlives_the_instances(scheduler: Scheduler, ear: Ear) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT, instances=2) as time:
        time.advance(hours=1, minutes=5)
        for instance in (1, 2):
            time.kill(instance)
            time.start(instance)
            time.advance(minutes=2)
        assert ear.begun == ["report failed"]


def test_a_whole_night_without_the_fleet_is_told_when_it_is_back(
    scheduler: Scheduler, ear: Ear, printer: Printer
) -> None:
    printer.has_paper = True
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=5)
        time.stop()
        time.advance(hours=8)
        time.start()
        time.advance(minutes=10)
    assert ear.begun == [
        "nobody looked since 2027-03-01 01:05 UTC",
        "report was missed, 2027-03-01 02:00 UTC",
    ]
    assert ear.over == []


def test_a_channel_that_fails_is_told_again_and_no_other(printer: Printer) -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, cron("0 * * * *"), "report")
    good, deaf = Ear("good"), Ear("deaf")
    deaf.is_deaf = True
    register(scheduler, [good, deaf])
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=3)
        failed = [run for run in time.runs(JOB) if run.state == "failed"]
        assert failed
        assert "deaf is deaf" in failed[0].error
        assert good.begun == ["report failed", f"{JOB} failed"]
        deaf.is_deaf = False
        time.advance(minutes=2)
    assert sorted(deaf.begun) == [f"{JOB} failed", "report failed"]
    assert good.over == deaf.over == [f"{JOB} failed"]


def test_what_was_told_is_in_the_audit(scheduler: Scheduler) -> None:
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=3)
        (told,) = time.do(scheduler.audit())
    assert (told.verb, told.job, told.who, told.why) == (
        "update",
        JOB,
        JOB,
        "told: report failed",
    )


def test_a_fleet_that_is_well_leaves_nothing_behind(
    scheduler: Scheduler, ear: Ear, printer: Printer
) -> None:
    printer.has_paper = True
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=5)
        assert time.do(scheduler.audit()) == []
        assert {run.state for run in time.runs(JOB)} == {"succeeded"}
    assert ear.heard == []


def test_rules_and_probes_are_asked_each_time(printer: Printer, ear: Ear) -> None:
    printer.has_paper = True
    parked = [Condition("notices are parked", "3 of them")]

    async def probe() -> list[Condition]:
        return parked

    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, every(timedelta(days=2)), "report")
    scheduler.add_job(stub(), cron("0 1 1 3 *"), "yearly")
    rules = Rules(jobs_not_succeeded_for={"yearly": 5 * HOUR})
    register(scheduler, [ear], rules, fleet="kitchen", probes=[probe])
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=2)
        assert ear.begun == ["notices are parked"]
        parked.clear()
        time.advance_to(at("03-01 07:00"))
    assert ear.over == ["notices are parked"]
    assert ear.begun[1:] == ["yearly has not succeeded"]
    assert ear.heard[0].subject == "[cronfleet kitchen] notices are parked"


def test_a_probe_that_fails_keeps_nothing_else_back(ear: Ear, printer: Printer) -> None:
    async def probe() -> list[Condition]:
        raise ConnectionError("no database")

    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, cron("0 * * * *"), "report")
    register(scheduler, [ear], probes=[probe])
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=2)
    assert ear.begun == ["an application cannot be asked", "report failed"]
    assert "no database" in ear.heard[0].text


@pytest.mark.parametrize("hours", [0, 1])
def test_a_channel_that_breaks_or_hangs_is_no_reason_to_tell_the_others_twice(
    printer: Printer, ear: Ear, hours: int
) -> None:
    class Broken(Ear):
        async def send(self, message: Message) -> None:
            await asyncio.sleep(hours * 3_600)
            raise OSError("no line")

    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, cron("0 * * * *"), "report")
    register(scheduler, [ear, Broken("broken")])
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=5)
        assert "timed_out" not in {run.state for run in time.runs(JOB)}
    assert ear.begun == ["report failed", f"{JOB} failed"]


def test_a_probe_that_hangs_keeps_nothing_else_back(printer: Printer, ear: Ear) -> None:
    async def probe() -> list[Condition]:
        await asyncio.sleep(3_600)
        return []

    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, cron("0 * * * *"), "report")
    register(scheduler, [ear], probes=[probe])
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=2)
    assert ear.begun == ["an application cannot be asked", "report failed"]
    assert "TimeoutError" in ear.heard[0].text


def test_a_tick_is_found_behind_its_many_shards(printer: Printer, ear: Ear) -> None:
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, cron("0 * * * *"), "report", shards=60)
    register(scheduler, [ear])
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(hours=1, minutes=3)
    assert ear.begun == ["report failed"]


def test_a_success_is_found_behind_many_failures(printer: Printer, ear: Ear) -> None:
    printer.has_paper = True
    scheduler = Scheduler("memory:", program="office")
    scheduler.add_job(printer, every(timedelta(minutes=1)), "report")
    register(scheduler, [ear], Rules(not_succeeded_for=2 * HOUR))
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(minutes=10)
        printer.has_paper = False
        time.advance(hours=2, minutes=5)
    assert ear.begun == ["report failed", "report has not succeeded"]


def test_that_nobody_looked_is_told_by_a_channel_that_fails_at_first(
    scheduler: Scheduler, ear: Ear, printer: Printer
) -> None:
    printer.has_paper = True
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        time.advance(minutes=15)
        time.stop()
        time.advance(minutes=30)
        ear.is_deaf = True
        time.start()
        time.advance(minutes=20)
        ear.is_deaf = False
        time.advance(minutes=2)
    assert ear.begun.count("nobody looked since 2027-03-01 00:15 UTC") == 1
