from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.selecting import BAD_ADDRESS
from cronfleet.apps.password_expiry.outbox.states import TRANSITIONS, NoticeState
from cronfleet.apps.password_expiry.outbox.values import HANDOFF_LEASE, LEASE, MAILBOX, Lease
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.errors import ConfigurationError
from tests.apps.outboxes import ANNA, BEN, OneByOne, let_pass, open_outbox, put_in, state_of

MOMENT = timedelta(milliseconds=1)


def leased(outbox: OneByOne, key: NoticeKey = ANNA, token: int = 7) -> Lease:
    outbox.add([key])
    lease = outbox.lease(token)
    assert lease is not None
    return lease


def handed_off(outbox: OneByOne) -> Lease:
    lease = leased(outbox)
    assert outbox.hand_off(lease, "smtp")
    return lease


def test_a_notice_is_made_once(outbox: OneByOne) -> None:
    assert outbox.add([ANNA, BEN]).made == 2
    assert outbox.add([ANNA]).made == 0
    assert outbox.counts()[NoticeState.PENDING] == 2


def test_another_stored_date_makes_another_notice(outbox: OneByOne) -> None:
    outbox.add([ANNA])
    assert outbox.add([replace(ANNA, stored_date="2026-03-03T00:00:00+00:00")]).made == 1


def test_users_that_differ_in_case_are_two(outbox: OneByOne) -> None:
    assert outbox.add([ANNA, replace(ANNA, user="Anna")]).made == 2


def test_an_outbox_keeps_its_id_and_two_have_two(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "one.db") as one, open_outbox(tmp_path / "other.db") as other:
        assert one.prepare() == one.id != other.id


def test_of_many_that_begin_at_once_each_finds_the_same_outbox(tmp_path: Path) -> None:
    def begin(file: Path) -> str:
        with open_outbox(file) as outbox:
            return outbox.id

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(begin, [tmp_path / "notices.db"] * 8))
    assert len(ids) == 1


def test_of_many_that_lease_each_notice_goes_to_one(tmp_path: Path) -> None:
    keys = [replace(ANNA, user=str(number)) for number in range(30)]

    def lease_all(token: int) -> list[str]:
        with open_outbox(tmp_path / "notices.db") as outbox:
            return [lease.key.user for lease in iter(lambda: outbox.lease(token), None)]

    with open_outbox(tmp_path / "notices.db") as outbox, ThreadPoolExecutor(4) as threads:
        outbox.add(keys)
        shares = list(threads.map(lease_all, range(4)))
    assert sorted(user for share in shares for user in share) == sorted(key.user for key in keys)


def test_a_leased_notice_is_nobody_elses(outbox: OneByOne) -> None:
    leased(outbox)
    assert outbox.lease(token=8) is None


def test_a_lease_that_ran_out_goes_back(outbox: OneByOne) -> None:
    leased(outbox)
    let_pass(outbox, LEASE + MOMENT)
    assert outbox.reap().returned == 1
    assert state_of(outbox, ANNA) is NoticeState.PENDING


def test_a_lease_that_has_not_run_out_stays(outbox: OneByOne) -> None:
    leased(outbox)
    let_pass(outbox, LEASE - timedelta(seconds=30))
    assert outbox.reap().returned == 0
    assert state_of(outbox, ANNA) is NoticeState.LEASED


def test_nothing_is_handed_off_under_a_lease_that_ran_out(outbox: OneByOne) -> None:
    lease = leased(outbox)
    let_pass(outbox, LEASE + MOMENT)
    assert not outbox.hand_off(lease, "smtp")
    assert state_of(outbox, ANNA) is NoticeState.LEASED


def test_nothing_is_handed_off_under_an_older_lease_of_the_same_run(outbox: OneByOne) -> None:
    old = leased(outbox, token=7)
    let_pass(outbox, LEASE + MOMENT)
    outbox.reap()
    assert outbox.lease(token=7)
    assert not outbox.hand_off(old, "smtp")


def test_what_was_handed_off_without_an_answer_is_uncertain_for_good(outbox: OneByOne) -> None:
    handed_off(outbox)
    let_pass(outbox, HANDOFF_LEASE + MOMENT)
    assert outbox.reap().uncertain == ["anna"]
    let_pass(outbox, timedelta(days=30))
    assert outbox.lease(token=8) is None
    assert outbox.add([ANNA]).made == 0


def test_what_was_handed_off_has_its_time_for_an_answer(outbox: OneByOne) -> None:
    handed_off(outbox)
    let_pass(outbox, LEASE + timedelta(minutes=8))
    assert outbox.reap().uncertain == []


def test_a_late_answer_settles_what_is_uncertain(outbox: OneByOne) -> None:
    lease = handed_off(outbox)
    let_pass(outbox, HANDOFF_LEASE + MOMENT)
    outbox.reap()
    assert outbox.settle(lease, NoticeState.SENT)
    assert state_of(outbox, ANNA) is NoticeState.SENT


def test_a_sent_notice_is_never_leased_again(outbox: OneByOne) -> None:
    outbox.settle(handed_off(outbox), NoticeState.SENT)
    let_pass(outbox, timedelta(days=365))
    outbox.reap()
    assert outbox.add([ANNA]).made == 0
    assert outbox.lease(token=9) is None


def test_a_cancelled_notice_is_made_again_when_due_again(outbox: OneByOne) -> None:
    outbox.settle(leased(outbox), NoticeState.CANCELLED)
    assert outbox.lease(token=8) is None
    assert outbox.add([ANNA]).made == 1
    assert outbox.lease(token=8)


def test_a_failure_puts_off_by_1_5_15_60_minutes_then_hourly_for_a_day(outbox: OneByOne) -> None:
    outbox.add([ANNA])
    delays: list[int] = []
    to: NoticeState | None = NoticeState.PENDING
    while to is NoticeState.PENDING:
        lease = outbox.lease(token=7)
        assert lease
        to = outbox.put_off(lease, "451 not now")
        delays.append(_wait_until_due(outbox) if to is NoticeState.PENDING else 0)
    assert delays[:6] == [1, 5, 15, 60, 60, 60]
    assert to is NoticeState.DEAD
    assert 24 * 60 <= sum(delays) < 25 * 60


def _wait_until_due(outbox: OneByOne) -> int:
    (notice,) = outbox.recent(1)
    wait = notice.not_before - notice.changed_at
    let_pass(outbox, wait - timedelta(seconds=30))
    assert outbox.lease(token=8) is None
    let_pass(outbox, timedelta(seconds=30))
    return round(wait / timedelta(minutes=1))


def test_what_was_made_again_has_not_failed_yet(outbox: OneByOne) -> None:
    outbox.put_off(leased(outbox), "451 not now")
    let_pass(outbox, timedelta(minutes=1))
    outbox.settle(leased(outbox), NoticeState.CANCELLED)
    let_pass(outbox, timedelta(days=9))
    outbox.add([ANNA])
    assert outbox.waiting(only_put_off=True) == 0
    assert outbox.put_off(leased(outbox), "451 not now") is NoticeState.PENDING
    let_pass(outbox, timedelta(minutes=1))
    assert outbox.waiting(only_put_off=True) == 1


def test_a_rest_is_no_failure(outbox: OneByOne) -> None:
    assert outbox.rest(leased(outbox), "530 log in first")
    assert outbox.waiting() == 0
    let_pass(outbox, timedelta(minutes=15))
    assert (outbox.waiting(), outbox.waiting(only_put_off=True)) == (1, 0)


def test_what_was_settled_as_dead_by_mistake_has_not_failed(outbox: OneByOne) -> None:
    lease = handed_off(outbox)
    assert not outbox.take_back(lease, "554 no")
    outbox.settle(lease, NoticeState.DEAD, "554 no")
    assert not outbox.take_back(replace(lease, attempt=9), "554 no")
    assert outbox.take_back(lease, "554 no")
    assert state_of(outbox, ANNA) is NoticeState.PENDING
    assert outbox.waiting() == 0
    let_pass(outbox, timedelta(minutes=15))
    assert (outbox.waiting(), outbox.waiting(only_put_off=True)) == (1, 0)


def test_only_a_dead_notice_whose_address_was_bad_is_revived(outbox: OneByOne) -> None:
    outbox.settle(leased(outbox), NoticeState.DEAD, "550 no such user")
    assert outbox.add([ANNA]).badly_addressed == []
    assert outbox.revive([ANNA]) == 0
    outbox.settle(leased(outbox, BEN), NoticeState.DEAD, f"{BAD_ADDRESS}no @")
    assert outbox.add([ANNA, BEN]).badly_addressed == [BEN]
    assert outbox.revive([ANNA, BEN]) == 1
    assert state_of(outbox, BEN) is NoticeState.PENDING


@pytest.mark.parametrize("state", [NoticeState.SENT, NoticeState.UNCERTAIN])
def test_what_another_than_the_mailbox_took_is_never_opened_again(
    outbox: OneByOne, state: NoticeState
) -> None:
    outbox.settle(handed_off(outbox), state)
    assert (outbox.only_in_mailbox(), outbox.reopen_for_people()) == (0, 0)


def test_what_only_the_mailbox_took_is_opened_again(outbox: OneByOne) -> None:
    lease = leased(outbox)
    outbox.hand_off(lease, MAILBOX)
    outbox.settle(lease, NoticeState.SENT)
    assert (outbox.only_in_mailbox(), outbox.reopen_for_people()) == (1, 1)
    assert state_of(outbox, ANNA) is NoticeState.PENDING
    assert outbox.only_in_mailbox() == 0


def test_a_table_of_an_earlier_version_gets_what_it_lacks(outbox: OneByOne) -> None:
    outbox.add([ANNA])
    with outbox.database.begin() as connection:
        for index in ("put_off", "changed", "sent"):
            connection.execute(text(f"DROP INDEX password_notices_{index}"))
        connection.execute(text("DROP TABLE password_suppressed"))
        connection.execute(text("ALTER TABLE password_notices DROP COLUMN sender"))
    outbox.prepare()
    lease = outbox.lease(token=7)
    assert lease
    assert outbox.hand_off(lease, "smtp")
    with outbox.database.begin() as connection:
        indexes = {index["name"] for index in inspect(connection).get_indexes("password_notices")}
    assert {f"password_notices_{name}" for name in ("put_off", "changed", "sent")} <= indexes
    assert outbox.suppressed(["anna@corp.test"]) == {}


def test_no_look_at_the_newest_notices_sorts_them_all(outbox: OneByOne) -> None:
    with outbox.database.begin() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT * FROM password_notices "
                "ORDER BY changed_at DESC, id DESC LIMIT 50"
            )
        ).all()
    assert "TEMP B-TREE" not in str(plan)


def test_whoever_looks_waits_for_no_writer(tmp_path: Path, outbox: OneByOne) -> None:
    with open_outbox(tmp_path / "notices.db") as other, other.database.begin():
        assert outbox.recent(5) == []
        assert outbox.counts()[NoticeState.PENDING] == 0
        assert (outbox.waiting(), outbox.only_in_mailbox(), outbox.stored_id()) == (0, 0, outbox.id)


def test_a_failure_after_the_hand_off_is_put_off_too(outbox: OneByOne) -> None:
    assert outbox.put_off(handed_off(outbox), "451 not now") is NoticeState.PENDING


def test_a_failure_under_another_lease_changes_nothing(outbox: OneByOne) -> None:
    lease = leased(outbox)
    assert outbox.put_off(replace(lease, token=6), "451 not now") is None
    assert state_of(outbox, ANNA) is NoticeState.LEASED


@pytest.mark.parametrize("state", NoticeState)
def test_only_what_the_table_says_may_follow(outbox: OneByOne, state: NoticeState) -> None:
    lease = leased(outbox)
    for to in NoticeState:
        put_in(outbox, ANNA, state)
        may_follow = to in TRANSITIONS[state]
        assert outbox.settle(lease, to) is (may_follow or to is state)
        assert state_of(outbox, ANNA) is (to if may_follow else state)


@pytest.mark.parametrize("state", NoticeState)
def test_another_lease_settles_nothing_anywhere(outbox: OneByOne, state: NoticeState) -> None:
    lease = leased(outbox)
    put_in(outbox, ANNA, state)
    for to in NoticeState:
        assert not outbox.settle(replace(lease, attempt=lease.attempt + 1), to)


def test_a_reason_of_any_length_is_cut(outbox: OneByOne) -> None:
    outbox.settle(leased(outbox), NoticeState.DEAD, "5\ud800\n" + "5" * 1000)
    assert outbox.recent(1)[0].reason == "5  " + "5" * 197


def test_the_notices_that_changed_last_come_first(outbox: OneByOne) -> None:
    outbox.add([ANNA, BEN])
    let_pass(outbox, timedelta(seconds=1))
    lease = outbox.lease(token=7)
    assert lease
    assert [notice.key.user for notice in outbox.recent(1)] == [lease.key.user]


def test_the_id_of_a_notice_is_the_same_again_and_differs_between_outboxes(
    tmp_path: Path, outbox: Outbox
) -> None:
    with open_outbox(tmp_path / "other.db") as other:
        other.add([ANNA])
        outbox.add([ANNA])
        assert other.recent(1)[0].id != outbox.recent(1)[0].id


def test_a_database_that_has_no_clock_we_know_cannot_hold_an_outbox(outbox: OneByOne) -> None:
    outbox.database.dialect = "oracle"
    with pytest.raises(
        ConfigurationError, match="cannot be kept in oracle; set NOTICES_DATABASE_URL"
    ):
        Outbox(outbox.database)


@pytest.mark.parametrize(
    ("table", "statement"),
    [("password_notices_outbox", "INSERT"), ("password_notices", "UPDATE")],
)
def test_a_table_that_may_not_be_written_is_a_clear_error(
    tmp_path: Path, table: str, statement: str
) -> None:
    def deny(action: int, target: str | None, *_: object) -> int:
        denied = {"INSERT": sqlite3.SQLITE_INSERT, "UPDATE": sqlite3.SQLITE_UPDATE}[statement]
        is_denied = action == denied and target == table
        return sqlite3.SQLITE_DENY if is_denied else sqlite3.SQLITE_OK

    def forbid(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_authorizer(deny)

    file = tmp_path / "notices.db"
    file.touch()
    database = Database(f"sqlite:///{file}", "USERS_DATABASE_URL", writes=True)
    event.listen(database._engine, "connect", forbid)
    with pytest.raises(
        ConfigurationError, match=r"password_notices cannot be used.*set NOTICES_DATABASE_URL"
    ):
        Outbox(database).prepare()
    database.close()


def test_a_table_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "notices.db"
    file.touch()
    database = Database(f"sqlite:///{file}", "NOTICES_DATABASE_URL", writes=False)
    with pytest.raises(ConfigurationError, match=r"password_notices cannot be made.*readonly"):
        Outbox(database).prepare()
    database.close()
