"""What stands in a fleet, and when somebody hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cronfleet.apps.alerting.conditions import (
    EVENTS_STAND,
    MOST,
    Condition,
    Rules,
    Snapshot,
    conditions,
)
from tests.unit.apps.alerting.fleets import HOUR, MINUTE, NOW, fleet, gap, instance, job, run

RULES = Rules()
DAY = timedelta(days=1)


def titles(seen: Snapshot, rules: Rules = RULES) -> list[str]:
    return [each.title for each in conditions(seen, rules)]


def only(seen: Snapshot, rules: Rules = RULES) -> Condition:
    (found,) = conditions(seen, rules)
    return found


def test_nothing_is_told_of_a_fleet_that_is_well() -> None:
    seen = fleet(run(), run(ago=2 * HOUR), gaps=(gap("paused"),), instances=[instance()])
    assert titles(seen) == []


@pytest.mark.parametrize("state", ["failed", "timed_out"])
def test_a_job_has_failed_until_it_succeeds(state: str) -> None:
    bad = run(state, error="no ink\n in the printer", attempt=3)
    found = only(fleet(bad))
    assert found.title == "report failed"
    assert "attempt 3, on anna:1: no ink. See: cronfleet runs report" in found.said
    assert titles(fleet(run(ago=MINUTE * 5), bad)) == []
    assert titles(fleet(run("cancelled", ago=MINUTE * 5), bad)) == ["report failed"]
    assert titles(fleet(bad, run(ago=2 * HOUR))) == ["report failed"]


def test_a_long_run_that_fails_late_counts_by_its_end() -> None:
    slow = run("failed", ago=3 * HOUR, ended_at=NOW - MINUTE)
    assert titles(fleet(run(ago=HOUR), slow)) == ["report failed"]


def test_controls_in_an_error_are_not_passed_on() -> None:
    found = only(fleet(run("failed", error="\x1b[31mred\r\nSubject: x")))
    assert found.said.isprintable()
    assert "Subject" not in found.said


@pytest.mark.parametrize("reason", ["misfire", "no_instance"])
def test_a_missed_tick_is_told_once_with_what_to_ask(reason: str) -> None:
    found = only(fleet(gaps=(gap(reason, count=3),)))
    assert found.title == "report was missed, 2027-03-01 09:58 UTC"
    assert "3 ticks of report did not run" in found.said
    assert "cronfleet why report 2027-03-01T11:58:00Z" in found.said
    assert found.is_event


@pytest.mark.parametrize("reason", ["overlap", "paused", "by_hand", "removed", "poisoned"])
def test_what_was_ordered_or_is_a_policy_is_not_missed(reason: str) -> None:
    assert titles(fleet(gaps=(gap(reason),))) == []


def test_what_has_happened_long_ago_is_told_no_more() -> None:
    assert titles(fleet(gaps=(gap(ago=EVENTS_STAND),))) != []
    assert titles(fleet(gaps=(gap(ago=EVENTS_STAND + MINUTE),))) == []


def test_a_job_is_late_when_nobody_begins() -> None:
    late = job(next_due=NOW - 6 * MINUTE)
    assert titles(fleet(jobs=[late])) == ["report is late"]
    assert titles(fleet(jobs=[job(next_due=NOW - 4 * MINUTE)])) == []
    assert titles(fleet(jobs=[job(next_due=NOW - 6 * MINUTE, state="paused")])) == []
    unknown = job(next_due=NOW - 6 * MINUTE, undeclared_since=NOW - HOUR)
    assert "No instance at work knows it." in only(fleet(jobs=[unknown])).said


def test_a_run_takes_too_long_by_the_rule_and_by_what_is_usual() -> None:
    hanging = run("started", ago=2 * HOUR)
    found = only(fleet(hanging))
    assert found.title == f"{hanging.id} runs too long"
    assert f"cronfleet cancel {hanging.id}" in found.said
    usual = run(ago=DAY, ended_at=NOW - DAY + HOUR)
    assert titles(fleet(hanging, usual)) == []
    assert titles(fleet(run("started", ago=HOUR / 2))) == []
    assert titles(fleet(run("started", ago=HOUR / 2)), Rules(longer_than=MINUTE)) != []


def test_a_job_without_a_success_for_long_is_told() -> None:
    rules = Rules(not_succeeded_for=DAY)
    old, bad = run(ago=2 * DAY), run("cancelled", ago=HOUR)
    assert titles(fleet(bad, old), rules) == ["report has not succeeded"]
    assert "no success since 2027-02-27 12:01 UTC" in only(fleet(bad, old), rules).said
    assert titles(fleet(bad, run(ago=HOUR)), rules) == []
    assert titles(fleet(bad, old)) == []
    assert titles(fleet(), rules) == []


def test_one_that_never_succeeded_counts_from_the_first_that_is_known() -> None:
    rules = Rules(not_succeeded_for=HOUR)
    assert titles(fleet(run("cancelled", ago=2 * HOUR)), rules) == ["report has not succeeded"]
    skipped = (gap("overlap", count=5),)
    assert titles(fleet(gaps=skipped), rules) == ["report has not succeeded"]


def test_a_time_for_a_single_job_goes_before_that_for_all() -> None:
    old = fleet(run(ago=2 * HOUR))
    assert titles(old, Rules(not_succeeded_for=DAY)) == []
    assert titles(old, Rules(not_succeeded_for=HOUR, jobs_not_succeeded_for={"report": DAY})) == []
    single = Rules(jobs_not_succeeded_for={"report": HOUR})
    assert titles(old, single) == ["report has not succeeded"]


def test_a_poisoned_job_is_told_with_the_way_out() -> None:
    paused = job(state="paused", paused_reason="poisoned", paused_why="run report@1 lost it")
    found = only(fleet(jobs=[paused]))
    assert found.title == "report is poisoned"
    assert "cronfleet resume report" in found.said


def test_an_instance_that_took_runs_with_it_is_gone() -> None:
    lost = [run("lost", ago=n * MINUTE, error="its instance is gone") for n in (5, 6)]
    found = conditions(fleet(*lost), RULES)[0]
    assert found.title == "instance anna:1 is gone"
    assert f"it took 2 of its runs with it, such as {lost[0].id}" in found.said
    assert found.is_event


def test_an_instance_that_is_silent_is_gone_too() -> None:
    assert titles(fleet(instances=[instance(left=-MINUTE)])) == ["instance carl:7 is gone"]
    assert titles(fleet(instances=[instance()])) == []


def test_the_store_and_an_overload_are_told() -> None:
    seen = fleet(downgrades=["it forgets; fsync lifts that"], backlog="20 jobs wait\nfor seats")
    assert titles(seen) == [
        "the fleet is overloaded",
        "the store promises less: it forgets; fsync lifts that",
    ]


def test_a_time_in_which_nobody_looked_is_told() -> None:
    found = only(fleet(looks=[NOW - 6 * MINUTE, NOW]))
    assert found.title == "nobody looked since 2027-03-01 11:54 UTC"
    assert found.is_event
    assert titles(fleet(looks=[NOW - 4 * MINUTE, NOW])) == []


def test_whoever_did_not_hear_that_nobody_looked_still_does_for_an_hour() -> None:
    away = NOW - 20 * HOUR
    assert titles(fleet(looks=[away, NOW - HOUR])) == ["nobody looked since 2027-02-28 16:00 UTC"]
    assert titles(fleet(looks=[away, NOW - HOUR - MINUTE, NOW - HOUR])) == []


def test_what_an_application_tells_comes_last() -> None:
    parked = Condition("notices are parked", "3 of them")
    assert titles(fleet(run("failed"), probed=[parked])) == ["report failed", parked.title]


def test_many_conditions_are_bounded_and_counted() -> None:
    jobs = [job(name=f"job{n}", next_due=NOW - HOUR) for n in range(MOST + 7)]
    found = conditions(fleet(jobs=jobs), RULES)
    assert len(found) == MOST + 1
    assert found[-1].said.startswith("7 more conditions stand")


def test_of_too_many_conditions_those_that_were_told_stay() -> None:
    """Else they would seem to be over."""
    jobs = [job(name=f"job{n:03}", next_due=NOW - HOUR) for n in range(MOST + 1)]
    told = {each.title for each in conditions(fleet(jobs=jobs), RULES)}
    more = [job(name="a job above all others", next_due=NOW - HOUR), *jobs]
    assert {each.title for each in conditions(fleet(jobs=more), RULES, told)} == told


def test_a_tick_with_shards_takes_too_long_by_the_instant_at_which_it_was_made() -> None:
    hanging = run("sharded", ago=2 * HOUR, started_at=None, ended_at=None, instance="")
    assert only(fleet(hanging)).said.startswith(f"{hanging.id} has run since 2027-03-01 10:00 UTC.")
    usual = run(ago=DAY, started_at=None, ended_at=NOW - DAY + HOUR)
    assert titles(fleet(hanging, usual)) == []
