"""Odd values in the users' database, on each kind of it: none stops the others' mails."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from tests.apps import mariadb, postgres
from tests.apps.outboxes import OneByOne
from tests.apps.worlds import Recorder, World

SENT, DEAD, NOTHING, TOLD = "SENT", "DEAD", "nothing", "told as a bad row"
SETTING = "USERS_DATABASE_URL"
LONG_AGO = "'2025-01-01'"
TEN_KB = "'" + "N" * 10_240 + "'"

# What stands in a row, by what it is: email, name, date; and what becomes of its user.
IN_TEXT: dict[str, tuple[str, str, str, str]] = {
    "a plain user": ("'plain@corp.test'", "'Plain'", LONG_AGO, SENT),
    "no address": ("NULL", "'Anna'", LONG_AGO, DEAD),
    "a blank address": ("'  '", "'Anna'", LONG_AGO, DEAD),
    "no name": ("'nameless@corp.test'", "NULL", LONG_AGO, SENT),
    "an empty name": ("'empty@corp.test'", "''", LONG_AGO, SENT),
    "a name of 10 kB": ("'long@corp.test'", TEN_KB, LONG_AGO, SENT),
    "no date": ("'dateless@corp.test'", "'Anna'", "NULL", NOTHING),
    "a blank date": ("'blank@corp.test'", "'Anna'", "''", NOTHING),
    "infinity": ("'forever@corp.test'", "'Anna'", "'infinity'", NOTHING),
    "minus infinity": ("'past@corp.test'", "'Anna'", "'-infinity'", TOLD),
    "the year 10000": ("'far@corp.test'", "'Anna'", "'10000-01-01 00:00:00'", TOLD),
    "the year 9999": ("'last@corp.test'", "'Anna'", "'9999-12-31 23:59:59'", NOTHING),
    "the year 0": ("'zero@corp.test'", "'Anna'", "'0000-00-00 00:00:00'", TOLD),
    "a word": ("'word@corp.test'", "'Anna'", "'soon'", TOLD),
    "a date alone": ("'date@corp.test'", "'Anna'", "'20250101'", SENT),
    "a local time without an offset": ("'naive@corp.test'", "'Anna'", "'2025-01-01 10:00'", SENT),
    "a time with an offset": ("'offset@corp.test'", "'Anna'", "'2025-01-01T12:00:00+02:00'", SENT),
    "milliseconds": ("'ms@corp.test'", "'Anna'", "'1735689600000'", SENT),
    "one mailbox": ("'Dup@corp.test'", "'Anna'", LONG_AGO, SENT),
    "the same mailbox in small letters": ("'dup@corp.test'", "'Anna'", LONG_AGO, SENT),
    "an international mailbox": ("'zoe@bücher.corp.test'", "'Zoë'", LONG_AGO, SENT),
    "the same one in ASCII": ("'zoe@xn--bcher-kva.corp.test'", "'Zoë'", LONG_AGO, SENT),
    "no address at all": ("'nobody'", "'Anna'", LONG_AGO, DEAD),
    "an address of 10 kB": (f"CONCAT({TEN_KB}, '@corp.test')", "'Anna'", LONG_AGO, DEAD),
}
DATES: dict[str, dict[str, tuple[str, str | None]]] = {
    # Column types, each with a date to store, and the instant that it means to us; None: none.
    "postgresql": {
        "timestamptz": ("'2025-01-01 12:00:00+02'", "2025-01-01T10:00:00+00:00"),
        "timestamptz of never": ("'infinity'", None),
        "timestamptz of ever": ("'-infinity'", TOLD),
        "timestamptz of 10000": ("'10000-01-01 00:00:00+00'", TOLD),
        "timestamp": ("'2025-01-01 10:00:00'", "2025-01-01T10:00:00+00:00"),
        "timestamp of never": ("'infinity'", None),
        "date": ("'2025-01-01'", "2025-01-01T00:00:00+00:00"),
        "bigint": ("1735725600", "2025-01-01T10:00:00+00:00"),
        "numeric(20, 3)": ("1735725600.000", "2025-01-01T10:00:00+00:00"),
    },
    "mariadb": {
        "TIMESTAMP NULL": ("'2025-01-01 10:00:00'", "2025-01-01T10:00:00+00:00"),
        "DATETIME": ("'2025-01-01 10:00:00'", "2025-01-01T10:00:00+00:00"),
        "DATETIME(6)": ("'2025-01-01 10:00:00.000000'", "2025-01-01T10:00:00+00:00"),
        "DATETIME of nothing": ("'0000-00-00 00:00:00'", TOLD),
        "DATE": ("'2025-01-01'", "2025-01-01T00:00:00+00:00"),
        "BIGINT": ("1735725600", "2025-01-01T10:00:00+00:00"),
        "DECIMAL(20, 3)": ("1735725600.000", "2025-01-01T10:00:00+00:00"),
    },
}


class Place:
    """A database of one kind, and how statements get there."""

    def __init__(self, kind: str, url: str, file: Path | None = None) -> None:
        self.kind = kind
        self.url = url
        self._file = file

    def execute(self, *statements: str) -> None:
        if self._file is not None:
            with closing(sqlite3.connect(self._file)) as connection, connection:
                # What the others call so.
                connection.create_function("CONCAT", 2, operator.add)
                for each in statements:
                    connection.execute(each)
        elif self.kind == "mariadb":
            # So that it takes dates that are none, and those of no zone as they stand.
            modes = ("SET time_zone = '+00:00'", "SET sql_mode = ''")
            mariadb.statements(self.url, *modes, *statements)
        else:
            postgres.statements(self.url, *statements)

    @contextmanager
    def world(self) -> Generator[World]:
        users = UserTable(Database(self.url, SETTING, writes=False), UserColumns())
        outbox = OneByOne(Database(self.url, SETTING, writes=True))
        try:
            users.check()
            outbox.prepare()
            yield World(Path(), users, outbox)
        finally:
            users.close()
            outbox.database.close()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    match request.param:
        case "sqlite":
            file = tmp_path / "users.db"
            file.touch()
            return Place("sqlite", f"sqlite:///{file}", file)
        case "postgresql":
            url = request.getfixturevalue("on_postgres")
            postgres.statements(url, "ALTER DATABASE theirs SET timezone = 'America/New_York'")
            return Place("postgresql", url)
        case _:
            return Place("mariadb", request.getfixturevalue("on_mariadb"))


async def test_of_odd_values_each_costs_its_own_user_a_mail_at_most(place: Place) -> None:
    place.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, "
        "password_changed_at TEXT)",
        *(
            f"INSERT INTO users VALUES ({number}, {email}, {name}, {date})"
            for number, (email, name, date, _) in enumerate(IN_TEXT.values(), start=1)
        ),
    )
    sender = Recorder()
    with place.world() as these:
        report = await these.run(sender)
        states = these.states()
    became = {
        what: states.get(str(number), NOTHING) for number, what in enumerate(IN_TEXT, start=1)
    }
    assert became == {
        what: NOTHING if wanted == TOLD else wanted for what, (*_, wanted) in IN_TEXT.items()
    }
    assert report.bad_rows == sum(wanted == TOLD for *_, wanted in IN_TEXT.values())
    # Two users with one mailbox are two accounts, each with a password of its own.
    assert len(sender.mails) == sum(wanted == SENT for *_, wanted in IN_TEXT.values())
    assert sender.recipients.count("zoe@xn--bcher-kva.corp.test") == 2
    assert max(len(mail.content) for mail in sender.mails) < 4000


@pytest.mark.parametrize(
    ("kind", "column", "stored", "meant"),
    [
        pytest.param(kind, column, *date, id=f"{kind}-{column}")
        for kind, dates in DATES.items()
        for column, date in dates.items()
    ],
)
async def test_each_type_of_a_date_means_one_instant_whatever_the_servers_zone(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    kind: str,
    column: str,
    stored: str,
    meant: str | None,
) -> None:
    url = request.getfixturevalue("on_mariadb" if kind == "mariadb" else "on_postgres")
    place = Place(kind, url)
    if kind == "postgresql":
        place.execute("ALTER DATABASE theirs SET timezone = 'America/New_York'")
    place.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, "
        f"password_changed_at {column.partition(' of ')[0]})",
        f"INSERT INTO users VALUES (1, 'anna@corp.test', 'Anna', {stored})",
        "INSERT INTO users VALUES (2, 'ben@corp.test', 'Ben', NULL)",
    )
    with place.world() as these:
        report = await these.run(Recorder())
        dates = [notice.stored_date for notice in these.outbox.recent(10)]
    assert dates == ([] if meant in (None, TOLD) else [meant])
    assert report.bad_rows == (1 if meant == TOLD else 0)
