from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.model import (
    ACTIVE,
    HELD,
    TERMINAL,
    TRANSITIONS,
    Fire,
    JobDefinition,
    JobRecord,
    JobState,
    Kind,
    OnLost,
    Outcome,
    Overlap,
    RunId,
    RunRecord,
    RunState,
    Tally,
)
from cronfleet.run_id import WHOLE

JOB = JobDefinition("report", {"kind": "at", "fire_time_ms": 0}, max_active=3)
names = st.from_regex(r"[A-Za-z0-9._:/-]{1,128}", fullmatch=True)


def record(*, expected: Fire | None, paused: bool = False) -> JobRecord:
    return JobRecord(
        name="report",
        program="app",
        digest="d",
        schedule_digest="s",
        limit=1,
        on_lost=OnLost.ABANDON,
        generation=1,
        expected=expected,
        watermark=-1,
        active=0,
        paused=paused,
    )


@pytest.mark.parametrize(
    ("changes", "resumes_at"),
    [
        ({"paused": True, "paused_until": 9}, 9),
        ({"paused": True}, None),
        ({"paused": True, "paused_until": 9, "removed": True}, None),
        # As one leaves it that knows nothing of ends.
        ({"paused_until": 9}, None),
    ],
)
def test_only_a_pause_has_an_end(changes: dict[str, Any], resumes_at: int | None) -> None:
    assert replace(record(expected=None), **changes).resumes_at == resumes_at


@pytest.mark.parametrize(
    ("paused", "until", "due", "is_paused"),
    [
        (True, None, 10**12, True),
        (True, 9, 8, True),
        (True, 9, 9, False),
        (False, None, 0, False),
    ],
)
def test_what_is_due_as_a_pause_ends_is_no_part_of_it(
    *, paused: bool, until: int | None, due: int, is_paused: bool
) -> None:
    job = replace(record(expected=None, paused=paused), paused_until=until)
    assert job.is_paused_for(due) is is_paused


def test_every_state_can_be_reached_and_every_run_can_end() -> None:
    reached: set[RunState] = {to for _, to in TRANSITIONS}
    assert reached == set(RunState)
    assert {state for state, _ in TRANSITIONS if state} == set(RunState) - TERMINAL


def test_nothing_leaves_a_terminal_state() -> None:
    assert not [step for step in TRANSITIONS if step[0] in TERMINAL]


def test_only_a_pending_run_is_claimed_and_only_a_claimed_one_started() -> None:
    assert {of for of, to in TRANSITIONS if to is RunState.CLAIMED} == {None, RunState.PENDING}
    assert {of for of, to in TRANSITIONS if to is RunState.STARTED} == {RunState.CLAIMED}


def test_what_a_session_holds_counts_as_active_and_what_waits_does_not() -> None:
    assert HELD < ACTIVE
    assert RunState.WAITING not in ACTIVE
    assert not ACTIVE & TERMINAL


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_is_the_name_of_a_terminal_state_that_a_started_run_may_reach(
    outcome: Outcome,
) -> None:
    assert RunState(outcome.value) in TERMINAL
    assert (RunState.STARTED, RunState(outcome.value)) in TRANSITIONS


@given(names, st.integers(0, 2**53), st.integers(0, 10_000), st.integers(WHOLE, 199))
def test_a_run_id_is_read_as_it_was_written(
    job: str, fire_time: int, number: int, shard: int
) -> None:
    run = RunId(job, fire_time, number, shard)
    assert RunId.parse(str(run)) == run
    assert run.whole == RunId(job, fire_time, number)


@pytest.mark.parametrize(
    "text",
    [
        *("", "report", "@5", "report@", "report@x", "re port@5", "a@b@5", "report@-5"),
        *("report@5+", "report@5+0", "report@5+x", "report@05", "report@5+01"),
        *("report@5/", "report@5/x", "report@5/01", "report@5/1/2", "report@5/1+2"),
        *("report@ 5", "report@1_0", "report@\N{ARABIC-INDIC DIGIT FIVE}", "report@5\n"),
    ],
)
def test_any_other_text_is_no_run_id(text: str) -> None:
    with pytest.raises(ValueError, match="is not a run id"):
        RunId.parse(text)


def test_a_ticks_id_is_its_job_and_fire_time_alone() -> None:
    assert str(RunId("report", 5)) == "report@5"
    assert str(RunId("report", 5, 2)) == "report@5+2"


def test_a_shard_says_of_which_tick_it_is_and_which_of_it() -> None:
    tick = RunId("report", 5)
    assert [str(shard) for shard in tick.of_shards(3)] == ["report@5/0", "report@5/1", "report@5/2"]
    assert tick.of_shards(1) == []
    assert sorted([RunId("report", 5, 1), *tick.of_shards(11), tick]) == [
        tick,
        *tick.of_shards(11),
        RunId("report", 5, 1),
    ]


def test_the_worst_of_the_outcomes_is_the_ticks() -> None:
    tally = Tally()
    for outcome in (
        Outcome.SUCCEEDED,
        Outcome.CANCELLED,
        Outcome.TIMED_OUT,
        Outcome.FAILED,
        Outcome.LOST,
    ):
        tally = tally.and_one(outcome).and_one(Outcome.SUCCEEDED)
        assert tally.worst is outcome
    assert tally.ended == 10
    assert set(Tally._fields) == set(Outcome)


def test_with_overlap_allowed_any_number_may_be_active() -> None:
    allowed = JobDefinition("report", {}, overlap=Overlap.ALLOW, max_active=3)
    assert (JOB.limit, allowed.limit) == (3, 0)


@pytest.mark.parametrize(
    ("expected", "paused", "state"),
    [
        (Fire(1, 1), False, JobState.SCHEDULED),
        (None, False, JobState.FINISHED),
        (Fire(1, 1), True, JobState.PAUSED),
        (None, True, JobState.PAUSED),
    ],
)
def test_a_paused_job_says_so_even_when_its_schedule_has_ended(
    expected: Fire | None, paused: bool, state: JobState
) -> None:
    assert record(expected=expected, paused=paused).state is state


@pytest.mark.parametrize("paused", [True, False])
def test_a_tombstone_is_nothing_else(paused: bool) -> None:
    removed = replace(record(expected=None, paused=paused), removed=True)
    assert removed.state is JobState.REMOVED


@pytest.mark.parametrize("state", RunState)
def test_a_tick_counts_towards_its_jobs_limit_and_its_shards_do_not(state: RunState) -> None:
    tick = RunRecord(
        id=RunId("report", 0),
        kind=Kind.TICK,
        state=state,
        attempt=1,
        token=0,
        on_lost=OnLost.ABANDON,
        losses=0,
        created_at=0,
        not_before=0,
    )
    shards = [replace(tick, id=each) for each in tick.id.of_shards(2)]
    assert tick.is_active is (state in ACTIVE)
    assert not any(shard.is_active for shard in shards)
