"""What only the SQLite store has: its file, its locks, its journal, its thread."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cronfleet.clock import SystemClock
from cronfleet.errors import StoreError, StoreRefusedError, StoreUnavailableError
from cronfleet.model import SessionId
from cronfleet.store import LogLine, LogPart, LogPlace, NewSession
from cronfleet.stores.sqlite import SqliteStore, connection
from cronfleet.stores.sqlite.statements import named_statements
from cronfleet.stores.steps.records import Records
from cronfleet.testing.samples import triggered
from tests.stores.claimer import JOBS, PROGRAM, declaration, tick_at

ANNA, BEN = SessionId("a" * 32), SessionId("b" * 32)
CLAIMER = Path(__file__).with_name("claimer.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "cronfleet.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, lock_timeout_ms=500)
    await store.open()
    await store.join(NewSession(ANNA, PROGRAM, "anna", 600_000, "2026a"))
    await store.sync_jobs(ANNA, PROGRAM, [declaration(job) for job in JOBS])
    yield store
    await store.aclose()


@contextmanager
def another_process(path: Path, *statements: str) -> Generator[sqlite3.Connection]:
    """Stands for one: SQLite treats each connection as a stranger."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as stranger:
        for statement in statements:
            stranger.execute(statement).fetchall()
        yield stranger


def own_connection(store: SqliteStore) -> sqlite3.Connection:
    assert store._writer
    assert store._writer._connection
    return store._writer._connection._sqlite


def journal(store: SqliteStore) -> str:
    return own_connection(store).execute("PRAGMA journal_mode").fetchone()[0]


def made(path: Path, text: str = "") -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text(text)
    path.chmod(0o600)


async def refusal(path: Path) -> str:
    store = SqliteStore(path)
    with pytest.raises(StoreRefusedError) as refused:
        await store.open()
    await store.aclose()
    return str(refused.value)


# --- the tables


@pytest.mark.parametrize("wal", [True, False])
async def test_all_may_open_a_new_file_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, wal: bool
) -> None:
    monkeypatch.setattr(connection, "WAL_IS_SAFE", wal)
    stores = [SqliteStore(path) for _ in range(12)]
    infos = await asyncio.gather(*(store.open() for store in stores))
    assert len({info.id for info in infos}) == 1
    for store in stores:
        await store.aclose()


async def test_a_newer_schema_is_refused(store: SqliteStore, path: Path) -> None:
    await store.aclose()
    with another_process(path, "INSERT INTO migration VALUES (999)"):
        assert "newer cronfleet (schema 999)" in await refusal(path)


async def test_a_database_of_something_else_is_refused(path: Path) -> None:
    made(path)
    with another_process(path, "CREATE TABLE users (email TEXT)"):
        assert "tables of something else" in await refusal(path)


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    made(path, "Dear diary, " * 100)
    assert "is no SQLite file" in await refusal(path)


async def test_a_step_before_open_is_refused(path: Path) -> None:
    with pytest.raises(StoreRefusedError, match="is not open"):
        await SqliteStore(path).jobs()


@pytest.mark.parametrize("name", sorted(named_statements()))
async def test_no_statement_looks_at_every_row(store: SqliteStore, path: Path, name: str) -> None:
    small = (
        "SCAN fleet",
        "SCAN session",
        "SCAN holder",
        "SCAN (subquery",
        "SCAN 2 CONSTANT",
        "SCAN audit",
    )
    anything: dict[str, None] = defaultdict(lambda: None)
    with another_process(path) as stranger:
        plan = stranger.execute(f"EXPLAIN QUERY PLAN {named_statements()[name]}", anything)
        scans = [row[-1] for row in plan if row[-1].startswith("SCAN")]
    assert [scan for scan in scans if not scan.startswith(small)] == []


# --- locks and the disk


async def test_a_commit_is_synced_to_the_disk(store: SqliteStore) -> None:
    own = own_connection(store)
    assert own.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert own.execute("PRAGMA journal_mode").fetchone()[0] in {"persist", "wal"}
    assert own.execute("PRAGMA trusted_schema").fetchone()[0] == 0


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_busy_file_gives_no_answer_within_the_lock_timeout(
    store: SqliteStore, path: Path, lock: str
) -> None:
    began = time.monotonic()
    with another_process(path, lock), pytest.raises(StoreUnavailableError, match="its lock"):
        await store.note("some", "value")
    assert time.monotonic() - began < 2
    assert await store.note("some", "other") == "other"


async def test_a_commit_that_cannot_be_is_undone(store: SqliteStore, path: Path) -> None:
    reading = ("BEGIN", "SELECT * FROM job")
    with another_process(path, *reading), pytest.raises(StoreUnavailableError):
        await store.note("some", "value")
    assert await store.note("some", "other") == "other"


async def test_reading_does_not_wait_for_a_writer(store: SqliteStore, path: Path) -> None:
    with another_process(path, "BEGIN IMMEDIATE"):
        assert len(await store.jobs()) == len(JOBS)


async def test_the_clock_is_read_when_the_lock_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Witness(SystemClock):
        def wall_ms(self) -> int:
            with pytest.raises(sqlite3.OperationalError), another_process(path, "BEGIN EXCLUSIVE"):
                pytest.fail("the file is not locked")
            return super().wall_ms()

    monkeypatch.setattr(connection, "WAL_IS_SAFE", False)  # Its readers bar nobody.
    store = SqliteStore(path, clock=Witness())
    await store.open()
    await store.join(NewSession(ANNA, PROGRAM, "anna", 600_000, "2026a"))
    await store.aclose()


async def test_a_file_made_read_only_is_refused(store: SqliteStore) -> None:
    own_connection(store).execute("PRAGMA query_only = ON")
    with pytest.raises(StoreRefusedError, match="may only be read"):
        await store.note("some", "value")


async def test_a_full_disk_fails_the_step_and_changes_nothing(store: SqliteStore) -> None:
    own = own_connection(store)
    pages = own.execute("PRAGMA page_count").fetchone()[0]
    own.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    with pytest.raises(StoreUnavailableError, match="the disk is full"):
        await store.note("some", "value" * 100_000)
    own.execute(f"PRAGMA max_page_count = {pages * 1000}").fetchall()
    assert await store.note("some", "other") == "other"


async def test_whatever_else_sqlite_says_is_an_error_of_the_store(store: SqliteStore) -> None:
    own_connection(store).execute("DROP TABLE note")
    with pytest.raises(StoreError, match="no such table"):
        await store.note("some", "value")


async def test_renewals_come_through_while_another_instance_writes_without_pause(
    store: SqliteStore, path: Path
) -> None:
    patient = SqliteStore(path)
    await patient.open()
    with closing(patient.renewer()) as renewer:
        for _ in range(10):
            renewal = asyncio.create_task(asyncio.to_thread(renewer.renew, ANNA))
            while not renewal.done():
                await store.join(NewSession(BEN, PROGRAM, "ben", 600_000, "2026a"))
            assert await renewal
    await patient.aclose()


# --- gathering


def watched(store: SqliteStore) -> Counter[str]:
    """Counts the statements that the store's thread executes."""
    seen: Counter[str] = Counter()
    own_connection(store).set_trace_callback(lambda statement: seen.update([statement]))
    return seen


async def test_steps_that_wait_together_share_a_commit(store: SqliteStore) -> None:
    seen = watched(store)
    await asyncio.gather(*(store.note(f"note {n}", "value") for n in range(100)))
    assert seen["RELEASE step"] == 100
    assert seen["COMMIT"] <= 10


async def test_a_step_that_fails_changes_nothing_and_harms_no_other(store: SqliteStore) -> None:
    out_of_order = replace(tick_at("second", 2), fire_time=0)
    asked = [
        store.claim(ANNA, [tick_at("first", 1)]),
        store.claim(ANNA, [tick_at("second", 1), out_of_order]),
        store.claim(ANNA, [tick_at("third", 1)]),
    ]
    _, failed, _ = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(failed, ValueError)
    assert [len(await store.runs(job)) for job in JOBS] == [1, 0, 1]


async def test_a_step_that_fails_halfway_takes_back_what_it_did(store: SqliteStore) -> None:
    def fails_halfway(records: Records) -> None:
        records.put_note("half", "done")
        raise LookupError("the store is damaged")

    asked = [store.note("first", "1"), store._step(fails_halfway), store.note("third", "3")]
    _, failed, _ = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(failed, LookupError)
    found = [await store.note(name, "free") for name in ("first", "half", "third")]
    assert found == ["1", "free", "3"]


async def test_a_failed_commit_fails_every_step_that_shared_it(
    store: SqliteStore, path: Path
) -> None:
    with another_process(path, "BEGIN", "SELECT * FROM job"):
        asked = [store.note(f"note {n}", "value") for n in range(5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert await store.note("note 3", "other") == "other"


async def test_reading_commits_nothing(store: SqliteStore) -> None:
    seen = watched(store)
    await store.peek(PROGRAM, limit=10)
    assert seen["BEGIN"] == 1
    assert seen["BEGIN IMMEDIATE"] == 0


async def test_cancelling_one_caller_harms_no_other(store: SqliteStore, path: Path) -> None:
    with another_process(path, "BEGIN IMMEDIATE"):
        callers = [asyncio.ensure_future(store.note(f"note {n}", "1")) for n in range(5)]
        await asyncio.sleep(0)
        callers[2].cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert Counter(map(str, answers)) == {"1": 4, "": 1}


async def test_steps_asked_before_closing_are_taken(store: SqliteStore, path: Path) -> None:
    noted = asyncio.gather(*(store.note(f"note {n}", "first") for n in range(20)))
    await asyncio.sleep(0)
    await store.aclose()
    assert await noted == ["first"] * 20
    await store.aclose()
    await store.open()
    assert await store.note("note 19", "second") == "first"


# --- the journal


async def test_a_renewal_leaves_the_journal_in_its_place(store: SqliteStore, path: Path) -> None:
    await store.note("some", "value")
    with closing(store.renewer()) as renewer:
        renewer.renew(ANNA)
    assert path.with_name("cronfleet.db-journal").exists()


async def test_a_new_file_has_a_write_ahead_log_where_sqlite_is_sound(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAL_IS_SAFE", True)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            store = SqliteStore(path)
            await store.open()
            stack.push_async_callback(store.aclose)
            assert journal(store) == "wal"


async def test_an_old_file_keeps_its_journal_since_older_processes_may_use_it(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAL_IS_SAFE", True)
    newer = SqliteStore(path)
    await newer.open()
    assert journal(newer) == "persist"
    await newer.aclose()


async def test_an_unsound_sqlite_does_not_share_a_write_ahead_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAL_IS_SAFE", True)
    newer, older = SqliteStore(path), SqliteStore(path, lock_timeout_ms=50)
    await newer.open()
    monkeypatch.setattr(connection, "WAL_IS_SAFE", False)
    with pytest.raises(StoreRefusedError, match="another SQLite"):
        await older.open()
    await newer.aclose()
    await older.open()  # Alone with the file, it takes the other journal.
    assert journal(older) == "persist"
    await older.aclose()


# --- kill -9


@pytest.mark.fleet
@pytest.mark.timeout(60)
async def test_what_was_answered_is_there_after_kill_9(store: SqliteStore, path: Path) -> None:
    granted: dict[str, int] = {}
    for _ in range(20):
        granted |= claimed_until_killed(path, answers=random.randint(1, 40))
        with another_process(path) as stranger:
            assert stranger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            stored = dict(stranger.execute("SELECT id, token FROM run"))
        assert granted.items() <= stored.items()
        for job in await store.jobs():  # A claim is there whole or not at all.
            runs = await store.runs(job.name, limit=1_000_000)
            assert job.active == len(runs) == job.watermark
    assert granted


def claimed_until_killed(path: Path, answers: int) -> dict[str, int]:
    """What a process printed that was killed some time after so many answers."""
    claimer = [sys.executable, str(CLAIMER), str(path)]
    with subprocess.Popen(claimer, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(answers)]
        process.kill()
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return {run: int(token) for run, token in (line.split() for line in lines)}


async def test_what_a_run_logged_goes_with_it_also_where_an_older_version_deletes_it(
    store: SqliteStore, path: Path
) -> None:
    run = await triggered(store, JOBS[0])
    await store.append_logs([LogPart(run, (LogLine(LogPlace(1, 1), 0, 20, "one"),))])
    assert len(await store.run_log(run)) == 1
    with another_process(path, "DELETE FROM run"):
        assert await store.run_log(run) == []
