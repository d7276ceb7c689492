"""The tables beside the notices: what the runs came to, what was held, and what people allowed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    select,
)
from sqlalchemy.dialects import mysql

from cronfleet.apps.password_expiry.outbox.schema import IN_UTF_8, METADATA, NOW_MS

LONGEST_SAID = 300
LONGEST_WHO = 128
LONGEST_WHY = 500

# All instants are milliseconds since 1970, by the clock of this database; but a run's fire time is
# its store's.
RUNS = Table(
    "password_runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("fire_time", BigInteger, nullable=False),
    # A row is of one shard; `whole` is the tick, or the run by hand, that it is a shard of.
    Column("whole", String(80), nullable=False, server_default=""),
    Column("shard", Integer, nullable=False, server_default="0"),
    Column("shards", Integer, nullable=False, server_default="1"),
    # Where the users are cut, as JSON, of the shard that found it first; until they are judged.
    Column("bounds", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")),
    Column("began_at", BigInteger, nullable=False),
    Column("read_at", BigInteger),  # None: it is reading its users, or ended before it had
    Column("ended_at", BigInteger),  # None: what it made is not judged yet
    Column("users", Integer, nullable=False, default=0),
    Column("due", Integer, nullable=False, default=0),
    Column("made", Integer, nullable=False, default=0),
    Column("is_held", Integer, nullable=False, default=0),
    Column("ahead", Text),  # as JSON: how many passwords expire on each of the days to come
    Index("password_runs_ended", "ended_at"),
)
HOLDS = Table(
    "password_holds",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("said", String(LONGEST_SAID), nullable=False),
    Column("users", Integer, nullable=False),
    Column("made", Integer, nullable=False),
    Column("ended_at", BigInteger),  # None: it stands
)
APPROVALS = Table(
    "password_approvals",
    METADATA,
    Column("kind", String(40), primary_key=True),  # `first run`, or `hold` and its id
    Column("at", BigInteger, nullable=False),
    Column("who", String(LONGEST_WHO), nullable=False),
    Column("why", String(LONGEST_WHY), nullable=False),
    **IN_UTF_8,
)


def now_ms(connection: Connection, dialect: str) -> int:
    """The clock of the outbox's database."""
    return int(connection.scalar(select(NOW_MS[dialect])) or 0)
