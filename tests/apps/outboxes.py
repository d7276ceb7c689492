"""Outboxes on real files, and time that passes for them when it is told to."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from cronfleet.apps.password_expiry.databases import Database
from cronfleet.apps.password_expiry.files import private_file
from cronfleet.apps.password_expiry.notices import Outbox
from cronfleet.apps.password_expiry.policy import NoticeKey
from cronfleet.apps.password_expiry.states import NoticeState

ANNA = NoticeKey("anna", "2026-01-01T00:00:00+00:00")
BEN = NoticeKey("ben", "2026-02-02T00:00:00+00:00")


@contextmanager
def open_outbox(file: Path) -> Generator[Outbox]:
    url = f"sqlite:///{private_file(file)}"
    outbox = Outbox(Database(url, "NOTICES_DATABASE_URL", writes=True))
    outbox.prepare()
    yield outbox
    outbox.database.close()


def swap_outbox(file: Path) -> None:
    """Put another, empty outbox in its place."""
    with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
        for table in ("password_notices", "password_notices_outbox"):
            connection.execute(f"DROP TABLE {table}")
    with open_outbox(file):
        pass


def let_pass(outbox: Outbox, span: timedelta) -> None:
    """What lies ahead by the database's clock comes so much nearer."""
    columns = ("lease_until", "not_before", "failing_since", "created_at", "changed_at")
    sets = ", ".join(f"{column} = {column} - :ms" for column in columns)
    with outbox.database.begin() as connection:
        connection.execute(
            text(f"UPDATE password_notices SET {sets}"), {"ms": span // timedelta(milliseconds=1)}
        )


def state_of(outbox: Outbox, key: NoticeKey) -> NoticeState:
    (notice,) = [notice for notice in outbox.recent(1000) if notice.key == key]
    return notice.state


def put_in(outbox: Outbox, key: NoticeKey, state: NoticeState) -> None:
    """Write a state as it is, whatever stood there."""
    with outbox.database.begin() as connection:
        connection.execute(
            text("UPDATE password_notices SET state = :state WHERE user_id = :user"),
            {"state": state, "user": key.user},
        )
