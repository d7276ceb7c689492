"""The users of a campaign, all of whom are due a mail, and the outbox in their database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Engine

LONG_AGO = "2025-01-01"
OVER = ("SENT", "UNCERTAIN", "DEAD")
TABLE = """CREATE TABLE users (
    id INTEGER PRIMARY KEY, email VARCHAR(80), name VARCHAR(80), password_changed_at VARCHAR(40)
)"""


@dataclass(frozen=True, slots=True)
class Notice:
    """Where a user's notice stands, and why."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A notice as it stands in the outbox, and the address of its user."""

    id: str
    address: str
    state: str
    reason: str


class Users:
    """The table, its outbox, and their clock."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.count = 0
        self._engine = _engine(url)
        with self._engine.begin() as connection:
            connection.execute(text(TABLE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def add(self, count: int) -> None:
        """So many more passwords have expired."""
        numbers = range(self.count + 1, self.count + count + 1)
        rows = [{"n": n, "email": address(n), "name": f"User {n}", "at": LONG_AGO} for n in numbers]
        with self._engine.begin() as connection:
            connection.execute(text("INSERT INTO users VALUES (:n, :email, :name, :at)"), rows)
        self.count += count

    def notices(self) -> dict[str, Notice]:
        """By the address of the user. None before the first run, which makes the outbox."""
        return {row.address: Notice(row.state, row.reason) for row in self.outbox()}

    def outbox(self) -> list[OutboxRow]:
        """All of it. Nothing before the first run, which makes it."""
        if not inspect(self._engine).has_table("password_notices"):
            return []
        query = text("SELECT id, user_id, state, reason FROM password_notices")
        with self._engine.begin() as connection:
            return [
                OutboxRow(row.id, address(row.user_id), row.state, row.reason)
                for row in connection.execute(query)
            ]

    def addresses(self) -> list[str]:
        """Of all users."""
        return [address(number) for number in range(1, self.count + 1)]

    def unfinished(self) -> int:
        """How many are still to be mailed, or are being mailed."""
        over = sum(notice.state in OVER for notice in self.notices().values())
        return self.count - over

    def untried(self) -> int:
        """How many users no run has begun to mail yet."""
        if not inspect(self._engine).has_table("password_notices"):
            return self.count
        query = text("SELECT count(*) FROM password_notices WHERE attempt > 0")
        with self._engine.begin() as connection:
            return self.count - (connection.scalar(query) or 0)

    def tokens(self) -> set[int]:
        """Of the runs that hold notices, if they are still at work or not."""
        query = text("SELECT token FROM password_notices WHERE state IN ('LEASED', 'HANDOFF')")
        with self._engine.begin() as connection:
            return set(connection.scalars(query))

    def most_handed_off(self) -> int:
        """Of all runs, how many mails one has handed off without an answer on record, at most."""
        query = text("SELECT count(*) FROM password_notices WHERE state = 'HANDOFF' GROUP BY token")
        with self._engine.begin() as connection:
            return max(connection.scalars(query), default=0)

    def let_pass(self, over: Collection[int]) -> None:
        """Hours pass for what waits: for what was put off, and for the leases of runs that are over.

        Not for the leases of others: their runs would have gone on meanwhile.
        """
        if not self.notices():
            return
        with self._engine.begin() as connection:
            connection.execute(
                text("UPDATE password_notices SET not_before = 0 WHERE state = 'PENDING'")
            )
            for token in over:
                connection.execute(
                    text(
                        "UPDATE password_notices SET lease_until = 0 WHERE token = :token"
                        " AND state IN ('LEASED', 'HANDOFF')"
                    ),
                    {"token": token},
                )


def address(number: object) -> str:
    return f"user{number}@corp.test"


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        return create_engine(url, connect_args={"timeout": 30})
    # The server may have been restarted since the last look.
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_pre_ping=True)
