"""Old notices go, once nobody could be mailed twice for want of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.outbox.care_schema import now_ms
from cronfleet.apps.password_expiry.outbox.schema import NOTICES
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Notice, milliseconds, since_1970
from cronfleet.apps.password_expiry.users.policy import BadRowError, User, stored_instant
from cronfleet.apps.password_expiry.users.source import UserSource

STEP = 200
STEPS_PER_RUN = 20

_ENDED = (NoticeState.SENT, NoticeState.DEAD, NoticeState.CANCELLED)
_n = NOTICES.c


class Retention:
    """Deletes ended notices after so many days, a few at a time.

    A notice stays as long as its user has the date that it was made for: it would be made again.
    What is forgotten stays, too: it tells of nobody, and nobody can say whose it was.
    """

    def __init__(self, database: Database, users: UserSource, days: int) -> None:
        self._database = database
        self._users = users
        self._kept = milliseconds(timedelta(days=days))
        self._after: tuple[int, str] = (0, "")

    def step(self, now: datetime) -> int | None:
        """Look at the next ones, and delete what may go; how many went, None at the end.

        Raises `DatabaseError`, and blocks.
        """
        old = self._old()
        if not old:
            self._after = (0, "")
            return None
        last = old[-1]
        users = self._users.find(list({each.user for each in old}))
        gone = [each.id for each in old if not _is_made_for(each, users.get(each.user), now)]
        self._delete(gone)
        self._after = (since_1970(last.changed_at), last.id)
        return len(gone)

    def _old(self) -> Sequence[Notice]:
        changed_at, id_ = self._after
        is_behind = or_(_n.changed_at > changed_at, and_(_n.changed_at == changed_at, _n.id > id_))
        query = select(NOTICES).where(is_behind, _n.state.in_(_ENDED), _n.user_id != "")
        query = query.order_by(_n.changed_at, _n.id).limit(STEP)
        with self._database.begin(only_reads=True) as connection:
            since = now_ms(connection, self._database.dialect) - self._kept
            return [
                Notice.of(row) for row in connection.execute(query.where(_n.changed_at < since))
            ]

    def _delete(self, ids: Collection[str]) -> None:
        if not ids:
            return
        with self._database.begin() as connection:
            since = now_ms(connection, self._database.dialect) - self._kept
            ended = (_n.state.in_(_ENDED), _n.changed_at < since)
            connection.execute(delete(NOTICES).where(_n.id.in_(ids), *ended))


def _is_made_for(notice: Notice, user: User | None, now: datetime) -> bool:
    """Whether the user still has this date. One that cannot be read may be it."""
    if user is None or not user.stored_date:
        return False
    try:
        stored = stored_instant(user.stored_date, now)
    except BadRowError:
        return True
    return stored is not None and stored.isoformat() == notice.stored_date
