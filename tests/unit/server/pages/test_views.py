"""What the pages show, decided from what is known of a fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cronfleet import Latest, at, cron, every
from cronfleet.server.pages.instances import instance_rows
from cronfleet.server.pages.job import (
    RUNS_SHOWN,
    JobView,
    coming,
    days_of,
    duration_chart,
    lateness_chart,
)
from cronfleet.server.pages.jobs import JOBS_SHOWN, jobs_view, state_of
from cronfleet.server.pages.overview import LANES_SHOWN, fires_until, overview_of
from cronfleet.server.pages.pictures.time_line import MOST_FIRES
from cronfleet.server.pages.playground import FIRES_SHOWN, played
from cronfleet.server.pages.policies import policies_of
from cronfleet.server.pages.run import life_of, steps_of
from cronfleet.server.pages.schedules import due_time
from tests.unit.server.pages.fleets import (
    HOURLY,
    NOON,
    SECOND,
    TTL,
    failed,
    fleet,
    gap,
    instance,
    job,
    run,
)

DAY = timedelta(days=1)
MS = timedelta(milliseconds=1)


def test_an_overview_is_well_when_nothing_is_of_concern() -> None:
    well = overview_of(fleet())
    unwell = overview_of(fleet(latest={"report": Latest([failed()], [])}))
    missed = overview_of(fleet(latest={"report": Latest([], [gap()])}))
    told = [(each.is_well, each.is_bad) for each in (well, unwell, missed)]
    assert told == [(True, False), (False, True), (False, False)]


def test_an_overview_is_well_but_for_a_job_that_is_paused() -> None:
    paused = overview_of(fleet(job(state="paused")))
    both = overview_of(fleet(job(state="paused"), latest={"report": Latest([failed()], [])}))
    assert [(each.is_well, each.is_mild, each.is_bad) for each in (paused, both)] == [
        (False, True, False),
        (False, False, True),
    ]


def test_an_overview_tells_what_comes_next() -> None:
    soon = job("soon", every(timedelta(minutes=7)))
    view = overview_of(fleet(job("report"), soon, job("paused", next_due=None, state="paused")))
    assert view.next_job == soon
    assert [lane.job.name for lane in view.lanes] == ["soon", "report"]
    assert view.paused == 1


def test_a_time_line_has_only_what_fires_within_the_hour_and_is_bounded() -> None:
    jobs = [job(f"job-{number:02}") for number in range(LANES_SHOWN + 2)]
    view = overview_of(fleet(*jobs, job("daily", cron("0 0 * * *"))))
    assert (len(view.lanes), view.more_lanes) == (LANES_SHOWN, 2)


def test_fires_of_a_span_are_counted_up_to_what_a_lane_shows() -> None:
    often = job(schedule=every(SECOND))
    assert fires_until(job(), NOON, NOON + timedelta(hours=2)) == [
        NOON + timedelta(hours=1),
        NOON + timedelta(hours=2),
    ]
    assert len(fires_until(often, NOON, NOON + DAY)) == MOST_FIRES + 1
    assert fires_until(job(schedule_values=None), NOON, NOON + DAY) == []


def test_jobs_are_found_by_the_words_in_their_names() -> None:
    seen = fleet(job("team/Report:daily"), job("report"), job("backup"))
    assert [each.name for each in jobs_view(seen, "REPORT", "", 0).jobs] == [
        "team/Report:daily",
        "report",
    ]
    assert [each.name for each in jobs_view(seen, "daily rep", "", 0).jobs] == ["team/Report:daily"]


def test_jobs_are_counted_by_what_matters_most_of_them() -> None:
    jobs = [job("a"), job("b"), job("c", state="paused", paused_reason="paused")]
    jobs.append(job("d", active=1))
    seen = fleet(*jobs, latest={"b": Latest([failed("b")], [])})
    assert [state_of(each, seen) for each in jobs] == ["scheduled", "failing", "paused", "active"]
    view = jobs_view(seen, "", "failing", 0)
    assert [each.name for each in view.jobs] == ["b"]
    assert view.counts == {"": 4, "scheduled": 1, "failing": 1, "paused": 1, "active": 1}


def test_jobs_have_pages_that_lead_to_each_other() -> None:
    seen = fleet(*(job(f"job-{number:03}") for number in range(2 * JOBS_SHOWN)))
    first, second = (jobs_view(seen, "", "", skip) for skip in (0, JOBS_SHOWN))
    assert (first.newer, first.older) == (None, JOBS_SHOWN)
    assert (second.newer, second.older) == (0, None)


def test_instances_with_older_zone_rules_are_told() -> None:
    rows = instance_rows(
        fleet(instances=[instance("b", TTL), instance("a", tzdata="2025b", program="shop")])
    )
    assert [(row.instance.label, row.has_old_zones) for row in rows] == [("a", True), ("b", False)]
    assert [row.silence for row in rows] == [SECOND, TTL]


def test_an_instance_whose_lease_is_over_is_not_called_silent_only() -> None:
    silences = (SECOND, TTL - SECOND, TTL)
    rows = instance_rows(fleet(instances=[instance(f"{each}", each) for each in silences]))
    assert [row.word for row in rows] == ["ready", "not_heard_from", "lease_over"]


def test_days_count_runs_and_gaps_by_what_became_of_them() -> None:
    runs = [run(), failed(fire_time=NOON - DAY), run(shard=1), run(ended_at=None)]
    days = {day.date: day for day in days_of(runs, [gap(count=3), gap("by_hand")], NOON.date())}
    assert days[date(2026, 3, 4)].counts == {"succeeded": 1, "missed": 3, "skipped": 1}
    assert days[date(2026, 3, 3)].counts == {"failed": 1}
    assert (min(days), max(days)) == (date(2026, 2, 2), date(2026, 3, 4))


def test_a_gap_over_days_is_spread_over_them() -> None:
    long = replace(gap(count=48), first=NOON - DAY)
    counts = [day.counts.get("missed") for day in days_of([], [long], NOON.date())[-3:]]
    assert counts == [None, 24, 24]


def test_a_paused_job_has_nothing_before_it() -> None:
    assert coming(job(), HOURLY)[0].fire_time == NOON + timedelta(hours=1)
    assert coming(job(next_fire=None), HOURLY) == []
    assert coming(job(), None) == []


def test_an_owed_tick_comes_first() -> None:
    owed = job(next_fire=NOON - timedelta(hours=3))
    assert coming(owed, HOURLY)[0].fire_time == NOON - timedelta(hours=3)


def test_lateness_is_that_of_ticks_at_their_first_attempt() -> None:
    runs = [run(), run(kind="manual"), run(attempt=2), run(shard=0), run(started_at=None)]
    chart = lateness_chart(job(), runs)
    assert chart is not None
    assert chart.words == "30 ms in the middle, 30 ms at the most, over the last 1"
    assert lateness_chart(job(), [run(kind="manual")]) is None


def test_durations_are_those_of_runs_that_ended() -> None:
    chart = duration_chart([run(), run(ended_at=NOON + 8 * SECOND), run(ended_at=None)])
    assert chart is not None
    assert chart.words == "2.0 s in the middle, 8.0 s at the most, over the last 2"


def test_a_run_is_due_when_its_attempt_could_start() -> None:
    later = NOON + timedelta(minutes=1)
    jittered = job(jitter_s=60)
    assert due_time(run(), job()) == NOON
    assert NOON <= due_time(run(), jittered) < later
    assert due_time(run(attempt=2, not_before=later), job()) == later
    assert due_time(run(kind="backfill", created_at=later), job()) == later


def test_the_life_of_a_run_is_told_step_by_step() -> None:
    told = [(step.what, step.after) for step in steps_of(run(), NOON)]
    assert told == [
        ("due", None),
        ("claimed", 10 * MS),
        ("started", 20 * MS),
        ("succeeded", 2000 * MS),
    ]


def test_a_request_to_cancel_stands_where_it_came() -> None:
    steps = steps_of(run(cancel_asked_at=NOON + SECOND, state="cancelled"), NOON)
    assert [step.what for step in steps][-2:] == ["asked to cancel", "cancelled"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "waited to be claimed for 10 ms; waited to be started for 20 ms; ran for 2.0 s"),
        (
            {"state": "started", "ended_at": None},
            "waited to be claimed for 10 ms; waited to be started for 20 ms; has been running for",
        ),
        (
            {"state": "pending", "claimed_at": None, "started_at": None, "ended_at": None},
            "waited to be claimed for 1 min",
        ),
    ],
    ids=["ended", "started", "pending"],
)
def test_the_bar_of_a_life_reaches_to_its_end_or_to_now(
    changes: dict[str, Any], words: str
) -> None:
    picture = life_of(run(**changes), NOON, NOON + timedelta(minutes=1))
    assert picture is not None
    assert f'aria-label="{words}' in picture


def test_a_playground_shows_what_an_expression_means() -> None:
    view = played("30 2 * * *", "Europe/Berlin", "", datetime(2026, 3, 28, tzinfo=UTC))
    assert view.words == "at 02:30 every day (Europe/Berlin)"
    assert len(view.fires) == FIRES_SHOWN
    assert [fire.mark for fire in view.fires[:3]] == [None, "moved", None]


def test_a_playground_points_at_what_is_wrong() -> None:
    view = played("0 99 * * *", "UTC", "", NOON)
    assert view.error is not None
    assert (view.wrong_part, view.error.field) == (("0 ", "99", " * * *"), "hour")
    assert played("0 2 * * *", "Europe/Berln", "", NOON).wrong_part is None
    assert played("  ", "UTC", "", NOON).error is None


def test_a_playground_has_an_h_follow_from_a_job() -> None:
    assert played("H 2 * * *", "UTC", "", NOON).error is not None
    assert "at 02:" in played("H 2 * * *", "UTC", "report", NOON).words


def test_a_schedule_that_has_ended_has_no_lane() -> None:
    over = job(schedule=at(NOON), next_fire=None, next_due=None, state="finished")
    assert overview_of(fleet(over)).lanes == []


DEFINITION: dict[str, Any] = {
    "overlap": "skip",
    "max_active": 1,
    "misfire": "latest",
    "misfire_grace_ms": 3_600_000,
    "on_lost": "abandon",
    "retry": None,
    "timeout_ms": None,
    "jitter_ms": 0,
    "shards": 1,
    "args": {},
}


def test_policies_are_told_in_words() -> None:
    assert policies_of(DEFINITION) == [
        ("Overlap", "skip"),
        ("Misfire", "latest, within 1 h"),
        ("When lost", "abandon"),
        ("Retry", "none"),
        ("Time limit", "none"),
    ]


def test_what_a_job_does_not_have_is_left_out_of_its_policies() -> None:
    retry = {"attempts": 3, "first_ms": 10_000}
    changes = {"max_active": 2, "retry": retry, "timeout_ms": 90_000, "jitter_ms": 500}
    told = dict(policies_of(DEFINITION | changes | {"shards": 4, "args": {"region": "eu"}}))
    assert told["Overlap"] == "skip, 2 at a time"
    assert told["Retry"] == "3 attempts, the second after 10 s"
    assert (told["Time limit"], told["Jitter"], told["Shards"]) == ("1 min 30 s", "500 ms", "4")
    assert told["Arguments"] == '{"region": "eu"}'


@pytest.mark.parametrize(("count", "is_more"), [(RUNS_SHOWN, True), (RUNS_SHOWN - 1, False)])
def test_a_full_page_of_runs_or_of_gaps_leads_to_another(count: int, is_more: bool) -> None:
    def view(runs: int, gaps: int) -> JobView:
        return JobView(job(), [run()] * runs, [gap()] * gaps, 0, "UTC", None)

    assert (view(count, 0).is_more, view(0, count).is_more) == (is_more, is_more)
