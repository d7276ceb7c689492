"""A store that comes back empty, or as an old copy, under instances at work."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cronfleet.stores.postgres import PostgresStore
from tests.fleet.rig import Effect, Fleet, eventually
from tests.fleet.test_fleet import TTL_MS
from tests.fleet.test_store_restart import Said
from tests.postgres_servers import OwnPostgres
from tests.servers import OwnServer
from tests.stores.test_redis_only import tell

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

STOPPED = "claiming stopped: the store is not the one it was"


def adopt(store: str) -> str:
    """As a person does it."""
    command = [sys.executable, "-m", "cronfleet", "--store", store, "store", "adopt", "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_no_tick_ran_twice(effects: list[Effect]) -> None:
    entered = Counter(effect.fire_time for effect in effects if effect.what == "entered")
    assert [each for each, count in entered.items() if count > 1] == []


class Counted(Said):
    """Also tells how often something was said."""

    def count(self, words: str) -> int:
        self.has(words)
        return self._text.count(words)


class Scene:
    """Two instances with a job a second, and what they say."""

    def __init__(self, store: str, fleet: Fleet, said: Counted) -> None:
        self.store = store
        self.fleet = fleet
        self._said = said

    def begin(self) -> None:
        self.fleet.start(2)
        self.fleet.entered("steady", 3, within_s=15)

    def live_for(self, ticks: int) -> None:
        self.fleet.entered("steady", ticks, within_s=ticks + 10)

    def both_stop(self) -> None:
        eventually(lambda: self._said.count(STOPPED) >= 2, within_s=15)
        assert self._said.has("go on with this one by `cronfleet store adopt`")

    def nothing_runs_until_adopted(self) -> None:
        self.fleet.drain()
        with pytest.raises(AssertionError, match="in vain"):
            self.fleet.entered("steady", 1, within_s=2.5)
        assert "adopted" in adopt(self.store)
        self.fleet.entered("steady", 3, within_s=20)
        assert_no_tick_ran_twice(self.fleet.drain())


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Counted:
    return Counted(capfd)


@pytest.mark.redis
def test_redis_restarted_empty_stops_all_until_it_is_adopted(
    own_redis: OwnServer, said: Counted
) -> None:
    with Fleet(own_redis.url, TTL_MS, "steady=0") as fleet:
        scene = Scene(own_redis.url, fleet, said)
        scene.begin()
        own_redis.stop()
        own_redis.forget()
        own_redis.start()
        scene.both_stop()
        scene.nothing_runs_until_adopted()


def from_an_append_only_file(server: OwnServer) -> Callable[[], None]:
    """Keeps a copy of what it has on disk now."""
    backup = server.folder.parent / "backup"
    tell(server, "SAVE")  # Nothing but a sign that all so far has been written.
    shutil.copytree(server.folder, backup, symlinks=True)

    def restore() -> None:
        server.forget()
        shutil.copytree(backup, server.folder, dirs_exist_ok=True, symlinks=True)

    return restore


def from_a_snapshot(server: OwnServer) -> Callable[[], None]:
    """The same, and the server is told to load its snapshot."""
    assert tell(server, "CONFIG", "SET", "appendonly", "no") == b"+OK\r\n"
    restore = from_an_append_only_file(server)

    def restore_snapshot() -> None:
        restore()
        shutil.rmtree(server.folder / "appendonlydir", ignore_errors=True)
        server.keeps_append_only_file = False

    return restore_snapshot


@pytest.mark.redis
@pytest.mark.parametrize("backed_up", [from_an_append_only_file, from_a_snapshot])
def test_an_old_copy_of_redis_stops_all_until_it_is_adopted(
    own_redis: OwnServer, said: Counted, backed_up: Callable[[OwnServer], Callable[[], None]]
) -> None:
    """It is of more than a minute ago by what the store has lived, which is set back by hand."""
    with Fleet(own_redis.url, TTL_MS, "steady=0") as fleet:
        scene = Scene(own_redis.url, fleet, said)
        scene.begin()
        tell(own_redis, "HINCRBY", "cronfleet:{default}:fleet", "lived", "-100000")
        restore = backed_up(own_redis)
        tell(own_redis, "HINCRBY", "cronfleet:{default}:fleet", "lived", "100000")
        scene.live_for(5)
        own_redis.stop()
        restore()
        own_redis.start()
        scene.both_stop()
        scene.nothing_runs_until_adopted()


@pytest.mark.postgres
def test_a_schema_that_was_dropped_and_made_again_stops_all_until_it_is_adopted(
    own_postgres: OwnPostgres, said: Counted
) -> None:
    with Fleet(own_postgres.url, TTL_MS, "steady=0") as fleet:
        scene = Scene(own_postgres.url, fleet, said)
        scene.begin()
        own_postgres.tell("DROP SCHEMA cronfleet CASCADE")
        eventually(lambda: said.has("has lost its tables"), within_s=15)
        asyncio.run(opened_once(own_postgres.url))
        scene.both_stop()
        scene.nothing_runs_until_adopted()


async def opened_once(url: str) -> None:
    store = PostgresStore(url)
    await store.open()
    await store.aclose()


@pytest.mark.postgres
def test_an_old_copy_of_a_postgres_schema_stops_all_until_it_is_adopted(
    own_postgres: OwnPostgres, said: Counted
) -> None:
    with Fleet(own_postgres.url, TTL_MS, "steady=0") as fleet:
        scene = Scene(own_postgres.url, fleet, said)
        scene.begin()
        restore = backed_up_schema(own_postgres)
        scene.live_for(8)
        restore()
        scene.both_stop()
        scene.nothing_runs_until_adopted()


def backed_up_schema(server: OwnPostgres) -> Callable[[], None]:
    """A copy of every row as it is at one moment, as pg_dump makes it."""
    names: str = server.tell(
        "SELECT string_agg(relname, ' ') FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'cronfleet'::regnamespace"
    )
    copies = [f"CREATE TABLE backup.{name} AS TABLE cronfleet.{name}" for name in names.split()]
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ"
    server.tell("CREATE SCHEMA backup", begin, *copies, "COMMIT")
    token: int = server.tell("SELECT last_value FROM cronfleet.token")

    def restore() -> None:
        put_back = [
            f"INSERT INTO cronfleet.{name} OVERRIDING SYSTEM VALUE TABLE backup.{name}"
            for name in names.split()
        ]
        emptied = ", ".join(f"cronfleet.{name}" for name in names.split())
        set_back = f"SELECT setval('cronfleet.token', {token})"
        server.tell("BEGIN", locked(emptied), f"TRUNCATE {emptied}", *put_back, set_back, "COMMIT")

    return restore


def locked(tables: str) -> str:
    """Locks all or none, since whoever holds one and waits for another is in a deadlock one day."""
    return (
        f"DO $$ BEGIN LOOP BEGIN LOCK {tables} NOWAIT; EXIT;"
        " EXCEPTION WHEN lock_not_available THEN PERFORM pg_sleep(0.01);"
        " END; END LOOP; END $$"
    )


def test_an_old_copy_of_a_sqlite_file_stops_all_until_it_is_adopted(
    tmp_path: Path, said: Counted
) -> None:
    """Restored into the same file, as SQLite's own backup does it."""
    file, backup = tmp_path / "cronfleet.db", tmp_path / "backup.db"
    with Fleet(f"sqlite:///{file}", TTL_MS, "steady=0") as fleet:
        scene = Scene(f"sqlite:///{file}", fleet, said)
        scene.begin()
        copy(file, backup)
        scene.live_for(8)
        copy(backup, file)
        scene.both_stop()
        scene.nothing_runs_until_adopted()


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    os.chmod(target, 0o600)  # noqa: PTH101 - it is not opened, which would drop its locks
