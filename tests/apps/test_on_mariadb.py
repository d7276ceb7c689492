"""The application's two databases on a real MariaDB, where one and a driver are to be had."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from cronfleet.apps.password_expiry.databases.databases import Database, DatabaseError
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from cronfleet.errors import ConfigurationError
from tests.apps.mariadb import statements
from tests.apps.outboxes import OneByOne
from tests.apps.worlds import Recorder, World

SETTING = "USERS_DATABASE_URL"
MANY = 1200


@contextmanager
def world_at(url: str, columns: UserColumns | None = None) -> Generator[World]:
    users = UserTable(Database(url, SETTING, writes=False), columns or UserColumns())
    outbox = OneByOne(Database(url, SETTING, writes=True))
    try:
        users.check()
        outbox.prepare()
        yield World(Path(), users, outbox)
    finally:
        users.close()
        outbox.database.close()


def people(id_type: str, value: str, count: int = 3) -> tuple[str, str]:
    """Users whose ids are `value` of 1, 2, 3 ..., their names in another order."""
    columns = "email VARCHAR(200), name VARCHAR(200), password_changed_at DATETIME"
    each = (
        f"{value}, CONCAT('u', seq, '@corp.test'), CONCAT('N', MOD(seq * 7919, 5000)), '2025-01-01'"
    )
    return (
        f"CREATE TABLE users (id {id_type} PRIMARY KEY, {columns})",
        f"INSERT INTO users SELECT {each} FROM seq_1_to_{count}",
    )


@pytest.mark.parametrize(
    ("id_type", "value"),
    [
        ("INT", "seq"),
        ("BIGINT UNSIGNED", "seq + 18000000000000000000"),
        ("VARCHAR(40)", "CONCAT('Login', seq)"),
        ("CHAR(10)", "CONCAT('a', seq)"),
        ("BINARY(16)", "UNHEX(MD5(seq))"),
        ("VARBINARY(32)", "CONCAT('\\0', seq)"),
        ("UUID", "UUID()"),
        ("DECIMAL(30, 2)", "seq"),
        ("DATE", "DATE_ADD('2024-01-01', INTERVAL seq DAY)"),
    ],
)
async def test_users_are_mailed_whatever_type_their_id_has(
    on_mariadb: str, id_type: str, value: str
) -> None:
    statements(on_mariadb, *people(id_type, value))
    sender = Recorder()
    with world_at(on_mariadb) as these:
        await these.run(sender)
        await these.run(sender, token=8)
    assert len(sender.mails) == 3


async def test_no_user_is_passed_over(on_mariadb: str) -> None:
    statements(on_mariadb, *people("VARCHAR(40)", "CONCAT('login', seq)", MANY))
    with world_at(on_mariadb) as these:
        report = await these.run(Recorder(), dry=True)
    assert (report.users, report.made) == (MANY, MANY)


async def test_a_view_will_do(on_mariadb: str) -> None:
    statements(
        on_mariadb, *people("INT", "seq"), "CREATE VIEW seen AS SELECT * FROM users WHERE id > 1"
    )
    sender = Recorder()
    with world_at(on_mariadb, UserColumns(table="seen")) as these:
        await these.run(sender)
    assert sender.recipients == ["u2@corp.test", "u3@corp.test"]


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [
        ("BOOLEAN", "TRUE", "FALSE"),
        ("BIT(1)", "b'1'", "b'0'"),
        ("ENUM('yes', 'no')", "'yes'", "'no'"),
    ],
)
async def test_yes_and_no_are_read_of_any_type(
    on_mariadb: str, column: str, yes: str, no: str
) -> None:
    statements(
        on_mariadb,
        *people("INT", "seq"),
        f"ALTER TABLE users ADD COLUMN enabled {column}, ADD COLUMN forever {column}",
        f"UPDATE users SET enabled = {yes}, forever = {no} WHERE id = 1",
        f"UPDATE users SET enabled = {no} WHERE id = 2",
        f"UPDATE users SET forever = {yes} WHERE id = 3",
    )
    sender = Recorder()
    with world_at(on_mariadb, UserColumns(active="enabled", never_expires="forever")) as these:
        report = await these.run(sender)
    assert (sender.recipients, report.bad_rows) == (["u1@corp.test"], 0)


async def test_upper_and_lower_case_are_two_users(on_mariadb: str) -> None:
    statements(
        on_mariadb,
        "CREATE TABLE users (id VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, email TEXT, name TEXT, "
        "password_changed_at TEXT)",
        "INSERT INTO users VALUES ('anna', 'a@corp.test', '', '2025-01-01'), "
        "('Anna', 'b@corp.test', '', '2025-01-01'), ('ännä', 'c@corp.test', '', '2025-01-01')",
    )
    sender = Recorder()
    with world_at(on_mariadb) as these:
        await these.run(sender)
        assert these.states() == dict.fromkeys(("anna", "Anna", "ännä"), "SENT")
    assert sender.recipients == ["a@corp.test", "b@corp.test", "c@corp.test"]


async def test_instances_that_send_at_once_send_nothing_twice(on_mariadb: str) -> None:
    statements(on_mariadb, *people("INT", "seq", 300))
    senders = [Recorder() for _ in range(3)]
    with world_at(on_mariadb) as one, world_at(on_mariadb) as two, world_at(on_mariadb) as three:
        await asyncio.gather(
            *(
                these.run(sender, token=token)
                for token, (these, sender) in enumerate(
                    zip((one, two, three), senders, strict=True), start=1
                )
            )
        )
        assert Counter(one.states().values()) == {"SENT": 300}
    mails = Counter(mail.id for sender in senders for mail in sender.mails)
    assert (len(mails), max(mails.values())) == (300, 1)


async def test_whoever_may_not_write_the_notices_is_told_where_else_they_may_stand(
    on_mariadb: str,
) -> None:
    statements(
        on_mariadb,
        *people("INT", "seq"),
        "CREATE OR REPLACE USER reader IDENTIFIED BY 'hunter2'",
        "GRANT SELECT ON users TO reader",
    )
    theirs = on_mariadb.replace("root@", "reader:hunter2@")
    refusal = pytest.raises(ConfigurationError, match=r"denied.*set NOTICES_DATABASE_URL")
    with refusal as caught, world_at(theirs):
        pass
    assert "hunter2" not in str(caught.value)


def test_the_users_database_cannot_be_changed(on_mariadb: str) -> None:
    statements(on_mariadb, *people("INT", "seq"))
    users = Database(on_mariadb, SETTING, writes=False)
    with pytest.raises(DatabaseError, match="READ ONLY"), users.begin() as connection:
        connection.execute(text("DELETE FROM users"))
    users.close()


def test_nobody_is_waited_for_without_end(on_mariadb: str) -> None:
    statements(on_mariadb, *people("INT", "seq"))
    with world_at(on_mariadb) as these, these.outbox.database.begin() as ours:
        assert ours.scalar(text("SELECT @@innodb_lock_wait_timeout")) == 10


async def test_a_lost_connection_costs_a_run_and_no_notice(on_mariadb: str) -> None:
    statements(on_mariadb, *people("INT", "seq"))
    sender = Recorder()
    with world_at(on_mariadb) as these:
        await these.run(Recorder(), dry=True)
        with these.outbox.database.begin() as connection:
            theirs = connection.execute(
                text(
                    "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
                )
            ).scalars()
            ids = list(theirs)
        statements(on_mariadb, *(f"KILL {each}" for each in ids))
        await these.run(sender, token=8)
        assert Counter(these.states().values()) == {"SENT": 3}
    assert len(sender.mails) == 3
