"""The two databases: the users', only read, and the outbox's. Their errors become one line.

Everything here is synchronous and belongs into a worker thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol

from sqlalchemy import ClauseElement, Compiled, Connection, text
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.schema import DDLElement
from sqlalchemy.types import TypeEngine

from cronfleet.apps.password_expiry.databases.engines import (
    ONLY_READS,
    SENSELESS,
    engine_for,
    parsed,
    secrets_in,
    senseless,
)
from cronfleet.errors import ConfigurationError, CronfleetError
from cronfleet.masking import masked, without_secrets

log: logging.Logger = logging.getLogger(__name__)

_WAITING = "waiting up to %d s: %s"
_SILENCE_S = 2  # To connect may take longer than people wait for a word.

# Deadlocks, and reads that a rival has overtaken: PostgreSQL's states, MySQL's and MariaDB's numbers.
_UNDONE = frozenset({"40001", "40P01", 1020, 1213})
# A server that says one of these is up: to wait for it would not help.
_REFUSALS = (
    "authentication failed",
    "access denied",
    "does not exist",
    "unknown database",
    "invalid ",
    "bad value ",
)


class DatabaseError(CronfleetError):
    """A database gave no answer, or refused: nothing was changed, or it cannot be known."""

    def __init__(self, what: str, *, refuses: bool = False) -> None:
        self.refuses = refuses
        super().__init__(what)


class OddValueError(DatabaseError):
    """A value that the database or its driver cannot take or give: others may be fine."""


class UndoneError(DatabaseError):
    """The database undid the transaction for a rival's sake: nothing of it was done."""


class Database:
    """A database by its URL; `setting` is the name of the setting that chose it, for messages.

    With `writes`, a transaction on SQLite takes the write lock at its beginning, so that what it
    has read is still true when it writes; without, no statement can change anything there.
    Raises `ConfigurationError` for a URL that cannot be used.
    """

    def __init__(self, url: str, setting: str, *, writes: bool) -> None:
        self.setting = setting
        self.shown: str = masked(url)
        self._given = url
        self._url = parsed(url, setting)
        self._engine = engine_for(url, setting, writes=writes)
        self.dialect: str = self._engine.dialect.name
        self._driver: Any = self._engine.dialect.dbapi

    @contextmanager
    def begin(self, *, only_reads: bool = False) -> Generator[Connection]:
        """A transaction, committed at the end of the block; one that `only_reads` waits for nobody.

        Raises `DatabaseError`, and `ConfigurationError` for a URL that no driver understands.
        """
        try:
            with self._connected() as connection:
                if only_reads:
                    connection.execution_options(**{ONLY_READS: True})
                with connection.begin():
                    yield connection
        except DBAPIError as error:
            is_odd = isinstance(error, DataError)
            raise self._in_one_line(error.orig or error, is_odd=is_odd) from error
        except self._driver.Error as error:  # Of a statement that was prepared.
            is_odd = isinstance(error, self._driver.DataError)
            raise self._in_one_line(error, is_odd=is_odd) from error
        except SQLAlchemyError as error:  # Its text would go on with the statement and its values.
            raise OddValueError(self._line(str(error.args[0]))) from error
        except (OverflowError, UnicodeError) as error:
            raise OddValueError(self._line(str(error))) from error

    def _connected(self) -> Connection:
        try:
            return self._engine.connect()
        except SENSELESS as error:
            raise senseless(self._given, self.setting, error) from error

    def compiled(self, statement: ClauseElement) -> Compiled:
        """As this database and its driver take it."""
        # Some dialects would leave a place for a limit, to be filled in at each execution.
        options = {"render_postcompile": True}
        return statement.compile(dialect=self._engine.dialect, compile_kwargs=options)

    def shown_as_sql(self, statement: DDLElement) -> str:
        """A statement that makes something, as this database takes it."""
        return str(statement.compile(dialect=self._engine.dialect))

    def binder(self, of_type: TypeEngine[Any]) -> Callable[[Any], Any] | None:
        """Makes what the driver takes of a value of this type; None: it takes it as it is."""
        dialect = self._engine.dialect
        return of_type.dialect_impl(dialect).bind_processor(dialect)

    def probe(self) -> None:
        """Ask the database anything at all. Raises `DatabaseError`."""
        with self.begin() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()

    def _in_one_line(self, error: BaseException, *, is_odd: bool) -> DatabaseError:
        said = _said(error)
        if is_odd:
            return OddValueError(self._line(said))
        if _is_undone(error):
            return UndoneError(self._line(said))
        refuses = any(refusal in said.lower() for refusal in _REFUSALS)
        return DatabaseError(self._line(said), refuses=refuses)

    def _line(self, said: str) -> str:
        return f"{self.setting} {self.shown}: {without_secrets(said, secrets_in(self._url))}"


def _said(error: BaseException) -> str:
    """PostgreSQL's first line, where it has one: the statement below that tells people nothing."""
    first: object = getattr(getattr(error, "diag", None), "message_primary", None)
    return str(first or error)


def _is_undone(error: BaseException) -> bool:
    state: object = getattr(error, "sqlstate", None)
    return state in _UNDONE or next(iter(error.args), None) in _UNDONE


class Prepared:
    """A statement that is compiled once, and goes to the driver as it is.

    All that the library does around a statement takes longer than to carry it out. `names` are
    those of its parameters, in the order in which a row has them.
    """

    def __init__(self, database: Database, statement: ClauseElement, *names: str) -> None:
        compiled: Any = database.compiled(statement)
        self._sql = str(compiled)
        self._names = names
        self._constants: dict[str, object] = dict(compiled.params or {})
        self._order: Sequence[str] | None = compiled.positiontup
        types = {name: compiled.binds[name].type for name in names}
        self._binders = {
            name: binder for name, each in types.items() if (binder := database.binder(each))
        }

    def rows(self, connection: Connection, *values: object) -> Sequence[Sequence[Any]]:
        """What it finds."""
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(self._sql, self._given(values))
            return cursor.fetchall()

    def for_each(self, connection: Connection, rows: Iterable[Sequence[object]]) -> None:
        """Carry it out for each row."""
        with closing(connection.connection.cursor()) as cursor:
            cursor.executemany(self._sql, [self._given(row) for row in rows])

    def _given(self, values: Sequence[object]) -> Any:
        """As the driver takes them: by name, or by place."""
        named = self._constants | dict(zip(self._names, values, strict=True))
        for name, binder in self._binders.items():
            named[name] = binder(named[name])
        return named if self._order is None else tuple(map(named.__getitem__, self._order))


class Answering(Protocol):
    """What answers or does not: a database, or another place that users come from."""

    @property
    def setting(self) -> str: ...

    @property
    def shown(self) -> str: ...

    def probe(self) -> None:
        """Raises `DatabaseError`."""
        ...


async def wait_for(
    database: Answering,
    patience_s: float = 60,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Return when the database answers; one that is not up yet has so many seconds to come.

    Raises `ConfigurationError` when it does not, and at once when it answers with a refusal.
    """
    end = clock() + patience_s
    no_answer = f"{database.setting} {database.shown} has not answered yet"
    loop = asyncio.get_running_loop()
    silence = loop.call_later(_SILENCE_S, log.warning, _WAITING, patience_s, no_answer)
    try:
        while True:
            try:
                return await asyncio.to_thread(database.probe)
            except DatabaseError as error:
                if error.refuses or clock() >= end:
                    raise ConfigurationError(f"{error}; correct the URL or start it") from None
                if not silence.cancelled():
                    silence.cancel()
                    log.warning(_WAITING, patience_s, error)
            await sleep(1)
    finally:
        silence.cancel()
