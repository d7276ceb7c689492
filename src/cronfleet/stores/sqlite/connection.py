"""A connection to the store's file: how it is set up, and one transaction after the other."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TypeVar

from cronfleet.clock import Clock
from cronfleet.errors import StoreError, StoreRefusedError, StoreUnavailableError
from cronfleet.model import JobName
from cronfleet.promise import SqliteFacts
from cronfleet.store import Fault, FaultKind
from cronfleet.stores.sqlite.files import StoreFile, file_system_of
from cronfleet.stores.sqlite.forking import GATE
from cronfleet.stores.sqlite.records import SqliteRecords
from cronfleet.stores.sqlite.statements import migrations, split

Answer = TypeVar("Answer")

WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)
"""Before, two processes that began one write-ahead log anew could damage the file."""

_LOOK_AGAIN_S = 0.001
"""SQLite's own waits grow to 100 ms, and one busy writer then keeps all others out."""

_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS, whose fsync alone does not reach the disk
    "PRAGMA journal_size_limit = 1048576",
    "PRAGMA trusted_schema = OFF",
)

_NO_ANSWER = {
    sqlite3.SQLITE_BUSY: "another process kept its lock for too long",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_CANTOPEN: "the file or its journal could not be opened",
    sqlite3.SQLITE_PROTOCOL: "its locks failed",
    sqlite3.SQLITE_NOMEM: "no memory is left",
}

_REFUSED = {
    sqlite3.SQLITE_READONLY: "may only be read, or was moved: make the file and its folder "
    "writable and start again",
    sqlite3.SQLITE_NOTADB: "is no SQLite file: name another",
    sqlite3.SQLITE_CORRUPT: "is damaged: put a backup in its place and start again",
}


class Connection:
    """One connection, for one thread at a time.

    All of it raises StoreUnavailableError when another process holds the file for longer than
    the lock time-out, or the disk is full or fails, and StoreRefusedError when the file cannot be
    used at all.
    """

    def __init__(self, file: StoreFile, clock: Clock, lock_timeout_ms: int) -> None:
        self._file = file
        self._lock_timeout_s = lock_timeout_ms / 1000
        self._deadline = 0.0
        self._clock = clock
        self._is_parked = self._is_given_back = False
        with self._explained(), GATE.no_fork():
            self._connect()
        GATE.add(self)

    def _connect(self) -> None:
        self._sqlite = sqlite3.connect(
            self._file.path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        self._sqlite.row_factory = sqlite3.Row
        self._records = SqliteRecords(self._sqlite, self._clock)

    def close(self) -> None:
        """Give it back. Repeatable."""
        with self._explained(), GATE.no_fork():
            self._is_parked, self._is_given_back = False, True
            self._sqlite.close()

    def park(self) -> None:
        """Close it while the process is forked; whoever uses it next opens it again."""
        self._is_parked = not self._is_given_back
        with suppress(sqlite3.Error):
            self._sqlite.close()

    @contextmanager
    def _in_use(self) -> Generator[None]:
        with self._explained(), GATE.no_fork():
            if self._is_parked:
                self._connect()
                self._patiently(self._set_up)
                self._is_parked = False
            yield

    # --- setting up

    def set_up(self) -> None:
        """Choose the journal and bring the tables up to date: repeatable, and by all at once."""
        self._set_deadline()
        with self._in_use():
            self._patiently(self._set_up)

    def _set_up(self) -> None:
        for setting in _SETTINGS:
            self._sqlite.execute(setting)
        self._choose_journal()
        if self._version() < max(migrations()):
            with self._committed():
                self._sqlite.execute("BEGIN IMMEDIATE")
                self._migrate()

    def _choose_journal(self) -> None:
        # PERSIST and TRUNCATE sync what ends a commit; DELETE does not, and loses the commit if
        # the power fails right after it. PERSIST is the faster.
        wal = WAL_IS_SAFE and (self._is_empty() or self._journal() == "wal")
        wanted = "wal" if wal else "persist"
        try:
            self._sqlite.execute(f"PRAGMA journal_mode = {wanted}")
        except sqlite3.OperationalError:
            if self._journal() != "wal":
                raise
        if self._journal() != wanted:
            raise self._refused(
                f"is in use by a process with another SQLite than {sqlite3.sqlite_version}: end "
                "it, or let all use one version"
            )

    def _journal(self) -> str:
        return self._sqlite.execute("PRAGMA journal_mode").fetchone()[0]

    def facts(self) -> SqliteFacts:
        """How it is set up."""
        self._set_deadline()
        with self._in_use():
            journal, synchronous = self._patiently(lambda: (self._journal(), self._synchronous()))
        folder = self._file.path.parent.resolve()
        return SqliteFacts(sqlite3.sqlite_version, journal, synchronous, file_system_of(folder))

    def damage(self) -> list[Fault]:
        """Whether the file is whole."""
        self._set_deadline()
        with self._in_use():
            said = self._patiently(
                lambda: self._sqlite.execute("PRAGMA quick_check(10)").fetchall()
            )
        damage = [row[0] for row in said if row[0] != "ok"]
        return [Fault(FaultKind.FILE, "fleet", detail=each) for each in damage]

    def misplaced(self, job: JobName, *, mends: bool) -> list[Fault]:
        """Whether each run of the job stands under its job's program."""
        with self.transaction(writes=mends) as records:
            strays = records.misplaced_runs(job)
            if mends and strays:
                records.put_in_place(job)
        return [Fault(FaultKind.INDEX, f"run {run}", mends, "program") for run in strays]

    def _synchronous(self) -> int:
        return self._sqlite.execute("PRAGMA synchronous").fetchone()[0]

    def _is_empty(self) -> bool:
        return self._sqlite.execute("PRAGMA page_count").fetchone()[0] == 0

    def _version(self) -> int:
        tables = {row[0] for row in self._sqlite.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return 0
        if not tables.issuperset({"migration", "fleet"}):
            raise self._refused("holds tables of something else: give the store a file of its own")
        version = self._sqlite.execute("SELECT max(number) FROM migration").fetchone()[0]
        if version > max(migrations()):
            raise self._refused(
                f"was written by a newer cronfleet (schema {version}): upgrade this one"
            )
        return version

    def _migrate(self) -> None:
        done = self._version()
        for number, script in migrations().items():
            if number > done:
                for statement in split(script):
                    self._sqlite.execute(statement)
                self._sqlite.execute("INSERT INTO migration VALUES (?)", (number,))

    # --- transactions

    @contextmanager
    def transaction(self, *, writes: bool) -> Generator[SqliteRecords]:
        """Lend the tables. What is written is committed at the end, all of it or nothing."""
        self._file.check()
        self._set_deadline()
        with self._in_use(), self._committed():
            self._begin(writes=writes)
            self._file.check()  # Again: the lock may have been long in coming.
            self._records.read_clock()
            yield self._records

    @contextmanager
    def step(self) -> Generator[None]:
        """A part of a transaction that can fail alone, unless the transaction is broken by it."""
        with self._explained():
            self._sqlite.execute("SAVEPOINT step")
            try:
                yield
            except BaseException:
                if not self.is_broken:
                    self._sqlite.execute("ROLLBACK TO step")
                raise
            self._sqlite.execute("RELEASE step")

    @property
    def is_broken(self) -> bool:
        """Whether SQLite has rolled the transaction back by itself, as when the disk is full."""
        return not self._sqlite.in_transaction

    def _begin(self, *, writes: bool) -> None:
        if writes:
            self._patiently(lambda: self._sqlite.execute("BEGIN IMMEDIATE"))
        else:
            self._sqlite.execute("BEGIN")  # Has its lock only with the first look.
            self._patiently(self._records.fleet)

    @contextmanager
    def _committed(self) -> Generator[None]:
        try:
            yield
            self._patiently(lambda: self._sqlite.execute("COMMIT"))
        finally:
            if self._sqlite.in_transaction:
                self._sqlite.execute("ROLLBACK")

    def _set_deadline(self) -> None:
        """From now on all waits together last no longer than the lock time-out."""
        self._deadline = time.monotonic() + self._lock_timeout_s

    def _patiently(self, action: Callable[[], Answer]) -> Answer:
        """Do what others may bar at the moment: once at least, and again until the deadline."""
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= self._deadline:
                    raise
            time.sleep(_LOOK_AGAIN_S)

    # --- errors

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explanation(error) from error

    def _explanation(self, error: sqlite3.Error) -> StoreError:
        code = _code(error)
        if code in _NO_ANSWER:
            return StoreUnavailableError(self._file.url, f"{_NO_ANSWER[code]} ({error})")
        if code in _REFUSED:
            return self._refused(f"{_REFUSED[code]} ({error})")
        return StoreError(f"the store {self._file.url}: {error}")

    def _refused(self, what: str) -> StoreRefusedError:
        return StoreRefusedError(f"the store's file {self._file.path} {what}")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; the sqlite3 module's own errors have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
