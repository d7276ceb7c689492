"""The outbox's tables, and what differs between the databases that may hold them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    inspect,
    literal_column,
    text,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateColumn
from sqlalchemy.sql.dml import Insert

from cronfleet.apps.password_expiry.outbox.states import NoticeState

LONGEST_REASON = 200

# Upper and lower case are two users, whatever the server's own collation says.
_KEY = String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")

METADATA = MetaData()
IN_UTF_8: dict[str, Any] = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
"""For a table with words of people and servers in it, whatever the database's own character set."""

NOTICES = Table(
    "password_notices",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("user_id", _KEY, nullable=False),
    Column("stored_date", String(40), nullable=False),
    Column("threshold", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", String(LONGEST_REASON), nullable=False, default=""),
    # The lease: which run has it, the how manieth lease this is, and until when.
    Column("token", BigInteger, nullable=False, default=0),
    Column("attempt", Integer, nullable=False, default=0),
    Column("sender", String(20)),  # whose it was to send, from the hand-off on
    Column("lease_until", BigInteger),
    # Putting off. All instants are milliseconds since 1970, by the clock of this database.
    Column("not_before", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("failing_since", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("user_id", "stored_date", "threshold", name="password_notices_once"),
    CheckConstraint(
        "state IN ({})".format(", ".join(f"'{state}'" for state in NoticeState)),
        name="password_notices_state",
    ),
    Index("password_notices_due", "state", "not_before"),
    Index("password_notices_put_off", "state", "failures"),
    Index("password_notices_changed", "changed_at", "id"),
    # Counts the mails of a day, without a look at the others or at the rows themselves. Where it can
    # be in parts, what was never handed off is not in it: to keep it there would cost each mail more.
    Index(
        "password_notices_sent",
        "state",
        "changed_at",
        "sender",
        sqlite_where=text("sender IS NOT NULL"),
        postgresql_where=text("sender IS NOT NULL"),
    ),
    **IN_UTF_8,
)
OUTBOX = Table(
    "password_notices_outbox",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),  # always 1: a single row
    Column("id", String(32), nullable=False),
)
SUPPRESSED = Table(
    "password_suppressed",
    METADATA,
    Column("address", String(64), primary_key=True),  # its SHA-256, in hexadecimal digits
    Column("reason", String(LONGEST_REASON), nullable=False),
    Column("suppressed_at", BigInteger, nullable=False),
    **IN_UTF_8,
)
NOW_MS: dict[str, ColumnElement[int]] = {
    "sqlite": literal_column("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"),
    "postgresql": literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
    "mysql": literal_column("CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"),
    "mariadb": literal_column("CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"),
}
"""The databases that may hold the outbox, each with its clock: milliseconds since 1970 UTC."""


def make_tables(connection: Connection) -> None:
    """Make what is not there: the tables, and what an earlier version's tables lack."""
    METADATA.create_all(connection)
    for table in METADATA.sorted_tables:
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for missing in (column for column in table.columns if column.name not in there):
            definition = CreateColumn(missing).compile(dialect=connection.dialect)
            connection.execute(DDL(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
    for index in NOTICES.indexes:
        index.create(connection, checkfirst=True)


def insert_new(dialect: str, table: Table) -> Insert:
    """An insert that passes over rows that are there already."""
    match dialect:
        case "sqlite":
            return sqlite.insert(table).on_conflict_do_nothing()
        case "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        case _:
            return mysql.insert(table).prefix_with("IGNORE")
