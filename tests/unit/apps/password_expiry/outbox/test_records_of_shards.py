"""The shards of a run are judged as one, by the last of them, and by nobody before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import inspect, text

from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.records import Records, Scan, Whole
from cronfleet.apps.password_expiry.outbox.values import Shard
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from tests.apps.outboxes import OneByOne

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
ONE_PM = NOON + timedelta(hours=1)


class Shards:
    """The shards of one run."""

    def __init__(self, outbox: OneByOne, of: int, fire_time: datetime = NOON) -> None:
        self.outbox = outbox
        self.records = Records(outbox.database)
        self._of = of
        self._fire_time = fire_time

    def begin(self, number: int, whole: str = "") -> int:
        return self.records.begin(self._fire_time, Shard(number, self._of, whole))

    def make(self, run: int, many: int) -> None:
        users = (f"{self._fire_time.hour}-{run}-{number}" for number in range(many))
        self.outbox.add([NoticeKey(user, "2026-01-01T00:00:00+00:00") for user in users], run)

    def end(self, run: int, users: int) -> Whole | None:
        return self.records.end(run, Scan(users, 0, {"2026-04-02": 1}), Canary())

    def read(self, number: int, users: int, made: int) -> Whole | None:
        run = self.begin(number)
        self.make(run, made)
        return self.end(run, users)


def test_only_the_last_one_judges(outbox: OneByOne) -> None:
    these = Shards(outbox, 3)
    one, two, three = (these.begin(number) for number in range(3))
    assert these.end(two, 10) is None
    assert these.end(one, 20) is None
    assert these.records.runs() == []
    assert these.end(three, 30) == Whole(users=60, due=0, made=0, hold=None)
    (told,) = these.records.runs()
    assert (told.users, told.ahead) == (60, {"2026-04-02": 3})


def test_one_that_has_not_begun_is_waited_for(outbox: OneByOne) -> None:
    these = Shards(outbox, 2)
    assert these.read(1, 10, 0) is None
    assert these.read(0, 10, 0)


def test_what_each_shard_may_send_alone_is_too_much_of_all(outbox: OneByOne) -> None:
    """Of fewer than 50 users any number may be due."""
    these = Shards(outbox, 3)
    assert these.read(0, 40, 30) is None
    assert these.read(1, 40, 30) is None
    whole = these.read(2, 40, 30)
    assert whole
    assert whole.hold
    assert whole.hold.said.startswith("90 new notices at once for 120 users")
    assert these.records.standing() == [whole.hold]
    (told,) = these.records.runs()
    assert (told.made, told.is_held) == (90, True)


def test_what_is_too_much_of_one_shard_is_not_of_all(outbox: OneByOne) -> None:
    these = Shards(outbox, 3)
    these.read(0, 400, 0)
    these.read(1, 100, 60)
    whole = these.read(2, 400, 0)
    assert whole
    assert whole.hold is None


def test_what_is_usual_is_that_of_all_shards(outbox: OneByOne) -> None:
    for hour in range(5):
        these = Shards(outbox, 2, NOON + timedelta(hours=hour))
        these.read(0, 1000, 3)
        these.read(1, 1000, 1)
    these = Shards(outbox, 2, NOON + timedelta(hours=5))
    these.read(0, 1000, 20)
    whole = these.read(1, 1000, 21)
    assert whole
    assert whole.hold
    assert "41 new notices at once, more than 10 times the usual 4.0" in whole.hold.said


def test_a_shard_that_was_begun_twice_counts_once_with_all_that_it_made(outbox: OneByOne) -> None:
    these = Shards(outbox, 2)
    these.make(these.begin(0), 30)
    these.read(1, 100, 0)
    whole = these.read(0, 100, 15)
    assert whole
    assert (whole.users, whole.made, bool(whole.hold)) == (200, 45, True)
    (told,) = these.records.runs()
    assert (told.users, told.made) == (200, 45)


def test_a_shard_that_is_repeated_after_all_have_read_is_judged_with_them(
    outbox: OneByOne,
) -> None:
    these = Shards(outbox, 2)
    these.read(0, 100, 5)
    assert these.read(1, 100, 5)
    assert these.read(1, 100, 0) == Whole(users=200, due=0, made=5, hold=None)


def test_of_two_that_read_the_same_at_once_each_is_judged(outbox: OneByOne) -> None:
    these = Shards(outbox, 1)
    one, two = these.begin(0), these.begin(0)
    these.make(one, 30)
    for run in (one, two):
        whole = these.end(run, 100)
        assert whole
        assert bool(whole.hold) is (run == one)


def test_what_the_others_of_a_lost_shard_made_counts_with_the_next_run(outbox: OneByOne) -> None:
    these = Shards(outbox, 3)
    these.read(0, 40, 30)
    these.make(these.begin(1), 5)
    assert these.read(2, 40, 20) is None
    following = Shards(outbox, 3, ONE_PM)
    assert following.read(0, 40, 0) is None
    assert following.read(1, 40, 1) is None
    whole = following.read(2, 40, 0)
    assert whole
    assert whole.hold
    assert (whole.users, whole.made) == (120, 56)
    assert [run.made for run in these.records.runs()] == [56]


def test_a_run_by_hand_meanwhile_takes_nothing_from_the_judgement(outbox: OneByOne) -> None:
    these, by_hand = Shards(outbox, 2), Shards(outbox, 1, ONE_PM)
    these.read(0, 40, 30)
    whole = by_hand.read(0, 80, 0)
    assert whole
    assert whole.hold
    whole = these.read(1, 40, 30)
    assert whole
    assert whole.hold
    assert (whole.users, whole.made) == (80, 60)


def test_a_back_fill_of_the_same_fire_time_is_another_run(outbox: OneByOne) -> None:
    these = Shards(outbox, 2)
    these.read(0, 10, 0)
    these.read(1, 10, 0)
    assert these.end(these.begin(0, "password-expiry@1+1"), 10) is None
    assert these.end(these.begin(1, "password-expiry@1+1"), 10)


def test_all_shards_are_cut_where_the_first_one_cut_them(outbox: OneByOne) -> None:
    these = Shards(outbox, 2)
    one, two = these.begin(0), these.begin(1)
    assert these.records.bounds(one) is None
    assert these.records.agree(two, ["int:5"]) == ["int:5"]
    assert these.records.agree(one, ["int:6"]) == ["int:5"]
    assert these.records.bounds(one) == these.records.bounds(two) == ["int:5"]
    other = Shards(outbox, 2, ONE_PM)
    assert these.records.bounds(other.begin(0)) is None


def test_whom_they_were_cut_at_is_not_kept_when_all_have_read(outbox: OneByOne) -> None:
    """A bound is a user's id, and may be an address."""
    these = Shards(outbox, 2)
    run = these.begin(0)
    these.records.agree(run, ["str:anna@corp.test"])
    these.end(run, 5)
    these.read(1, 5, 0)
    assert these.records.bounds(run) is None


def test_of_a_run_that_is_lost_it_is_not_kept_for_more_than_a_day(outbox: OneByOne) -> None:
    """One that may still be at it keeps to its bounds, whoever judges meanwhile."""
    these, by_hand = Shards(outbox, 2), Shards(outbox, 1, ONE_PM)
    run = these.begin(0)
    these.records.agree(run, ["str:anna@corp.test"])
    by_hand.read(0, 10, 0)
    assert these.records.bounds(run) == ["str:anna@corp.test"]
    with outbox.database.begin() as connection:
        day_ms = timedelta(days=1) // timedelta(milliseconds=1)
        connection.execute(text(f"UPDATE password_runs SET began_at = began_at - {day_ms + 1}"))
    by_hand.read(0, 10, 0)
    assert these.records.bounds(run) is None


def test_an_outbox_of_an_earlier_version_gets_what_it_lacks(outbox: OneByOne) -> None:
    added = ("whole", "shard", "shards", "bounds", "read_at")
    with outbox.database.begin() as connection:
        for column in added:
            connection.execute(text(f"ALTER TABLE password_runs DROP COLUMN {column}"))
        values = "(fire_time, began_at, ended_at, users, due, made, is_held)"
        connection.execute(text(f"INSERT INTO password_runs {values} VALUES (1, 1, 1, 9, 9, 9, 0)"))
    outbox.prepare()
    outbox.prepare()
    with outbox.database.begin() as connection:
        there = {column["name"] for column in inspect(connection).get_columns("password_runs")}
    assert there >= set(added)
    assert Shards(outbox, 1).read(0, 10, 1) == Whole(10, 0, 1, None)
