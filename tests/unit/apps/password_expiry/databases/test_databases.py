from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from cronfleet.apps.password_expiry.databases import databases
from cronfleet.apps.password_expiry.databases.databases import (
    Database,
    DatabaseError,
    OddValueError,
    wait_for,
)
from cronfleet.apps.password_expiry.databases.files import private_file, private_folder
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from cronfleet.errors import ConfigurationError

SETTING = "USERS_DATABASE_URL"


class Patience:
    """A clock that sleeping moves, and nothing else."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class SlowDatabase(Database):
    """Comes up when it has been asked so often; says why not until then."""

    def __init__(self, file: Path, *, after: int, refuses: bool = False) -> None:
        super().__init__(f"sqlite:///{private_file(file)}", SETTING, writes=False)
        self.asked = 0
        self._after = after
        self._refuses = refuses

    def probe(self) -> None:
        self.asked += 1
        if self.asked <= self._after:
            raise DatabaseError("no route to host", refuses=self._refuses)


async def test_a_database_that_comes_up_in_time_is_waited_for(tmp_path: Path) -> None:
    database, patience = SlowDatabase(tmp_path / "x.db", after=59), Patience()
    await wait_for(database, 60, patience.clock, patience.sleep)
    assert database.asked == 60


async def test_a_database_that_does_not_come_up_in_a_minute_is_an_error(tmp_path: Path) -> None:
    database, patience = SlowDatabase(tmp_path / "x.db", after=1000), Patience()
    with pytest.raises(ConfigurationError, match="no route to host; correct the URL or start it"):
        await wait_for(database, 60, patience.clock, patience.sleep)
    assert patience.now == 60


async def test_whoever_waits_for_a_database_is_told_once_and_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, patience = SlowDatabase(tmp_path / "x.db", after=3), Patience()

    async def sleep(seconds: float) -> None:
        assert caplog.messages == ["waiting up to 60 s: no route to host"]
        await patience.sleep(seconds)

    await wait_for(database, 60, patience.clock, sleep)
    assert database.asked == 4


async def test_a_database_that_says_nothing_at_all_is_told_of_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_told = threading.Event()
    said: list[str] = []

    def tell(line: str, *values: object) -> None:
        said.append(line % values)
        is_told.set()

    class Silent(SlowDatabase):
        def probe(self) -> None:
            is_told.wait()

    monkeypatch.setattr(databases, "_SILENCE_S", 0)
    monkeypatch.setattr(databases.log, "warning", tell)
    await wait_for(Silent(tmp_path / "x.db", after=0))
    assert re.fullmatch(r"waiting up to 60 s: \S+ \S+ has not answered yet", said[0])


async def test_a_database_that_refuses_is_not_waited_for(tmp_path: Path) -> None:
    database, patience = SlowDatabase(tmp_path / "x.db", after=1000, refuses=True), Patience()
    with pytest.raises(ConfigurationError):
        await wait_for(database, 60, patience.clock, patience.sleep)
    assert database.asked == 1


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("users.db", "USERS_DATABASE_URL is no database URL: write postgresql://"),
        ("mongodb://:secret@host/db", "'mongodb' is not known"),
        ("postgresql://u:secret@host/db", r"pip install 'cronfleet\[databases\]'"),
        ("mysql://u:secret@host/db", r"pip install 'cronfleet\[databases\]'"),
        ("sqlite:///nowhere/users.db", "there is no such file"),
        ("sqlite://", "name a file"),
        ("postgresql://u:secret@secret@host/db", "write an @ in .* as %40"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(
    url: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for driver in ("psycopg", "pymysql"):
        monkeypatch.setitem(sys.modules, driver, None)  # As where it is not installed.
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        Database(url, SETTING, writes=False)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "users.db"
    file.write_text("this is no database, but long enough to be taken for one" * 20)
    database = Database(f"sqlite:///{file}", SETTING, writes=False)
    with pytest.raises(DatabaseError, match=r"USERS_DATABASE_URL sqlite:///.*: .*not a database$"):
        UserTable(database, UserColumns()).check()
    database.close()


def test_only_folders_that_are_made_are_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_folder(tmp_path / "a" / "b")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "a", tmp_path / "a/b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made"):
        private_folder(tmp_path / "file" / "folder")


def test_a_file_that_is_there_keeps_its_content_and_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    file.chmod(0o644)
    private_file(file)
    assert file.read_text() == "kept"
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@127.0.0.1:1/db?sslmode=require",
        "mysql://u:hunter2@127.0.0.1:1/db?ssl=true",
        "mysql://u:hunter2@127.0.0.1:1/db?charset=bogus",
        "mysql://u:hunter2@127.0.0.1:1/db?connect_timeout=abc",
        "mysql://u:hunter2@a..b/db",
        "postgresql://u:hunter2@a..b/db",
        "postgresql://u:hunter2@127.0.0.1:1/db?connect_timeout=abc",
        "sqlite:///users.db?timeout=abc",
        "sqlite:///users.db?foo=1",
        "postgresql://u:hunter2@127.0.0.1:1/db?foo=1",
        "postgresql://u:hunter2@127.0.0.1:99999/db",
    ],
)
async def test_an_option_that_no_driver_understands_is_one_line(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private_file(tmp_path / "users.db")
    monkeypatch.chdir(tmp_path)
    for driver in ("psycopg", "pymysql"):
        if url.startswith(("mysql", "postgresql")):
            pytest.importorskip(driver)
    with pytest.raises(ConfigurationError, match=r"^USERS_DATABASE_URL ") as caught:
        await wait_for(Database(url, SETTING, writes=False))
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_what_a_driver_cannot_take_is_one_line(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{private_file(tmp_path / 'x.db')}", SETTING, writes=True)
    for value in (2**70, "\ud800"):
        with pytest.raises(OddValueError, match=r"^USERS_DATABASE_URL"), database.begin() as it:
            it.execute(text("SELECT :value"), {"value": value})
    database.close()


def test_who_only_reads_waits_for_no_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{private_file(tmp_path / 'x.db')}"
    writer, reader = (Database(url, SETTING, writes=True) for _ in range(2))
    with writer.begin(), reader.begin(only_reads=True) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    for database in (writer, reader):
        database.close()


def test_what_the_url_says_of_time_outs_counts(tmp_path: Path) -> None:
    url = f"sqlite:///{private_file(tmp_path / 'x.db')}?timeout=0"
    with closing(sqlite3.connect(tmp_path / "x.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        database = Database(url, SETTING, writes=True)
        with pytest.raises(DatabaseError, match="locked"), database.begin():
            pass
        database.close()


def written_once(file: Path) -> Database:
    database = Database(f"sqlite:///{file}", SETTING, writes=True)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE it (n)"))
    return database


def journal_mode(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def test_the_journal_beside_a_file_is_void_between_commits_and_gone_after_the_last(
    tmp_path: Path,
) -> None:
    file = private_file(tmp_path / "users.db")
    journal = tmp_path / "users.db-journal"
    database = written_once(file)
    assert set(journal.read_bytes()[:8]) == {0}  # Where a journal that counts says that it is one.
    database.close()
    assert (journal.exists(), journal_mode(file)) == (False, "delete")


def test_a_file_with_a_write_ahead_log_keeps_it(tmp_path: Path) -> None:
    file = private_file(tmp_path / "users.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    written_once(file).close()
    assert journal_mode(file) == "wal"
