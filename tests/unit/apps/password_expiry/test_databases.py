from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cronfleet.apps.password_expiry.databases import (
    Database,
    DatabaseError,
    private_file,
    private_folder,
    wait_for,
)
from cronfleet.apps.password_expiry.users import UserColumns, UserTable
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
        ("mysql://u:secret@host/db", "pip install 'pymysql'"),
        ("sqlite:///nowhere/users.db", "there is no such file"),
        ("sqlite://", "name a file"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(
    url: str, complaint: str
) -> None:
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
