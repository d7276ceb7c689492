"""What runs came to, what is held, and what was approved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.records import RUNS_KEPT, Hold, Records, Scan, Whole
from cronfleet.apps.password_expiry.outbox.values import Shard
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from tests.apps.outboxes import OneByOne

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
DATE = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def records(outbox: OneByOne) -> Records:
    return Records(outbox.database)


def make(outbox: OneByOne, run: int, *users: int) -> None:
    outbox.add([NoticeKey(str(user), DATE) for user in users], run)


def hold_of(whole: Whole | None) -> Hold | None:
    """Of a run that has read all users."""
    assert whole
    return whole.hold


def at(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


def test_a_run_is_told_with_what_it_found_and_made(outbox: OneByOne, records: Records) -> None:
    run = records.begin(NOON)
    make(outbox, run, 1, 2)
    assert records.runs() == []
    assert hold_of(records.end(run, Scan(9, 3, {"2026-04-02": 4}), Canary())) is None
    (told,) = records.runs()
    assert (told.users, told.due, told.made, told.is_held) == (9, 3, 2, False)
    assert told.ahead == {"2026-04-02": 4}


def test_shards_of_one_tick_are_told_as_one_run(outbox: OneByOne, records: Records) -> None:
    shards = [records.begin(NOON, Shard(number, 2)) for number in range(2)]
    for number, run in enumerate(shards):
        make(outbox, run, number)
        records.end(run, Scan(10, 1, {"2026-04-02": 1}), Canary())
    (told,) = records.runs()
    assert (told.users, told.due, told.made, told.ahead) == (20, 2, 2, {"2026-04-02": 2})


def test_what_a_run_made_that_ended_early_counts_with_the_next(
    outbox: OneByOne, records: Records
) -> None:
    """Else a crash in the middle of a batch would let all of it go."""
    make(outbox, records.begin(NOON), *range(30))
    run = records.begin(at(1))
    make(outbox, run, *range(40))
    held = hold_of(records.end(run, Scan(100, 40, {}), Canary()))
    assert held
    assert held.made == 40
    following = records.begin(at(2))
    assert hold_of(records.end(following, Scan(100, 40, {}), Canary())) is None


def test_what_was_held_is_not_usual(outbox: OneByOne, records: Records) -> None:
    users = iter(range(10_000))
    for hour, made in enumerate([60, 2, 2, 2, 2, 2]):
        run = records.begin(at(hour))
        make(outbox, run, *(next(users) for _ in range(made)))
        records.end(run, Scan(100, 0, {}), Canary())
    run = records.begin(at(9))
    make(outbox, run, *(next(users) for _ in range(21)))
    held = hold_of(records.end(run, Scan(1000, 0, {}), Canary()))
    assert held
    assert "the usual 2.0" in held.said


def test_a_hold_stands_until_it_is_approved_and_that_is_on_record(
    outbox: OneByOne, records: Records
) -> None:
    run = records.begin(NOON)
    make(outbox, run, *range(60))
    records.end(run, Scan(100, 60, {}), Canary())
    (hold,) = records.standing()
    records.approve("anna", "new users", [hold.id + 1])
    assert records.standing() == [hold]
    records.approve("anna", "new users", [hold.id])
    assert records.standing() == []
    told = {each.kind: (each.who, each.why) for each in records.approvals()}
    assert told == dict.fromkeys(("first run", f"hold {hold.id}"), ("anna", "new users"))


def test_the_first_approval_is_the_one_that_is_kept(records: Records) -> None:
    assert records.first_approval() is None
    records.allow_first_run("anna", "so")
    records.approve("ben", "too", [])
    approval = records.first_approval()
    assert approval
    assert (approval.who, approval.why) == ("anna", "so")


def test_only_the_last_runs_are_kept(records: Records) -> None:
    for hour in range(RUNS_KEPT + 5):
        records.end(records.begin(at(hour)), Scan(hour, 0, {}), None)
    runs = records.runs(1000)
    assert [run.users for run in runs] == list(range(RUNS_KEPT + 4, 4, -1))
