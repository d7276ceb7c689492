"""The outbox: one row a notice, so that nobody is mailed twice and nobody is forgotten.

A notice is leased, handed off and settled. HANDOFF is committed before the mail can be accepted
by anyone: what ends in it without an answer may have been delivered, and is never sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Row,
    and_,
    exists,
    func,
    or_,
    select,
    update,
)

from cronfleet.apps.password_expiry.databases.databases import Database, Prepared, UndoneError
from cronfleet.apps.password_expiry.outbox.allowance import difference, left, used
from cronfleet.apps.password_expiry.outbox.moves import Standing, Write, leased, moved
from cronfleet.apps.password_expiry.outbox.preparing import id_in, prepared
from cronfleet.apps.password_expiry.outbox.records import note_made
from cronfleet.apps.password_expiry.outbox.schema import (
    NOTICES,
    NOW_MS,
    OUTBOX,
    SUPPRESSED,
    insert_new,
)
from cronfleet.apps.password_expiry.outbox.selecting import (
    IS_BADLY_ADDRESSED,
    MOVE,
    MOVING,
    ONLY_IN_MAILBOX,
    anew,
    due_by,
    first_due,
    is_badly_addressed,
    is_only_in_mailbox,
    locking,
)
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.suppression import (
    suppress_in,
    suppressed_in,
    unsuppress_in,
)
from cronfleet.apps.password_expiry.outbox.values import (
    Added,
    Exchanged,
    Lease,
    Notice,
    Reaped,
    Wanted,
    utc,
)
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.errors import ConfigurationError, CronfleetError

_TRIES = 5  # Of which each lets at least one rival through.

_S = NoticeState
_n = NOTICES.c

Done = TypeVar("Done")


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
        # In the one statement: another one would cost each mail something.
        has_suppressed = exists().select_from(SUPPRESSED)
        self._ours = Prepared(
            database, select(OUTBOX.c.id, NOW_MS[database.dialect], has_suppressed)
        )
        self._one_by_one = Prepared(database, select(OUTBOX.c.one).with_for_update())
        self._used = Prepared(database, used(), "since")
        self._move = Prepared(database, MOVE, *MOVING, "of")
        self._locks: dict[int, Prepared] = {}
        due, put_off = first_due(only_put_off=False), first_due(only_put_off=True)
        self._first = Prepared(database, due, "now", "most")
        self._first_put_off = Prepared(database, put_off, "now", "most")

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

    def add(self, keys: Sequence[NoticeKey], run: int | None = None) -> Added:
        """Make the notices that are not there yet, and those that were cancelled.

        They are counted as those of the `run`, with the same commit.
        """
        if not keys:
            return Added(0, [])
        return self._commit(lambda connection: self._add(connection, keys, run))

    def _add(self, connection: Connection, keys: Sequence[NoticeKey], run: int | None) -> Added:
        rows = self._rows_of(connection, keys)
        missing = [key for key in keys if key not in rows]
        cancelled = [key for key, row in rows.items() if row.state == _S.CANCELLED]
        made = self._revive(connection, cancelled) + len(missing)
        if missing:
            connection.execute(
                insert_new(self.database.dialect, NOTICES), self._new(connection, missing)
            )
        note_made(connection, run, made)
        return Added(made, [key for key, row in rows.items() if is_badly_addressed(row)])

    def revive(self, keys: Sequence[NoticeKey], run: int | None = None) -> int:
        """Make notices pending again whose address led nowhere; how many those were."""
        if not keys:
            return 0
        return self._commit(lambda connection: self._revive_of(connection, keys, run))

    def reopen_for_people(self, run: int | None = None, users: Sequence[str] = ()) -> int:
        """Make those pending again that only the mailbox has taken; how many those were.

        Of these users alone, if any are named.
        """
        with self.database.begin() as connection:
            query = update(NOTICES).where(ONLY_IN_MAILBOX)
            query = query.where(_n.user_id.in_(users)) if users else query
            fields = anew(self._now(connection))
            reopened = connection.execute(query.values(**fields)).rowcount
            note_made(connection, run, reopened)
            return reopened

    def only_in_mailbox(self) -> int:
        """How many notices nobody but the mailbox has taken."""
        query = select(func.count()).where(ONLY_IN_MAILBOX).select_from(NOTICES)
        with self.database.begin(only_reads=True) as connection:
            return connection.scalar(query) or 0

    def reap(self) -> Reaped:
        """End the leases that ran out: what was handed off is uncertain, the rest is pending."""
        return self._commit(self._reap)

    def _reap(self, connection: Connection) -> Reaped:
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
            due = select(_n.id).where(*due_by(self._now(connection), only_put_off=only_put_off))
            return len(connection.execute(due.limit(most)).all())

    def exchange(self, writes: Sequence[Write], wanted: Wanted | None = None) -> Exchanged:
        """Carry out the writes in their order, and take notices that are due, in one commit.

        When this raises, it is not known whether it was committed. All but a hand-off may be
        repeated. Raises `OtherOutboxError`.
        """
        return self._commit(lambda connection: self._exchange(connection, writes, wanted))

    def _exchange(
        self, connection: Connection, writes: Sequence[Write], wanted: Wanted | None
    ) -> Exchanged:
        if wanted and wanted.per_day is not None:
            self._one_by_one.rows(connection)  # Two would both take what is left of the day.
        before = self._locked(connection, writes)
        now, has_suppressed = self._now_of_ours(connection)
        after = dict(before)
        states = [_write(after, write, now) for write in writes]
        changed = {id_: to for id_, to in after.items() if to is not before[id_]}
        if wanted and wanted.per_day is not None:
            more = difference((before[id_], to) for id_, to in changed.items())
            may = left(connection, self._used, wanted.per_day, now) - more
            wanted = replace(wanted, most=max(0, min(wanted.most, may)))
        leases = self._lease(connection, wanted, now, changed) if wanted else []
        suppress_in(connection, self.database.dialect, zip(writes, states, strict=True), now)
        if changed:
            self._move.for_each(connection, [(*to, id_) for id_, to in changed.items()])
        return Exchanged(states, leases, has_suppressed)

    def left_of_the_day(self, per_day: int) -> int:
        """How many more mails may leave now when all runs may send so many in 24 hours."""
        with self.database.begin(only_reads=True) as connection:
            return max(0, left(connection, self._used, per_day, self._now(connection)))

    def suppressed(self, addresses: Sequence[str]) -> dict[str, str]:
        """Those of the addresses that no mail is sent to, each with what was said of it."""
        if not addresses:
            return {}
        with self.database.begin(only_reads=True) as connection:
            return suppressed_in(connection, addresses)

    def unsuppress(self, address: str) -> bool:
        """Let mails go to the address again, or to that of a fingerprint; whether it was suppressed.

        The next run that finds its user due makes the notices pending again that are dead for it.
        """
        with self.database.begin() as connection:
            return unsuppress_in(connection, address)

    def states_of(
        self, keys: Sequence[NoticeKey], *, for_people: bool
    ) -> dict[NoticeKey, NoticeState]:
        """Where those of these notices stand that are there.

        Or would: `for_people`, those that only the mailbox has taken are pending.
        """
        with self.database.begin(only_reads=True) as connection:
            rows = self._rows_of(connection, keys)
        return {
            key: _S.PENDING if for_people and is_only_in_mailbox(row) else NoticeState(row.state)
            for key, row in rows.items()
        }

    def badly_addressed(self, keys: Sequence[NoticeKey]) -> list[NoticeKey]:
        """Those of these notices that are dead until their users have other addresses."""
        with self.database.begin(only_reads=True) as connection:
            rows = self._rows_of(connection, keys)
        return [key for key, row in rows.items() if is_badly_addressed(row)]

    def counts(self) -> dict[NoticeState, int]:
        """How many notices stand where."""
        query = select(_n.state, func.count()).group_by(_n.state)
        with self.database.begin(only_reads=True) as connection:
            found = {NoticeState(state): count for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in NoticeState}

    def recent(
        self,
        limit: int,
        state: NoticeState | None = None,
        before: tuple[int, str] | None = None,
    ) -> list[Notice]:
        """The notices that changed last, the newest first; of one state, behind a change and id."""
        query = select(NOTICES).order_by(_n.changed_at.desc(), _n.id.desc()).limit(limit)
        if state is not None:
            query = query.where(_n.state == state)
        if before is not None:
            changed_at, id_ = before
            is_same = and_(_n.changed_at == changed_at, _n.id < id_)
            query = query.where(or_(_n.changed_at < changed_at, is_same))
        with self.database.begin(only_reads=True) as connection:
            return [Notice.of(row) for row in connection.execute(query)]

    def _commit(self, work: Callable[[Connection], Done]) -> Done:
        """In one transaction; where the database undid it for a rival's sake, in another one."""
        for _ in range(_TRIES - 1):
            with suppress(UndoneError), self.database.begin() as connection:
                return work(connection)
        with self.database.begin() as connection:
            return work(connection)

    def _now(self, connection: Connection) -> int:
        """The clock of the outbox's database, which alone decides about leases."""
        return int(connection.scalar(select(NOW_MS[self.database.dialect])) or 0)

    def _locked(self, connection: Connection, writes: Sequence[Write]) -> dict[str, Standing]:
        """Where the notices stand, and will stand until this transaction ends."""
        if not writes:
            return {}
        # Two that lock in the same order never wait for each other.
        ids = sorted({write.lease.id for write in writes})
        if len(ids) not in self._locks:
            names = [f"id_{number}" for number in range(len(ids))]
            self._locks[len(ids)] = Prepared(self.database, locking(names), *names)
        rows = self._locks[len(ids)].rows(connection, *ids)
        return {id_: Standing.of(moving) for id_, *moving in rows}

    def _now_of_ours(self, connection: Connection) -> tuple[int, bool]:
        """The clock, once this is known to be the outbox that it was, and all locks are taken.

        And whether any address is suppressed.
        """
        found, now, has_suppressed = next(iter(self._ours.rows(connection)), (None, 0, 0))
        if found != self.id:
            raise OtherOutboxError(self.database, self.id, found)
        return int(now), bool(has_suppressed)

    def _lease(
        self, connection: Connection, wanted: Wanted, now: int, changed: dict[str, Standing]
    ) -> list[Lease]:
        rows = self._first_rows(connection, wanted, now)
        leases: list[Lease] = []
        for id_, user, stored_date, threshold, created_at, *moving in rows:
            taken = leased(Standing.of(moving), wanted.token, now)
            changed[id_] = taken
            key = NoticeKey(user, stored_date, threshold)
            leases.append(Lease(id_, key, utc(created_at), taken.token, taken.attempt))
        return leases

    def _first_rows(
        self, connection: Connection, wanted: Wanted, now: int
    ) -> Sequence[Sequence[Any]]:
        if wanted.users:
            of_these = first_due(only_put_off=wanted.only_put_off).where(
                _n.user_id.in_(wanted.users)
            )
            return connection.execute(of_these, {"now": now, "most": wanted.most}).all()
        first = self._first_put_off if wanted.only_put_off else self._first
        return first.rows(connection, now, wanted.most)

    def _rows_of(
        self, connection: Connection, keys: Iterable[NoticeKey]
    ) -> dict[NoticeKey, Row[*tuple[Any, ...]]]:
        """By their ids: what is forgotten has nothing else left."""
        wanted = {self._id(key): key for key in keys}
        rows = connection.execute(select(NOTICES).where(_n.id.in_(wanted)))
        return {wanted[row.id]: row for row in rows}

    def _revive_of(self, connection: Connection, keys: Sequence[NoticeKey], run: int | None) -> int:
        revived = self._revive(connection, keys)
        note_made(connection, run, revived)
        return revived

    def _revive(self, connection: Connection, keys: Iterable[NoticeKey]) -> int:
        ids = [self._id(key) for key in keys]
        may_be = or_(_n.state == _S.CANCELLED, IS_BADLY_ADDRESSED)
        return connection.execute(
            update(NOTICES).where(_n.id.in_(ids), may_be).values(**anew(self._now(connection)))
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
                **anew(now),
            }
            for key in keys
        ]

    def _id(self, key: NoticeKey) -> str:
        """The notice's id: the same again for the same notice, and to be guessed by nobody."""
        content = json.dumps([self.id, key.user, key.stored_date, key.threshold])
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def _write(standings: dict[str, Standing], write: Write, now: int) -> NoticeState | None:
    """Where the notice stands now; None: it was not moved."""
    standing = standings.get(write.lease.id)
    to = moved(standing, write, now) if standing else None
    if to is None:
        return None
    standings[write.lease.id] = to
    return to.state
