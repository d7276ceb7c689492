"""The outbox's tables, made where they are not, and tried before they are needed."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, Index, Table, false, inspect, select, update
from sqlalchemy.schema import CreateIndex, CreateTable

from cronfleet.apps.password_expiry.care_schema import RUNS
from cronfleet.apps.password_expiry.databases import Database, DatabaseError
from cronfleet.apps.password_expiry.schema import (
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
            # Changes nothing, and is refused where nothing may be changed.
            for table in (NOTICES, SUPPRESSED):
                connection.execute(update(table).where(false()).values(reason=""))
            connection.execute(update(RUNS).where(false()).values(made=0, shard=0))
            return str(id_in(connection))
    except DatabaseError as error:
        raise ConfigurationError(
            f"the table password_notices cannot be used: {error}; let this user read and write it, "
            "or set NOTICES_DATABASE_URL to a database where it may"
        ) from None


def id_in(connection: Connection) -> str | None:
    return connection.scalar(select(OUTBOX.c.id))


def _make_tables(database: Database) -> None:
    try:
        with database.begin() as connection:
            make_tables(connection)
    except DatabaseError as error:
        with database.begin() as connection:
            # Two that begin together may both try; the one that loses finds them made.
            there = set(inspect(connection).get_table_names())
        if not there.issuperset(METADATA.tables):
            raise ConfigurationError(
                f"the table password_notices cannot be made: {error}; let this user create it, "
                "or set NOTICES_DATABASE_URL to a database where it may"
            ) from None


def ddl(database: Database) -> str:
    """The statements that make the tables in such a database, to be carried out by others."""
    statements: list[str] = []
    for table in METADATA.sorted_tables:
        statements.append(database.shown_as_sql(CreateTable(table)))
        statements += [database.shown_as_sql(CreateIndex(index)) for index in _indexes(table)]
    return "\n\n".join(f"{statement.strip()};" for statement in statements)


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))
