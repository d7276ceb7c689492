"""The two databases: the users', only read, and the outbox's. Their errors become one line.

Everything here is synchronous and belongs into a worker thread.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from cronfleet.errors import ConfigurationError, CronfleetError
from cronfleet.masking import is_secret, masked, without_secrets

_DRIVERS = {
    "postgres": ("postgresql+psycopg", "psycopg[binary]"),
    "postgresql": ("postgresql+psycopg", "psycopg[binary]"),
    "mysql": ("mysql+pymysql", "pymysql"),
    "mariadb": ("mariadb+pymysql", "pymysql"),
}
_CONNECT_ARGS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 30},  # seconds that a writer waits for another one
    "postgresql": {"connect_timeout": 10},
    "mysql": {"connect_timeout": 10},
    "mariadb": {"connect_timeout": 10},
}
# Dates without an offset are taken for UTC: a server must not first turn them into its own zone.
_ON_CONNECT = {
    "postgresql": ("SET TIME ZONE 'UTC'", "SET datestyle TO 'ISO'"),
    "mysql": ("SET time_zone = '+00:00'",),
    "mariadb": ("SET time_zone = '+00:00'",),
}
_READ_ONLY = {
    "postgresql": ("SET default_transaction_read_only = on",),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY",),
}
# A server that says one of these is up: to wait for it would not help.
_REFUSALS = ("authentication failed", "access denied", "does not exist", "unknown database")


class DatabaseError(CronfleetError):
    """A database gave no answer, or refused: nothing was changed, or it cannot be known."""

    def __init__(self, what: str, *, refuses: bool) -> None:
        self.refuses = refuses
        super().__init__(what)


class Database:
    """A database by its URL; `setting` is the name of the setting that chose it, for messages.

    With `writes`, a transaction on SQLite takes the write lock at its beginning, so that what it
    has read is still true when it writes; without, no statement can change anything there.
    Raises `ConfigurationError` for a URL that cannot be used.
    """

    def __init__(self, url: str, setting: str, *, writes: bool) -> None:
        self.setting = setting
        self.shown: str = masked(url)
        parsed = _parsed(url, setting)
        self._secrets = _secrets(parsed)
        if parsed.get_backend_name() == "sqlite":
            _check_sqlite_file(parsed, setting, self.shown)
        self._engine = _engine(parsed, setting)
        self.dialect: str = self._engine.dialect.name
        _set_up(self._engine, writes=writes)

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """A transaction, committed at the end of the block. Raises `DatabaseError`."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._in_one_line(error) from error

    def probe(self) -> None:
        """Ask the database anything at all. Raises `DatabaseError`."""
        with self.begin() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()

    def _in_one_line(self, error: DBAPIError) -> DatabaseError:
        said = without_secrets(str(error.orig), self._secrets)
        refuses = any(refusal in said.lower() for refusal in _REFUSALS)
        return DatabaseError(f"{self.setting} {self.shown}: {said}", refuses=refuses)


async def wait_for(
    database: Database,
    patience_s: float = 60,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Return when the database answers; one that is not up yet has so many seconds to come.

    Raises `ConfigurationError` when it does not, and at once when it answers with a refusal.
    """
    end = clock() + patience_s
    while True:
        try:
            return await asyncio.to_thread(database.probe)
        except DatabaseError as error:
            if error.refuses or clock() >= end:
                raise ConfigurationError(f"{error}; correct the URL or start it") from None
        await sleep(1)


_CHOOSE_ANOTHER = "set CRONFLEET_DATA_DIR (or MAILBOX_DIR) to a folder that can be written to"


def private_folder(path: Path) -> Path:
    """The folder, made if it is not there, with its missing parents, for this user alone.

    Raises `ConfigurationError`.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            # Another instance may be making it at this moment.
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {path} cannot be made: {error.strerror}; {_CHOOSE_ANOTHER}"
        ) from None
    return path


def writable_folder(path: Path) -> Path:
    """A private folder that files can be put into. Raises `ConfigurationError`."""
    if not os.access(private_folder(path), os.W_OK | os.X_OK):
        raise ConfigurationError(f"the folder {path} cannot be written to; {_CHOOSE_ANOTHER}")
    return path


def private_file(path: Path) -> Path:
    """The file, made empty if it is not there, for this user alone.

    One that is there is not opened: to close it again would drop SQLite's locks on it.
    Raises `ConfigurationError`.
    """
    private_folder(path.parent)
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"the file {path} cannot be made: {error.strerror}; {_CHOOSE_ANOTHER}"
        ) from None
    return path


def _parsed(url: str, setting: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"{setting} is no database URL: write postgresql://user:password@host/name, "
            "mysql://user:password@host/name or sqlite:///path/to/file.db"
        ) from None
    if "@" in (parsed.host or ""):  # A part of the password would be taken for the host's name.
        raise ConfigurationError(f"{setting}: write an @ in a user's name or password as %40")
    driver, _ = _DRIVERS.get(parsed.drivername, (parsed.drivername, ""))
    return parsed.set(drivername=driver)


def _secrets(url: URL) -> list[str]:
    options = url.normalized_query.items()
    in_query = [value for name, values in options if is_secret(name) for value in values]
    return [*in_query, url.password] if url.password else in_query


def _check_sqlite_file(url: URL, setting: str, shown: str) -> None:
    """Refuse a path to nothing: SQLite would make an empty database there, without a word."""
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(f"{setting} {shown}: name a file, as in sqlite:///users.db")
    if not url.database.startswith("file:") and not Path(url.database).is_file():
        raise ConfigurationError(f"{setting} {shown}: there is no such file")


def _engine(url: URL, setting: str) -> Engine:
    backend = url.get_backend_name()
    try:
        return create_engine(
            url, connect_args=_CONNECT_ARGS.get(backend, {}), pool_pre_ping=backend != "sqlite"
        )
    except NoSuchModuleError:
        raise ConfigurationError(
            f"{setting}: {url.drivername!r} is not known; write postgresql://, mysql:// or sqlite:///"
        ) from None
    except ModuleNotFoundError as error:
        _, package = _DRIVERS.get(backend, ("", error.name or url.drivername))
        raise ConfigurationError(
            f"{setting} needs a driver that is not installed: pip install '{package}'"
        ) from None


def _set_up(engine: Engine, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_writer if writes else _sqlite_reader)
        if writes:
            event.listen(engine, "begin", _begin_immediate)
        return
    name = engine.dialect.name
    statements = _ON_CONNECT.get(name, ()) + (() if writes else _READ_ONLY.get(name, ()))

    def on_connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()  # A roll-back would take a SET with it.

    event.listen(engine, "connect", on_connect)


def _sqlite_writer(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The module would begin late, and not take the write lock.
    # A commit ends with the removal of the journal: only so is that on the disk, too.
    connection.execute("PRAGMA synchronous = EXTRA")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sqlite_reader(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")
    # One name that is no UTF-8 must not cost the page that it stands on.
    connection.text_factory = _lenient


def _lenient(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")
