"""Where an SQLite store's file may be, who may read it, and that it stays the same."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cronfleet.errors import ConfigurationError, StoreRefusedError
from cronfleet.model import SessionId
from cronfleet.stores.sqlite import SqliteStore, files
from cronfleet.stores.sqlite.statements import migrations

ANNA = SessionId("a" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "cronfleet.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.aclose()


def answering(answer: object) -> Callable[..., object]:
    return lambda *_args: answer


def made(path: Path, mode: int = 0o600) -> Path:
    path.touch()
    path.chmod(mode)
    return path


def moved(path: Path, to: Path) -> None:
    path.rename(to)


async def refusal(path: Path) -> str:
    store = SqliteStore(path)
    with pytest.raises(StoreRefusedError) as refused:
        await store.open()
    await store.aclose()
    return str(refused.value)


async def test_the_folder_and_all_files_are_for_their_owner_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0)
    store = SqliteStore(path)
    await store.open()
    await store.note("some", "value")
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    await store.aclose()
    os.umask(before)
    assert set(modes.values()) == {"0o600"}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_the_file_is_closed_to_others_before_sqlite_sees_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    connect = sqlite3.connect

    def spy(path: Path, **options: Any) -> sqlite3.Connection:
        seen.append(path.stat().st_mode & 0o777)
        return connect(path, **options)

    monkeypatch.setattr(sqlite3, "connect", spy)
    store = SqliteStore(path)
    await store.open()
    await store.aclose()
    assert seen == [0o600]


async def test_each_fleet_has_a_file_of_its_own(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path, fleet="teamA")
    assert (await other.open()).id != (await store.open()).id
    assert other.name == f"sqlite:///{path.parent}/cronfleet.teamA.db"
    assert await other.jobs() == []
    await other.aclose()


def test_a_fleet_cannot_leave_the_folder_by_its_name(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="becomes part of"):
        SqliteStore(path, fleet="../team")


async def test_a_file_that_others_may_read_is_refused(store: SqliteStore, path: Path) -> None:
    await store.aclose()
    assert f"chmod 600 {path}" in await refusal(made(path, 0o640))


@pytest.mark.parametrize("mode", [0o777, 0o702, 0o1777])
async def test_a_folder_where_others_can_put_files_is_refused(tmp_path: Path, mode: int) -> None:
    """Even a sticky one: there they could plant a journal, which SQLite would play back."""
    said = await refusal(made(tmp_path, mode) / "cronfleet.db")
    assert f"as {tmp_path}/cronfleet/cronfleet.db" in said
    assert (f"chmod go-w {tmp_path}" in said) == (mode != 0o1777)


@pytest.mark.parametrize("own", [True, False])
async def test_a_folder_may_be_writable_for_the_users_private_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    made(tmp_path, 0o770)
    monkeypatch.setattr(files, "_is_own_group", answering(own))
    store = SqliteStore(tmp_path / "cronfleet.db")
    if own:
        await store.open()
        await store.aclose()
    else:
        assert "chmod go-w" in await refusal(tmp_path / "cronfleet.db")


def test_a_group_without_a_name_is_nobodys_own() -> None:
    assert not files._is_own_group(2**31 - 7)


async def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(made(tmp_path / "real.db"))
    assert "a link" in await refusal(tmp_path / "link.db")


async def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be made" in await refusal(made(tmp_path / "file") / "cronfleet.db")


async def test_a_read_only_disk_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_args: Any) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    assert "Read-only file system" in await refusal(path)


async def test_a_file_that_may_not_be_written_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", answering(False))  # Root may write whatever the mode.
    assert f"{path} may not be written" in await refusal(path)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
async def test_a_network_file_system_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(files, "file_system_of", answering(kind))
    assert f"({kind})" in await refusal(path)


def test_the_file_system_is_that_of_the_last_mount_on_the_longest_point() -> None:
    mounts = [
        "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw",
        r"22 21 0:40 / /my\040data rw - nfs4 host:/export rw",
        "23 21 0:41 / /srv rw shared:2 master:1 - nfs4 host:/srv rw",
        "24 23 8:2 / /srv rw - xfs /dev/sdb1 rw",
    ]
    assert files.file_system_among(mounts, Path("/my data/var")) == "nfs4"
    assert files.file_system_among(mounts, Path("/srv/var")) == "xfs"
    assert files.file_system_among(mounts, Path("/srv2")) == "ext4"


def test_without_a_list_of_mounts_the_file_system_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "missing")
    assert files.file_system_of(tmp_path) == ""


@pytest.mark.parametrize("swap", ["moved", "replaced"])
async def test_a_file_that_was_swapped_is_never_used_again(
    store: SqliteStore, path: Path, swap: str
) -> None:
    moved(path, path.with_name("moved.db"))
    if swap == "replaced":
        made(path)
    with closing(store.renewer()) as renewer:
        for asked in (store.note("some", "value"), store.jobs()):
            with pytest.raises(StoreRefusedError, match="moved, deleted or replaced"):
                await asked
        with pytest.raises(StoreRefusedError):
            renewer.renew(ANNA)


async def test_a_fork_may_not_use_the_store(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: 1)
        with pytest.raises(StoreRefusedError, match="after the fork"):
            await store.jobs()


def test_migrations_are_numbered_without_holes_or_doubles() -> None:
    names = list(Path(files.__file__).with_name("migrations").iterdir())
    assert list(migrations()) == list(range(1, len(names) + 1))
