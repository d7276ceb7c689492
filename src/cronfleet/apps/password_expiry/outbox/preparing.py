"""The outbox's tables, made where they are not, and tried before they are needed."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, Index, Table, false, func, inspect, select, update
from sqlalchemy.schema import CreateIndex, CreateTable

from cronfleet.apps.password_expiry.databases.databases import Database, DatabaseError
from cronfleet.apps.password_expiry.outbox.care_schema import RUNS
from cronfleet.apps.password_expiry.outbox.schema import (
    METADATA,
    NOTICES,
    OUTBOX,
    SUPPRESSED,
    insert_new,
    make_tables,
)
from cronfleet.errors import ConfigurationError


def prepared(database: Database) -> str:
    """The outbox's random id, with its tables made, whoever comes first.

    Raises `ConfigurationError` when they cannot be made, or not be written.
    """
    _make_tables(database)
    try:
        with database.begin() as connection:
            connection.execute(
                insert_new(database.dialect, OUTBOX).values(one=1, id=secrets.token_hex(16))
            )
            _try_to_write(connection)
            return str(id_in(connection))
    except DatabaseError as error:
        raise _not_used(error) from None


def tried(database: Database) -> bool:
    """Whether the tables are there. Makes and changes nothing.

    Raises `ConfigurationError` when they can be seen not to be of use: they cannot be written, or,
    on PostgreSQL, not be made.
    """
    with database.begin(only_reads=True) as connection:
        are_there = _are_there(connection)
        denied = None if are_there else _denied(connection)
    if denied is not None:
        raise _not_made(f"{database.setting} {database.shown}: {denied}")
    if are_there:
        try:
            with database.begin() as connection:
                _try_to_write(connection)
        except DatabaseError as error:
            raise _not_used(error) from None
    return are_there


def id_in(connection: Connection) -> str | None:
    return connection.scalar(select(OUTBOX.c.id))


def _make_tables(database: Database) -> None:
    try:
        with database.begin() as connection:
            make_tables(connection)
    except DatabaseError as error:
        with database.begin() as connection:
            # Two that begin together may both try; the one that loses finds them made.
            are_there = _are_there(connection)
        if not are_there:
            raise _not_made(error) from None


def _are_there(connection: Connection) -> bool:
    return set(inspect(connection).get_table_names()).issuperset(METADATA.tables)


def _denied(connection: Connection) -> str | None:
    """Why no table could be made; None if one could, or where that is not to be known before."""
    if connection.dialect.name != "postgresql":
        return None
    place = func.current_schema()
    name, may = connection.execute(select(place, func.has_schema_privilege(place, "CREATE"))).one()
    if name is None:
        return "no schema has been selected to create in"
    return None if may else f"permission denied for schema {name}"


def _try_to_write(connection: Connection) -> None:
    """Changes nothing, and is refused where nothing may be changed."""
    for table in (NOTICES, SUPPRESSED):
        connection.execute(update(table).where(false()).values(reason=""))
    connection.execute(update(RUNS).where(false()).values(made=0, shard=0))


def _not_made(why: object) -> ConfigurationError:
    return ConfigurationError(
        f"the table password_notices cannot be made: {why}; let this user create it, "
        "or set NOTICES_DATABASE_URL to a database where it may"
    )


def _not_used(why: object) -> ConfigurationError:
    return ConfigurationError(
        f"the table password_notices cannot be used: {why}; let this user read and write it, "
        "or set NOTICES_DATABASE_URL to a database where it may"
    )


def ddl(database: Database) -> str:
    """The statements that make the tables in such a database, to be carried out by others."""
    statements: list[str] = []
    for table in METADATA.sorted_tables:
        statements.append(database.shown_as_sql(CreateTable(table)))
        statements += [database.shown_as_sql(CreateIndex(index)) for index in _indexes(table)]
    return "\n\n".join(f"{statement.strip()};" for statement in statements)


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))
