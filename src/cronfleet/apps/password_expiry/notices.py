"""The outbox: one row a notice, so that nobody is mailed twice and nobody is forgotten.

A notice is leased, handed off and settled. HANDOFF is committed before the mail can be accepted
by anyone: what ends in it without an answer may have been delivered, and is never sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    func,
    or_,
    select,
    update,
)

from cronfleet.apps.password_expiry.databases import Database
from cronfleet.apps.password_expiry.policy import NoticeKey, next_delay
from cronfleet.apps.password_expiry.preparing import id_in, prepared
from cronfleet.apps.password_expiry.schema import (
    LONGEST_REASON,
    NOTICES,
    NOW_MS,
    insert_new,
)
from cronfleet.apps.password_expiry.states import TRANSITIONS, NoticeState
from cronfleet.apps.password_expiry.values import (
    HANDOFF_LEASE,
    LEASE,
    Added,
    Lease,
    Notice,
    Reaped,
    key_of,
    milliseconds,
    utc,
)
from cronfleet.errors import ConfigurationError, CronfleetError

BAD_ADDRESS = "bad_address: "
"""How the reason of a notice begins that is DEAD until the user has another address."""

MAILBOX = "mailbox"
"""The sender that reaches nobody."""

_REST = timedelta(minutes=15)  # How long a notice rests that was not to blame for its failure.

_S = NoticeState
_n = NOTICES.c


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
        self.id: str = prepared(self.database)
        return self.id

    def stored_id(self) -> str | None:
        """The id that stands in the database now: another one when the outbox was swapped."""
        with self.database.begin(only_reads=True) as connection:
            return id_in(connection)

    def add(self, keys: Sequence[NoticeKey]) -> Added:
        """Make the notices that are not there yet, and those that were cancelled."""
        if not keys:
            return Added(0, [])
        with self.database.begin() as connection:
            rows = self._rows_of(connection, keys)
            missing = [key for key in keys if key not in rows]
            cancelled = [key for key, row in rows.items() if row.state == _S.CANCELLED]
            made = self._revive(connection, cancelled) + len(missing)
            if missing:
                connection.execute(
                    insert_new(self.database.dialect, NOTICES), self._new(connection, missing)
                )
        return Added(made, [key for key, row in rows.items() if _is_badly_addressed(row)])

    def revive(self, keys: Sequence[NoticeKey]) -> int:
        """Make notices pending again whose address was bad; how many those were."""
        if not keys:
            return 0
        with self.database.begin() as connection:
            return self._revive(connection, keys)

    def reopen_for_people(self) -> int:
        """Make those pending again that only the mailbox has taken; how many those were."""
        with self.database.begin() as connection:
            now = self._now(connection)
            return connection.execute(
                update(NOTICES).where(_ONLY_IN_MAILBOX).values(**_anew(now))
            ).rowcount

    def only_in_mailbox(self) -> int:
        """How many notices nobody but the mailbox has taken."""
        query = select(func.count()).where(_ONLY_IN_MAILBOX).select_from(NOTICES)
        with self.database.begin(only_reads=True) as connection:
            return connection.scalar(query) or 0

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

    def waiting(self, *, only_put_off: bool = False, most: int = 1) -> int:
        """How many notices are due now, counted up to `most`."""
        with self.database.begin(only_reads=True) as connection:
            due = select(_n.id).where(*_due(self._now(connection), only_put_off=only_put_off))
            return len(connection.execute(due.limit(most)).all())

    def lease(self, token: int, *, only_put_off: bool = False) -> Lease | None:
        """Take a notice that is due, for `LEASE`; None when there is none.

        Raises `OtherOutboxError`.
        """
        with self.database.begin() as connection:
            self._refuse_another(connection)
            now = self._now(connection)
            due = select(NOTICES).where(*_due(now, only_put_off=only_put_off))
            # What a rival is taking at this moment is passed over; on SQLite there is no rival.
            first = due.order_by(_n.not_before, _n.id).limit(1).with_for_update(skip_locked=True)
            row = connection.execute(first).first()
            if row is None:
                return None
            lease = Lease(row.id, key_of(row), utc(row.created_at), token, row.attempt + 1)
            connection.execute(
                update(NOTICES)
                .where(_n.id == row.id)
                .values(
                    state=_S.LEASED,
                    token=token,
                    attempt=lease.attempt,
                    lease_until=now + milliseconds(LEASE),
                    changed_at=now,
                )
            )
        return lease

    def hand_off(self, lease: Lease, sender: str) -> bool:
        """Commit that this sender's mail may be accepted from now on.

        False: the lease ran out, send nothing.

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
                lease_until=now + milliseconds(HANDOFF_LEASE),
                changed_at=now,
                sender=sender,
            )

    def settle(self, lease: Lease, to: NoticeState, reason: str = "") -> bool:
        """Write how it ended; False when the lease is no longer this one, or `to` cannot follow.

        To settle once more as the same is fine: the first answer may have been lost.
        """
        with self.database.begin() as connection:
            return self._settle(connection, lease, to, reason)

    def put_off(self, lease: Lease, reason: str) -> NoticeState | None:
        """Write a passing failure: pending for later, or dead after a day of them; None: refused."""
        with self.database.begin() as connection:
            to, values = self._failed(connection, lease)
            return to if self._settle(connection, lease, to, reason, **values) else None

    def rest(self, lease: Lease, reason: str) -> bool:
        """Write that it is to be tried again, after others, and that it was not to blame."""
        with self.database.begin() as connection:
            later = self._now(connection) + milliseconds(_REST)
            return self._settle(connection, lease, _S.PENDING, reason, not_before=later)

    def take_back(self, lease: Lease, reason: str) -> bool:
        """Put off what was settled as dead under this lease: it was not to blame after all."""
        with self.database.begin() as connection:
            to, values = self._failed(connection, lease)
            moved = connection.execute(
                update(NOTICES)
                .where(*_is_under(lease), _n.state == _S.DEAD)
                .values(state=to, reason=_short(reason), changed_at=self._now(connection), **values)
            )
            return moved.rowcount == 1

    def counts(self) -> dict[NoticeState, int]:
        """How many notices stand where."""
        query = select(_n.state, func.count()).group_by(_n.state)
        with self.database.begin(only_reads=True) as connection:
            found = {NoticeState(state): count for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in NoticeState}

    def recent(self, limit: int) -> list[Notice]:
        """The notices that changed last, the newest first."""
        query = select(NOTICES).order_by(_n.changed_at.desc(), _n.id.desc()).limit(limit)
        with self.database.begin(only_reads=True) as connection:
            return [Notice.of(row) for row in connection.execute(query)]

    def _now(self, connection: Connection) -> int:
        """The clock of the outbox's database, which alone decides about leases."""
        return int(connection.scalar(select(NOW_MS[self.database.dialect])) or 0)

    def _refuse_another(self, connection: Connection) -> None:
        found = id_in(connection)
        if found != self.id:
            raise OtherOutboxError(self.database, self.id, found)

    def _rows_of(
        self, connection: Connection, keys: Iterable[NoticeKey]
    ) -> dict[NoticeKey, Row[*tuple[Any, ...]]]:
        wanted = _n.id.in_([self._id(key) for key in keys])
        return {key_of(row): row for row in connection.execute(select(NOTICES).where(wanted))}

    def _revive(self, connection: Connection, keys: Iterable[NoticeKey]) -> int:
        ids = [self._id(key) for key in keys]
        may_be = or_(_n.state == _S.CANCELLED, _IS_BADLY_ADDRESSED)
        return connection.execute(
            update(NOTICES).where(_n.id.in_(ids), may_be).values(**_anew(self._now(connection)))
        ).rowcount

    def _new(self, connection: Connection, keys: Iterable[NoticeKey]) -> list[dict[str, Any]]:
        now = self._now(connection)
        return [
            {
                "id": self._id(key),
                "user_id": key.user,
                "stored_date": key.stored_date,
                "threshold": key.threshold,
                "created_at": now,
                **_anew(now),
            }
            for key in keys
        ]

    def _id(self, key: NoticeKey) -> str:
        """The notice's id: the same again for the same notice, and to be guessed by nobody."""
        content = json.dumps([self.id, key.user, key.stored_date, key.threshold])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def _failed(self, connection: Connection, lease: Lease) -> tuple[NoticeState, dict[str, int]]:
        """What a passing failure makes of it."""
        query = select(_n.failures, _n.failing_since).where(_n.id == lease.id)
        failures, since = connection.execute(query).first() or (0, None)
        now = self._now(connection)
        values = {"failures": failures + 1, "failing_since": since or now}
        failing_for = timedelta(milliseconds=now - values["failing_since"])
        delay = next_delay(values["failures"], failing_for)
        if delay is None:
            return _S.DEAD, values
        return _S.PENDING, values | {"not_before": now + milliseconds(delay)}

    def _settle(
        self, connection: Connection, lease: Lease, to: NoticeState, reason: str, **values: int
    ) -> bool:
        moved = self._move(
            connection,
            lease,
            to,
            lease_until=None,
            changed_at=self._now(connection),
            reason=_short(reason),
            **values,
        )
        stands = select(_n.id).where(*_is_under(lease), _n.state == to)
        return moved or connection.execute(stands).first() is not None

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
                *_is_under(lease),
                _n.state.in_(before),
                *conditions,
            )
            .values(state=to, **values)
        )
        return moved.rowcount == 1


_IS_BADLY_ADDRESSED = and_(_n.state == _S.DEAD, _n.reason.like(f"{BAD_ADDRESS}%"))
# Whatever it says of these, no person has got any of them.
_ONLY_IN_MAILBOX = and_(_n.state.in_([_S.SENT, _S.UNCERTAIN]), _n.sender == MAILBOX)


def _is_badly_addressed(row: Row[*tuple[Any, ...]]) -> bool:
    return row.state == _S.DEAD and row.reason.startswith(BAD_ADDRESS)


def _is_under(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return _n.id == lease.id, _n.token == lease.token, _n.attempt == lease.attempt


def _due(now: int, *, only_put_off: bool) -> list[ColumnElement[bool]]:
    due = [_n.state == _S.PENDING, _n.not_before <= now]
    return [*due, _n.failures > 0] if only_put_off else due


def _anew(now: int) -> dict[str, Any]:
    """What a notice begins with, and begins with again."""
    return {
        "state": _S.PENDING,
        "reason": "",
        "not_before": now,
        "failures": 0,
        "failing_since": None,
        "sender": None,
        "changed_at": now,
    }


def _short(reason: str) -> str:
    """Cut, and with nothing in it that no database can hold."""
    return "".join(c if c.isprintable() else " " for c in reason)[:LONGEST_REASON]
