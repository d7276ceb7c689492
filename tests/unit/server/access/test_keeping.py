from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cronfleet.errors import ConfigurationError
from cronfleet.server.access.credentials import Credential, Credentials, Kind
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from tests.unit.server.access.doors import add_token, credentials_file


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path / "deep" / "var")


def names(file: CredentialsFile) -> list[str]:
    known = file.current()
    assert known is not None
    return [each.name for each in known.all]


def test_without_a_file_nobody_has_ever_been_named(file: CredentialsFile) -> None:
    assert file.current() is None


def test_the_file_is_for_its_user_alone(file: CredentialsFile) -> None:
    add_token(file, Role.ADMIN)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_no_token_is_in_the_file(file: CredentialsFile) -> None:
    token = add_token(file, Role.ADMIN)
    assert token not in file.path.read_text()
    assert token.removeprefix("cf_") not in file.path.read_text()


def test_what_another_process_changes_is_seen(file: CredentialsFile) -> None:
    add_token(file, Role.ADMIN)
    other = CredentialsFile(file.path)
    assert names(other) == ["admin"]
    add_token(file, Role.VIEWER)
    assert names(other) == ["admin", "viewer"]
    other.change(lambda known: known.without("admin", Kind.TOKEN))
    assert names(file) == ["viewer"]


def test_the_key_that_signs_logins_stays(file: CredentialsFile) -> None:
    add_token(file, Role.ADMIN)
    before = file.current()
    add_token(file, Role.VIEWER)
    after = CredentialsFile(file.path).current()
    assert before is not None
    assert after is not None
    assert after.session_key == before.session_key
    assert len(after.session_key) == 32


def test_a_file_that_has_gone_lets_nobody_in(file: CredentialsFile) -> None:
    add_token(file, Role.ADMIN)
    assert names(file) == ["admin"]
    file.path.unlink()
    assert names(file) == []
    add_token(CredentialsFile(file.path), Role.VIEWER)
    assert names(file) == ["viewer"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "[]",
        "{}",
        "null",
        '{"version": 2}',
        '{"version": 1, "session_key": "", "credentials": [{"name": "hunter2"}]}',
        '{"version": 1, "session_key": "hunter2", "credentials": []}',
        '{"version": 1, "session_key": 1, "credentials": []}',
        '{"version": 1, "session_key": "00", "credentials": [1]}',
    ],
)
def test_a_file_that_is_none_lets_nobody_in_and_is_not_quoted(
    file: CredentialsFile, text: str
) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_text(text)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="nobody is let in") as caught:
            file.current()
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        add_token(file, Role.ADMIN)
    assert file.path.read_text() == text


@pytest.mark.parametrize("role", ["root", "", "Admin"])
def test_a_role_that_is_none_is_not_guessed(file: CredentialsFile, role: str) -> None:
    add_token(file, Role.ADMIN)
    document = json.loads(file.path.read_text())
    document["credentials"][0]["role"] = role
    file.path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError):
        file.current()


def test_a_key_that_all_could_guess_signs_nothing(file: CredentialsFile) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_text('{"version": 1, "session_key": "", "credentials": []}')
    with pytest.raises(ConfigurationError):
        file.current()


def test_changes_at_the_same_time_are_all_made(file: CredentialsFile) -> None:
    def add(number: int) -> None:
        add_token(CredentialsFile(file.path), Role.VIEWER, f"v{number}")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(file)) == [f"v{number}" for number in range(8)]
    there = sorted(each.name for each in file.path.parent.iterdir())
    assert there == ["credentials.json", "credentials.json.lock"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("no folder")
    with pytest.raises(ConfigurationError, match="CRONFLEET_TOKENS_FILE"):
        add_token(credentials_file(tmp_path / "var"), Role.ADMIN)


@pytest.mark.parametrize(
    "name", ["", " ", "this machine", "a b", "a\n", "-a", "é", "a" * 65, "<b>"]
)
def test_a_name_is_short_and_plain(name: str) -> None:
    made = Credential(name, Kind.TOKEN, Role.VIEWER, "", datetime.now(UTC))
    with pytest.raises(ConfigurationError, match="no name for a caller"):
        Credentials(b"").with_(made)


def test_a_name_belongs_to_one_caller(file: CredentialsFile) -> None:
    add_token(file, Role.VIEWER, "ada")
    with pytest.raises(ConfigurationError, match="there is a caller ada already"):
        add_token(file, Role.ADMIN, "ada")


def test_a_file_whose_name_ends_in_lock_is_not_its_own_lock(tmp_path: Path) -> None:
    file = CredentialsFile(tmp_path / "credentials.lock")
    add_token(file, Role.ADMIN)
    add_token(file, Role.VIEWER)
    assert names(file) == ["admin", "viewer"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes what is another user's")
def test_what_root_changes_stays_its_users(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 12_345)
    file = credentials_file(tmp_path)
    add_token(file, Role.ADMIN)
    add_token(file, Role.VIEWER)
    assert {each.stat().st_uid for each in tmp_path.iterdir()} == {12_345}


class Raced(CredentialsFile):
    """A thread has read what stood there, and goes on when another one has begun to note what is."""

    def __init__(self, path: Path) -> None:
        self.has_read, self.may_go_on = threading.Event(), threading.Event()
        self.late = threading.Thread(target=self.current)
        super().__init__(path)

    def _read(self) -> Credentials:
        found = super()._read()
        if threading.current_thread() is self.late:
            self.has_read.set()
            self.may_go_on.wait()
        return found

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        late = self.__dict__.get("late")
        if late is not None and late.is_alive() and threading.current_thread() is not late:
            self.may_go_on.set()
            self.late.join()


def test_whoever_reads_late_lets_nobody_in_who_was_revoked_meanwhile(
    file: CredentialsFile,
) -> None:
    add_token(file, Role.ADMIN)
    raced = Raced(file.path)
    raced.late.start()
    assert raced.has_read.wait(20)
    file.change(lambda known: known.without("admin", Kind.TOKEN))
    assert names(raced) == []
    assert names(raced) == []
