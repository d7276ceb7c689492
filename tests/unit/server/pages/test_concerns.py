from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet import InstanceInfo, Latest
from cronfleet.server.pages.concerns import Concern, Weight, concerns_of, is_silent
from tests.unit.server.pages.fleets import (
    NOON,
    SECOND,
    TTL,
    WELL,
    failed,
    fleet,
    gap,
    instance,
    job,
    run,
)


def only(concerns: list[Concern]) -> Concern:
    (concern,) = concerns
    return concern


def test_a_fleet_that_is_well_needs_nobody() -> None:
    assert concerns_of(fleet(job(), latest={"report": Latest([run()], [])})) == []


def test_a_job_that_failed_is_named_with_its_run_and_its_words() -> None:
    last = failed()
    concern = only(concerns_of(fleet(latest={"report": Latest([last], [])})))
    assert (concern.weight, concern.title) == (Weight.BAD, "report failed")
    assert (concern.run, concern.at, concern.detail) == (last.id, last.ended_at, "no paper")


@pytest.mark.parametrize(
    ("outcome", "title"), [("timed_out", "report took too long"), ("lost", "report lost its")]
)
def test_each_way_to_fail_has_its_words(outcome: str, title: str) -> None:
    last = run(state=outcome, outcome=outcome)
    assert only(concerns_of(fleet(latest={"report": Latest([last], [])}))).title.startswith(title)


def test_a_failure_that_a_success_followed_is_over() -> None:
    assert concerns_of(fleet(latest={"report": Latest([run(), failed()], [])})) == []


def test_a_failure_that_is_tried_again_weighs_less_and_says_so() -> None:
    again = failed(attempt=2)
    again = replace(again, state="pending", ended_at=None)
    concern = only(concerns_of(fleet(latest={"report": Latest([again], [])})))
    assert (concern.weight, concern.to_do) == (Weight.WARN, "Attempt 2 follows by itself.")


def test_a_shard_that_failed_is_told_with_its_whole() -> None:
    shard = failed(shard=1, shards=3)
    assert concerns_of(fleet(latest={"report": Latest([shard, run()], [])})) == []


@pytest.mark.parametrize("reason", ["misfire", "no_instance", "overlap", "poisoned"])
def test_a_missed_tick_says_why_and_what_to_do(reason: str) -> None:
    concern = only(concerns_of(fleet(latest={"report": Latest([], [gap(reason)])})))
    assert (concern.weight, concern.title) == (Weight.WARN, "report missed 1 tick")
    assert concern.detail.startswith("It ")
    assert concern.to_do


def test_missed_ticks_are_counted_as_far_as_they_are() -> None:
    def title(count: int) -> str:
        return only(concerns_of(fleet(latest={"report": Latest([], [gap(count=count)])}))).title

    assert title(2) == "report missed 2 ticks"
    assert title(10_001) == "report missed more than 10,000 ticks"


@pytest.mark.parametrize("reason", ["by_hand", "paused"])
def test_what_people_skipped_concerns_nobody(reason: str) -> None:
    assert concerns_of(fleet(latest={"report": Latest([], [gap(reason)])})) == []


def test_what_was_missed_long_ago_concerns_nobody() -> None:
    old = gap(last=NOON - timedelta(days=1))
    assert concerns_of(fleet(latest={"report": Latest([], [old])})) == []


def test_a_tick_that_nobody_claims_is_late() -> None:
    late = job(next_due=NOON - 40 * SECOND)
    concern = only(concerns_of(fleet(late)))
    assert (concern.title, concern.at) == ("report is late", late.next_due)
    assert "due since 40 s" in concern.detail
    assert concerns_of(fleet(job(next_due=NOON - 5 * SECOND))) == []


def test_a_job_without_an_instance_is_told_once() -> None:
    lost = job(next_due=NOON - 40 * SECOND, undeclared_since=NOON - 60 * SECOND)
    assert only(concerns_of(fleet(lost))).title == "report has no instance"


def test_a_poisoned_job_is_told() -> None:
    poisoned = job(state="paused", paused_reason="poisoned", next_due=None)
    assert only(concerns_of(fleet(poisoned))).title == "report is paused as poisoned"


def test_a_job_that_somebody_paused_is_a_mild_concern() -> None:
    paused = job(
        state="paused", paused_reason="paused", paused_by="anna", paused_why="a fair", next_due=None
    )
    since = NOON - 60 * SECOND
    concern = only(concerns_of(fleet(paused, paused_at={"report": since})))
    assert (concern.weight, concern.title) == (Weight.MILD, "report is paused by anna")
    assert (concern.at_words, concern.at, concern.detail) == ("since", since, "a fair")


def test_a_pause_that_no_order_tells_of_has_no_time_and_no_name() -> None:
    concern = only(concerns_of(fleet(job(state="paused", paused_reason="paused"))))
    assert (concern.title, concern.at) == ("report is paused", None)


def test_an_instance_is_silent_once_half_of_its_lease_has_passed() -> None:
    silent, heard = instance("a", TTL / 2 + SECOND, held=3), instance("b", TTL / 2)
    seen = fleet(instances=[silent, heard])
    assert [is_silent(each, seen) for each in (silent, heard)] == [True, False]
    concern = only(concerns_of(seen))
    assert concern.title == "a is not heard from"
    assert "6.0 s ago and holds 3 runs" in concern.detail


def test_a_fleet_without_instances_runs_nothing() -> None:
    empty = replace(fleet(), instances=())
    assert only(concerns_of(empty)).title == "No instance is at work"


def test_instances_whose_lease_is_over_are_not_at_work() -> None:
    dead = [instance("a", TTL, held=3), instance("b", 3 * TTL)]
    health = replace(WELL, ready=False, detail="the clock leapt")
    seen = fleet(job(), instances=dead, health=health)
    told = concerns_of(seen)
    assert [each.title for each in told] == [
        "No instance is at work",
        "This instance makes no claims",
        "a is not heard from",
        "b is not heard from",
    ]
    assert (list(seen.at_work), told[0].to_do) == ([], "Start one: `cronfleet run`.")


def test_the_others_take_over_only_where_there_are_others() -> None:
    def said(*others: InstanceInfo) -> str:
        return only(concerns_of(fleet(instances=[silent, *others]))).detail

    silent = instance("a", TTL / 2 + SECOND)
    assert said(instance("b")).endswith("the others take over when its lease is over.")
    assert "the others" not in said()
    assert "the next one that starts does" in said()


def test_an_instance_that_claims_nothing_says_why() -> None:
    health = replace(WELL, ready=False, detail="the clock leapt")
    assert only(concerns_of(fleet(health=health))).detail == "the clock leapt"


def test_a_store_that_is_away_comes_first_and_says_so_once() -> None:
    health = replace(WELL, ready=False, detail="the store is away")
    concerns = concerns_of(fleet(job(next_due=NOON - 40 * SECOND), health=health, trouble="gone"))
    assert [each.title for each in concerns] == [
        "The store memory: does not answer",
        "report is late",
    ]
    assert (concerns[0].at_words, concerns[0].at) == ("last heard from", NOON)


def test_a_backlog_is_told() -> None:
    health = replace(WELL, backlog="700 ticks wait for seats")
    assert only(concerns_of(fleet(health=health))).detail == "700 ticks wait for seats"


def test_the_heavier_come_first_then_the_newer() -> None:
    jobs = [job(name) for name in ("a", "b", "c")]
    latest = {
        "a": Latest([failed("a", ended_at=NOON - 9 * SECOND)], []),
        "b": Latest([failed("b", ended_at=NOON - 3 * SECOND)], []),
        "c": Latest([], [gap()]),
    }
    told = [each.title for each in concerns_of(fleet(*jobs, latest=latest))]
    assert told == ["b failed", "a failed", "report missed 1 tick"]
