"""From a database's URL to an engine, with everything that no answer may keep waiting for ever."""

from __future__ import annotations

import errno
import sqlite3
import stat
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SAWarning

from cronfleet.errors import ConfigurationError
from cronfleet.masking import is_secret, masked, without_secrets

SENSELESS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What drivers raise for options of a URL that they do not know, or for values that are none."""

ONLY_READS = "only_reads"
"""The option of a connection whose transaction takes no write lock."""

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_MYSQL_TIMES = {"connect_timeout": 10, "read_timeout": 60, "write_timeout": 30}
# In seconds, but for the last of PostgreSQL's. What the URL itself says of these is left alone.
_CONNECT_ARGS: dict[str, Mapping[str, Any]] = {
    "sqlite": {"timeout": 10},  # how long a writer waits for another one
    "postgresql": {
        "client_encoding": "utf8",  # Else a database without an encoding would answer in bytes.
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    },
    "mysql": _MYSQL_TIMES,
    "mariadb": _MYSQL_TIMES,
}
# Dates without an offset are taken for UTC: a server must not first turn them into its own zone.
# Without locks on what lies between rows, rivals in the outbox do not wait for each other in a ring.
_MYSQL_SET = (
    "SET time_zone = '+00:00'",
    "SET SESSION innodb_lock_wait_timeout = 10",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_ON_CONNECT = {
    "postgresql": (
        "SET TIME ZONE 'UTC'",
        "SET datestyle TO 'ISO'",
        "SET statement_timeout = '60s'",
        "SET lock_timeout = '10s'",
    ),
    "mysql": _MYSQL_SET,
    "mariadb": _MYSQL_SET,
}
_READ_ONLY = {
    "postgresql": ("SET default_transaction_read_only = on",),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY",),
}


def parsed(url: str, setting: str) -> URL:
    """The URL with the driver that we use. Raises `ConfigurationError`."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"{setting} is no database URL: write postgresql://user:password@host/name, "
            "mysql://user:password@host/name or sqlite:///path/to/file.db"
        ) from None
    if "@" in (found.host or ""):  # A part of the password would be taken for the host's name.
        raise ConfigurationError(f"{setting}: write an @ in a user's name or password as %40")
    return found.set(drivername=_DRIVERS.get(found.drivername, found.drivername))


def sqlite_file(url: str, setting: str) -> Path | None:
    """The file that a URL of SQLite names. Raises `ConfigurationError`."""
    found = parsed(url, setting)
    name = found.database or ""
    if found.get_backend_name() != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name)


def secrets_in(url: URL) -> list[str]:
    options = url.normalized_query.items()
    in_query = [value for name, values in options if is_secret(name) for value in values]
    return [*in_query, url.password] if url.password else in_query


def engine_for(url: str, setting: str, *, writes: bool) -> Engine:
    """An engine that has not connected yet. Raises `ConfigurationError`."""
    found = parsed(url, setting)
    if found.get_backend_name() == "sqlite":
        _check_sqlite_file(found, f"{setting} {masked(url)}")
    try:
        engine = _engine(found, setting)
    except (ArgumentError, SAWarning, *SENSELESS) as error:
        raise senseless(url, setting, error) from None
    _set_up(engine, writes=writes)
    return engine


def senseless(url: str, setting: str, error: BaseException) -> ConfigurationError:
    """One line about a URL whose options the driver cannot work with."""
    said = without_secrets(str(error), secrets_in(make_url(url))) or type(error).__name__
    return ConfigurationError(f"{setting} {masked(url)} cannot be used: {said}; correct the URL")


def _check_sqlite_file(url: URL, named: str) -> None:
    """Refuse a path to nothing: SQLite would make an empty database there, without a word."""
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(f"{named}: name a file, as in sqlite:///users.db")
    if url.database.startswith("file:"):
        return
    try:
        mode = Path(url.database).stat().st_mode
    except OSError as error:
        why = "there is no such file" if error.errno == errno.ENOENT else error.strerror
        raise ConfigurationError(f"{named}: {why}") from None
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{named} is no file: name the database's file")


def _engine(url: URL, setting: str) -> Engine:
    backend = url.get_backend_name()
    ours = {k: v for k, v in _CONNECT_ARGS.get(backend, {}).items() if k not in url.query}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SAWarning)  # Of an option that would be passed over.
            return create_engine(url, connect_args=ours, pool_pre_ping=backend != "sqlite")
    except NoSuchModuleError:
        raise ConfigurationError(
            f"{setting}: {url.drivername!r} is not known; write postgresql://, mysql:// or sqlite:///"
        ) from None
    except ModuleNotFoundError as error:
        package = "cronfleet[databases]" if backend in _DRIVERS else error.name or url.drivername
        raise ConfigurationError(
            f"{setting} needs a driver that is not installed: pip install '{package}'"
        ) from None


def _set_up(engine: Engine, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_writer if writes else _sqlite_reader)
        if writes:
            event.listen(engine, "begin", _begin)
            event.listen(engine, "close", _tidy_up)
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
    # A commit ends with the end of the journal: only so is that on the disk, too.
    connection.execute("PRAGMA synchronous = EXTRA")
    # To void the journal costs a disk far less than to remove it, and is as safe. A write-ahead
    # log is the file's own: whoever chose it for the users wants to keep it.
    if connection.execute("PRAGMA journal_mode").fetchone() == ("delete",):
        connection.execute("PRAGMA journal_mode = PERSIST")


def _tidy_up(connection: Any, _record: object) -> None:
    with suppress(sqlite3.Error):  # No journal is to lie beside the users' file for ever.
        if connection.execute("PRAGMA journal_mode").fetchone() == ("persist",):
            connection.execute("PRAGMA journal_mode = DELETE")


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(ONLY_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _sqlite_reader(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")
    # One name that is no UTF-8 must not cost the page that it stands on.
    connection.text_factory = _lenient


def _lenient(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")
