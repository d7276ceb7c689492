"""Outboxes on real files, and time that passes for them when it is told to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.databases.files import private_file
from cronfleet.apps.password_expiry.outbox.moves import (
    HandOff,
    Move,
    PutOff,
    Rest,
    Settle,
    TakeBack,
    Write,
)
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Exchanged, Lease, Wanted
from cronfleet.apps.password_expiry.users.policy import NoticeKey

ANNA = NoticeKey("anna", "2026-01-01T00:00:00+00:00")
BEN = NoticeKey("ben", "2026-02-02T00:00:00+00:00")


class OneByOne(Outbox):
    """An outbox with a method for each write, and a commit for each call."""

    def lease(self, token: int, *, only_put_off: bool = False) -> Lease | None:
        leases = self.exchange([], Wanted(token, only_put_off=only_put_off)).leases
        return leases[0] if leases else None

    def hand_off(self, lease: Lease, sender: str) -> bool:
        return self._write(lease, HandOff(sender)) is not None

    def settle(self, lease: Lease, to: NoticeState, reason: str = "") -> bool:
        return self._write(lease, Settle(to, reason)) is not None

    def put_off(self, lease: Lease, reason: str) -> NoticeState | None:
        return self._write(lease, PutOff(reason))

    def rest(self, lease: Lease, reason: str) -> bool:
        return self._write(lease, Rest(reason)) is not None

    def take_back(self, lease: Lease, reason: str) -> bool:
        return self._write(lease, TakeBack(reason)) is not None

    def _write(self, lease: Lease, move: Move) -> NoticeState | None:
        (state,) = self.exchange([Write(lease, move)]).states
        return state


@contextmanager
def open_outbox(file: Path) -> Generator[OneByOne]:
    url = f"sqlite:///{private_file(file)}"
    outbox = OneByOne(Database(url, "NOTICES_DATABASE_URL", writes=True))
    outbox.prepare()
    yield outbox
    outbox.database.close()


def meddle(
    patch: pytest.MonkeyPatch,
    kind: type[Move | Wanted],
    meddler: Callable[[Callable[[], Exchanged]], Exchanged],
) -> None:
    """Whatever is exchanged with something of this kind in it goes by the meddler."""
    exchange = Outbox.exchange

    def meddled(outbox: Outbox, writes: Sequence[Write], wanted: Wanted | None = None) -> Exchanged:
        is_meant = any(isinstance(each, kind) for each in (wanted, *(w.move for w in writes)))
        carry_out = partial(exchange, outbox, writes, wanted)
        return meddler(carry_out) if is_meant else carry_out()

    patch.setattr(Outbox, "exchange", meddled)


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
