"""The outbox: one row a notice, so that nobody is mailed twice and nobody is forgotten.

A notice is leased, handed off and settled. HANDOFF is committed before the mail can be accepted
by anyone: what ends in it without an answer may have been delivered, and is never sent again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, inspect, select, update

from cronfleet.apps.password_expiry.databases import Database, DatabaseError
from cronfleet.apps.password_expiry.policy import NoticeKey, next_delay
from cronfleet.apps.password_expiry.schema import (
    LONGEST_REASON,
    METADATA,
    NOTICES,
    NOW_MS,
    OUTBOX,
    insert_new,
)
from cronfleet.apps.password_expiry.states import TRANSITIONS, NoticeState
from cronfleet.errors import ConfigurationError, CronfleetError

LEASE = timedelta(minutes=2)
HANDOFF_LEASE = timedelta(minutes=11)  # More than a sender waits for the answer after the dot.

_S = NoticeState
_n = NOTICES.c


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it stands in the outbox, for those who look."""

    id: str
    key: NoticeKey
    state: NoticeState
    reason: str
    attempt: int
    created_at: datetime
    changed_at: datetime
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """One run's hold on one notice. Every write about it is refused once another has it."""

    id: str
    key: NoticeKey
    created_at: datetime
    token: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Reaped:
    """What leases that ran out left behind: how many went back, and whose may have been sent."""

    returned: int
    uncertain: list[str]


class OtherOutboxError(CronfleetError):
    """The database holds another outbox now, which does not know who has been mailed."""

    def __init__(self, database: Database, was: str, now: str | None) -> None:
        super().__init__(
            f"nothing is sent: {database.setting} {database.shown} held outbox {was}, and holds "
            f"{now or 'none'} now; put the old one back, or start anew to have the two compared"
        )


class Outbox:
    """The table `password_notices`. Every method raises `DatabaseError`, and blocks."""

    def __init__(self, database: Database) -> None:
        if database.dialect not in NOW_MS:
            raise ConfigurationError(
                f"{database.setting}: the outbox cannot be kept in {database.dialect}; "
                "set NOTICES_DATABASE_URL to one of PostgreSQL, MySQL, MariaDB or SQLite"
            )
        self.database = database
        self.id = ""

    def prepare(self) -> str:
        """Make the tables if they are not there, whoever comes first; the outbox's random id.

        Raises `ConfigurationError` when they cannot be made. To be called before all else.
        """
        self._make_tables()
        with self.database.begin() as connection:
            connection.execute(
                insert_new(self.database.dialect, OUTBOX).values(one=1, id=secrets.token_hex(16))
            )
            self.id: str = str(self._id_in(connection))
        return self.id

    def stored_id(self) -> str | None:
        """The id that stands in the database now: another one when the outbox was swapped."""
        with self.database.begin() as connection:
            return self._id_in(connection)

    def add(self, keys: Sequence[NoticeKey]) -> int:
        """Make the notices that are not there yet; how many those were, if nobody else made them."""
        if not keys:
            return 0
        with self.database.begin() as connection:
            states = self._states(connection, keys)
            missing = [key for key in keys if key not in states]
            cancelled = [key for key, state in states.items() if state is _S.CANCELLED]
            self._revive(connection, cancelled)
            if missing:
                connection.execute(
                    insert_new(self.database.dialect, NOTICES), self._rows(connection, missing)
                )
        return len(missing) + len(cancelled)

    def reap(self) -> Reaped:
        """End the leases that ran out: what was handed off is uncertain, the rest is pending."""
        with self.database.begin() as connection:
            now = self._now(connection)
            returned = connection.execute(
                update(NOTICES)
                .where(_n.state == _S.LEASED, _n.lease_until < now)
                .values(state=_S.PENDING, lease_until=None, changed_at=now)
            ).rowcount
            silent = and_(_n.state == _S.HANDOFF, _n.lease_until < now)
            uncertain = connection.scalars(select(_n.user_id).where(silent)).all()
            connection.execute(
                update(NOTICES)
                .where(silent)
                .values(
                    state=_S.UNCERTAIN,
                    lease_until=None,
                    changed_at=now,
                    reason="its sender ended before the answer",
                )
            )
        return Reaped(returned, list(uncertain))

    def lease(self, token: int) -> Lease | None:
        """Take a notice that is due, for `LEASE`; None when there is none.

        Raises `OtherOutboxError`.
        """
        with self.database.begin() as connection:
            self._refuse_another(connection)
            now = self._now(connection)
            due = select(NOTICES).where(_n.state == _S.PENDING, _n.not_before <= now)
            # What a rival is taking at this moment is passed over; on SQLite there is no rival.
            first = due.order_by(_n.not_before, _n.id).limit(1).with_for_update(skip_locked=True)
            row = connection.execute(first).first()
            if row is None:
                return None
            lease = Lease(row.id, _key(row), _utc(row.created_at), token, row.attempt + 1)
            connection.execute(
                update(NOTICES)
                .where(_n.id == row.id)
                .values(
                    state=_S.LEASED,
                    token=token,
                    attempt=lease.attempt,
                    lease_until=now + _ms(LEASE),
                    changed_at=now,
                )
            )
        return lease

    def hand_off(self, lease: Lease) -> bool:
        """Commit that the mail may be accepted from now on; False: the lease ran out, send nothing.

        When this raises, it is not known whether it was committed: send nothing either.
        Raises `OtherOutboxError`.
        """
        with self.database.begin() as connection:
            self._refuse_another(connection)
            now = self._now(connection)
            return self._move(
                connection,
                lease,
                _S.HANDOFF,
                _n.lease_until >= now,
                lease_until=now + _ms(HANDOFF_LEASE),
                changed_at=now,
            )

    def settle(self, lease: Lease, to: NoticeState, reason: str = "") -> bool:
        """Write how it ended; False when the lease is no longer this one, or `to` cannot follow."""
        with self.database.begin() as connection:
            return self._settle(connection, lease, to, reason)

    def put_off(self, lease: Lease, reason: str) -> NoticeState | None:
        """Write a passing failure: pending for later, or dead after a day of them; None: refused."""
        with self.database.begin() as connection:
            row = connection.execute(select(NOTICES).where(_n.id == lease.id)).one()
            now = self._now(connection)
            since = row.failing_since or now
            delay = next_delay(row.failures + 1, timedelta(milliseconds=now - since))
            if delay is None:
                to, values = _S.DEAD, {}
            else:
                to, values = _S.PENDING, {"not_before": now + _ms(delay)}
            values |= {"failures": row.failures + 1, "failing_since": since}
            return to if self._settle(connection, lease, to, reason, **values) else None

    def counts(self) -> dict[NoticeState, int]:
        """How many notices stand where."""
        query = select(_n.state, func.count()).group_by(_n.state)
        with self.database.begin() as connection:
            found = {NoticeState(state): count for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in NoticeState}

    def recent(self, limit: int) -> list[Notice]:
        """The notices that changed last, the newest first."""
        query = select(NOTICES).order_by(_n.changed_at.desc(), _n.id).limit(limit)
        with self.database.begin() as connection:
            return [_notice(row) for row in connection.execute(query)]

    def _make_tables(self) -> None:
        try:
            with self.database.begin() as connection:
                METADATA.create_all(connection)
        except DatabaseError as error:
            with self.database.begin() as connection:
                # Two that begin together may both try; the one that loses finds them made.
                there = set(inspect(connection).get_table_names())
            if not there.issuperset(METADATA.tables):
                raise ConfigurationError(
                    f"the table password_notices cannot be made: {error}; let this user create it, "
                    "or set NOTICES_DATABASE_URL to a database where it may"
                ) from None

    def _now(self, connection: Connection) -> int:
        """The clock of the outbox's database, which alone decides about leases."""
        return int(connection.scalar(select(NOW_MS[self.database.dialect])) or 0)

    def _id_in(self, connection: Connection) -> str | None:
        return connection.scalar(select(OUTBOX.c.id))

    def _refuse_another(self, connection: Connection) -> None:
        found = self._id_in(connection)
        if found != self.id:
            raise OtherOutboxError(self.database, self.id, found)

    def _states(
        self, connection: Connection, keys: Iterable[NoticeKey]
    ) -> dict[NoticeKey, NoticeState]:
        wanted = _n.id.in_([self._id(key) for key in keys])
        rows = connection.execute(select(NOTICES).where(wanted))
        return {_key(row): NoticeState(row.state) for row in rows}

    def _revive(self, connection: Connection, keys: Iterable[NoticeKey]) -> None:
        ids = [self._id(key) for key in keys]
        now = self._now(connection)
        connection.execute(
            update(NOTICES)
            .where(_n.id.in_(ids), _n.state == _S.CANCELLED)
            .values(state=_S.PENDING, not_before=now, changed_at=now, reason="")
        )

    def _rows(self, connection: Connection, keys: Iterable[NoticeKey]) -> list[dict[str, Any]]:
        now = self._now(connection)
        return [
            {
                "id": self._id(key),
                "user_id": key.user,
                "stored_date": key.stored_date,
                "threshold": key.threshold,
                "state": _S.PENDING,
                "not_before": now,
                "created_at": now,
                "changed_at": now,
            }
            for key in keys
        ]

    def _id(self, key: NoticeKey) -> str:
        """The notice's id: the same again for the same notice, and to be guessed by nobody."""
        content = json.dumps([self.id, key.user, key.stored_date, key.threshold])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def _settle(
        self, connection: Connection, lease: Lease, to: NoticeState, reason: str, **values: int
    ) -> bool:
        return self._move(
            connection,
            lease,
            to,
            lease_until=None,
            changed_at=self._now(connection),
            reason=reason[:LONGEST_REASON],
            **values,
        )

    def _move(
        self,
        connection: Connection,
        lease: Lease,
        to: NoticeState,
        *conditions: ColumnElement[bool],
        **values: object,
    ) -> bool:
        """Move the notice on, if it is still leased so and `to` may follow where it stands."""
        before = [state for state, following in TRANSITIONS.items() if to in following]
        moved = connection.execute(
            update(NOTICES)
            .where(
                _n.id == lease.id,
                _n.token == lease.token,
                _n.attempt == lease.attempt,
                _n.state.in_(before),
                *conditions,
            )
            .values(state=to, **values)
        )
        return moved.rowcount == 1


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _key(row: Row[*tuple[Any, ...]]) -> NoticeKey:
    return NoticeKey(row.user_id, row.stored_date, row.threshold)


def _notice(row: Row[*tuple[Any, ...]]) -> Notice:
    return Notice(
        id=row.id,
        key=_key(row),
        state=NoticeState(row.state),
        reason=row.reason,
        attempt=row.attempt,
        created_at=_utc(row.created_at),
        changed_at=_utc(row.changed_at),
        not_before=_utc(row.not_before),
    )
