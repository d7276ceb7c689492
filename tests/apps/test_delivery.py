from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from cronfleet.apps.mailing.sending import Answer, Following, HandOff, Mail, SendResult, unknown
from cronfleet.apps.password_expiry.databases.databases import DatabaseError
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.outbox.moves import Settle
from cronfleet.apps.password_expiry.outbox.notices import OtherOutboxError
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Exchanged, Wanted
from cronfleet.apps.password_expiry.sending.mailbox import MailboxSender
from cronfleet.apps.password_expiry.users.chosen import OnlyThese
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.apps.password_expiry.users.source import PAGE
from tests.apps.outboxes import meddle, put_in, swap_outbox
from tests.apps.worlds import LONG_AGO, NOW, OpenWorld, Recorder, ask, make_users, row, world


async def test_only_those_who_are_due_are_mailed(world_of: OpenWorld) -> None:
    these = world_of(
        row(1), row(2, NOW.isoformat()), row(3, None), row(4, ""), row(5, "9999-12-31")
    )
    sender = Recorder()
    report = await these.run(sender)
    assert sender.recipients == ["user1@corp.test"]
    assert str(report) == "5 users read, 1 due, 1 new notices, 1 SENT; 0 to be sent"


@pytest.mark.parametrize("changed", [LONG_AGO, "2025-01-01 00:00:00+01", 1735689600, 1735689600000])
async def test_a_date_is_read_however_it_is_stored(world_of: OpenWorld, changed: object) -> None:
    sender = Recorder()
    await world_of(row(1, changed)).run(sender)
    assert len(sender.mails) == 1


async def test_a_changed_maximum_age_mails_nobody_twice(world_of: OpenWorld) -> None:
    these = world_of(row(1), row(2, "2026-01-02"))
    sender = Recorder()
    for days in (90, 89, 91, 1, 90):
        await these.run(sender, days=days)
    assert sender.recipients == ["user1@corp.test", "user2@corp.test"]


async def test_who_changed_the_password_is_mailed_again_when_that_one_expires(
    world_of: OpenWorld,
) -> None:
    these, sender = world_of(row(1)), Recorder()
    await these.run(sender)
    these.execute("UPDATE users SET password_changed_at = '2025-06-01'")
    await these.run(sender)
    assert len(sender.mails) == 2


async def test_bad_rows_are_counted_and_stop_nobody(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [row(number, "soon") for number in range(10, 40)]
    these, sender = world_of(row(1), *bad, row(99)), Recorder()
    report = await these.run(sender)
    assert (report.bad_rows, len(sender.mails)) == (30, 2)
    (complaint,) = [line for line in caplog.messages if "no notice" in line]
    assert complaint == (
        "30 users get no notice: their rows cannot be read, such as user '10': its date cannot be "
        "read; user '11': its date cannot be read; user '12': its date cannot be read"
    )


async def test_users_whose_id_is_not_theirs_alone_are_counted_and_stop_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "users.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE users (id TEXT, email, name, password_changed_at)")
        ids = (None, "same", "same", "own")
        rows = [(id_, f"user{n}@corp.test", "U", LONG_AGO) for n, id_ in enumerate(ids)]
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
    sender = Recorder()
    with world(file) as these:
        report = await these.run(sender)
        parts = replace(these.parts(sender), users=OnlyThese(these.users, ["same"]))
        by_hand = await ExpiryJob(parts, most=9, is_dry=False, only=("same",)).run(ask())
    assert (sender.recipients, report.bad_rows) == (["user3@corp.test"], 3)
    assert (by_hand.made, by_hand.bad_rows) == (0, 1)
    assert "1 users get no notice: they have no id" in caplog.messages
    assert any("name a unique column with USERS_ID_COLUMN" in line for line in caplog.messages)


@pytest.mark.parametrize("id_type", ["BINARY(16)", "VARBINARY(16)", "UUID", "BLOB", "", "TEXT"])
async def test_users_whose_ids_are_bytes_are_mailed(tmp_path: Path, id_type: str) -> None:
    file = tmp_path / "users.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        columns = f"id {id_type} PRIMARY KEY, email, name, password_changed_at"
        connection.execute(f"CREATE TABLE users ({columns})")
        rows = [(bytes([n] * 16), f"user{n}@corp.test", "U", LONG_AGO) for n in range(1, 4)]
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
    sender = Recorder()
    with world(file) as these:
        await these.run(sender)
    assert len(sender.mails) == 3


@pytest.mark.parametrize("email", [None, "", "nobody", "x@corp.test\r\nRCPT TO:<y@z.zz>", 7])
async def test_an_address_that_is_none_is_dead_and_stops_nobody(
    world_of: OpenWorld, email: object
) -> None:
    these, sender = world_of((1, email, "Anna", LONG_AGO), row(2)), Recorder()
    await these.run(sender)
    assert these.states() == {"1": "DEAD", "2": "SENT"}
    assert these.reason("1").startswith("bad_address: ")


async def test_no_address_is_logged(world_of: OpenWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await world_of(row(1), (2, "no-address", "", LONG_AGO), row(3, "soon")).run(Recorder())
    assert caplog.messages
    assert "@corp.test" not in caplog.text
    assert "no-address" not in caplog.text


async def test_a_name_with_a_line_break_is_on_one_line(world_of: OpenWorld) -> None:
    these = world_of((1, "anna@corp.test", "Anna\r\nBcc: eve@corp.test", LONG_AGO))
    sender = Recorder()
    await these.run(sender)
    assert b"\r\n\r\nHello Anna Bcc: eve@corp.test,\r\n" in sender.mails[0].content


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("UPDATE users SET password_changed_at = '2026-03-31'", "CANCELLED"),
        ("UPDATE users SET password_changed_at = 'soon'", "CANCELLED"),
        ("UPDATE users SET password_changed_at = NULL", "CANCELLED"),
        ("DELETE FROM users", "CANCELLED"),
        ("UPDATE users SET name = 'Anna'", "SENT"),
    ],
)
async def test_the_user_is_looked_at_again_just_before_the_hand_off(
    world_of: OpenWorld, change: str, state: str
) -> None:
    these = world_of(row(1))
    sender = Recorder(before=lambda: these.execute(change))
    await these.run(sender)
    assert these.states() == {"1": state}
    assert len(sender.mails) == (state == "SENT")


async def test_an_address_changed_at_the_last_moment_gets_the_mail(world_of: OpenWorld) -> None:
    these = world_of(row(1))
    sender = Recorder(before=lambda: these.execute("UPDATE users SET email = 'new@corp.test'"))
    await these.run(sender)
    assert sender.recipients == ["new@corp.test"]


async def test_who_is_no_longer_due_when_the_turn_comes_is_not_mailed(world_of: OpenWorld) -> None:
    these, sender = world_of(row(1)), Recorder()
    await these.run(sender, dry=True)
    these.execute("UPDATE users SET password_changed_at = '2026-03-31'")
    await these.run(sender)
    assert (these.states(), sender.mails) == ({"1": "CANCELLED"}, [])


async def test_who_was_spared_by_a_greater_age_is_mailed_when_due_after_all(
    world_of: OpenWorld,
) -> None:
    these, sender = world_of(row(1)), Recorder()
    await these.run(sender, dry=True)
    await these.run(sender, days=900)
    assert these.states() == {"1": "CANCELLED"}
    await these.run(sender)
    assert these.states() == {"1": "SENT"}


async def test_dry_nothing_is_sent_and_it_is_on_record_what_would_be(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    these, sender = world_of(row(1), row(2)), Recorder()
    await these.run(sender, dry=True)
    assert (sender.mails, these.states()) == ([], {"1": "PENDING", "2": "PENDING"})
    assert (
        "dry run, nothing is sent: 2 users read, 2 due, 2 new notices; 2 to be sent" in caplog.text
    )


async def test_a_run_sends_no_more_than_it_may_and_the_next_goes_on(world_of: OpenWorld) -> None:
    these, sender = world_of(*(row(number) for number in range(1, 9))), Recorder()
    report = await these.run(sender, most=5)
    assert (len(sender.mails), report.waiting) == (5, 3)
    await these.run(sender, most=5)
    assert len(sender.mails) == 8


async def test_users_beyond_the_first_page_are_found(world_of: OpenWorld) -> None:
    these, sender = world_of(*(row(n, NOW.isoformat()) for n in range(PAGE)), row(PAGE)), Recorder()
    report = await these.run(sender)
    assert (report.users, sender.recipients) == (PAGE + 1, [f"user{PAGE}@corp.test"])


async def test_many_who_are_due_are_noted_in_several_steps(world_of: OpenWorld) -> None:
    these = world_of(*(row(number) for number in range(PAGE + 1)))
    report = await these.run(Recorder(), dry=True)
    assert (report.made, report.waiting) == (PAGE + 1, PAGE + 1)


async def test_an_answer_that_somebody_else_has_settled_meanwhile_is_told(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    these = world_of(row(1))

    class Slow(Recorder):
        async def send(
            self, mail: Mail, hand_off: HandOff, following: Following = unknown
        ) -> SendResult:
            result = await super().send(mail, hand_off, following)
            put_in(these.outbox, NoticeKey("1", ""), NoticeState.DEAD)
            return result

    await these.run(Slow())
    assert "user '1': the lease of the notice ran out" in caplog.messages
    assert these.states() == {"1": "DEAD"}


async def test_an_answer_is_written_even_when_the_run_is_cancelled_at_that_moment(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these, sender = world_of(row(1)), Recorder()
    writing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(carry_out: Callable[[], Exchanged]) -> Exchanged:
        loop.call_soon_threadsafe(writing.set)
        go_on.wait()
        return carry_out()

    meddle(monkeypatch, Settle, slow)
    running = asyncio.create_task(these.run(sender))
    await writing.wait()
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (these.states(), len(sender.mails)) == ({"1": "SENT"}, 1)


async def test_a_notice_leased_while_the_run_is_cancelled_is_given_back(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these = world_of(row(1))
    leasing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(carry_out: Callable[[], Exchanged]) -> Exchanged:
        loop.call_soon_threadsafe(leasing.set)
        go_on.wait()
        return carry_out()

    meddle(monkeypatch, Wanted, slow)
    running = asyncio.create_task(these.run(Recorder()))
    await leasing.wait()
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert these.states() == {"1": "PENDING"}


async def test_an_outbox_swapped_in_the_middle_of_a_run_sends_nothing(world_of: OpenWorld) -> None:
    these = world_of(row(1))
    sender = Recorder(before=lambda: swap_outbox(these.file))
    with pytest.raises(OtherOutboxError, match="nothing is sent"):
        await these.run(sender)
    with pytest.raises(OtherOutboxError):
        these.outbox.lease(token=8)
    assert sender.mails == []


async def test_a_database_that_goes_away_ends_the_run_in_one_line(world_of: OpenWorld) -> None:
    these = world_of(row(1))
    these.execute("DROP TABLE users")
    with pytest.raises(DatabaseError, match=r"^USERS_DATABASE_URL sqlite:.*no such table: users$"):
        await these.run(Recorder())


async def test_runs_at_the_same_time_share_the_mails(tmp_path: Path) -> None:
    make_users(tmp_path / "users.db", [row(number) for number in range(1, 31)])
    sender = Recorder()
    with ExitStack() as opened:
        worlds = [opened.enter_context(world(tmp_path / "users.db")) for _ in range(3)]
        await asyncio.gather(*(each.run(sender, token=n) for n, each in enumerate(worlds)))
    assert sender.recipients == sorted(f"user{number}@corp.test" for number in range(1, 31))


def _run_in_a_process(file: Path, token: int, log: Path) -> None:
    class Noting(MailboxSender):
        async def send(
            self, mail: Mail, hand_off: HandOff, following: Following = unknown
        ) -> SendResult:
            result = await super().send(mail, hand_off, following)
            if result.answer is Answer.ACCEPTED:
                with log.open("a") as lines:  # One short line is appended whole.
                    lines.write(f"{mail.recipient}\n")
            return result

    with world(file) as mine:
        asyncio.run(mine.run(Noting(file.parent / "mailbox"), token=token))


@pytest.mark.timeout(60)
def test_processes_at_the_same_time_send_each_mail_once(tmp_path: Path) -> None:
    make_users(tmp_path / "users.db", [row(number) for number in range(1, 41)])
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=_run_in_a_process, args=(tmp_path / "users.db", n, tmp_path / "log"))
        for n in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sent = Counter((tmp_path / "log").read_text().splitlines())
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sent == {f"user{number}@corp.test": 1 for number in range(1, 41)}
    assert len(list((tmp_path / "mailbox").glob("*.eml"))) == 40
