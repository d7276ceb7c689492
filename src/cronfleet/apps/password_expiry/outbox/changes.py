"""What has changed in the outbox since an instant, read for the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, select

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.outbox.schema import NOTICES, NOW_MS
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Notice, utc

MOST_ROWS = 10_000
_MOST_REASONS = 20
_MOST_PARKED = 50
_DAY_MS = 24 * 60 * 60 * 1000
# What is being written at this moment bears an instant that is past when it can be read.
_UNSETTLED_MS = 60 * 1000

_S = NoticeState
_n = NOTICES.c


@dataclass(frozen=True, slots=True)
class Failure:
    """How many notices stand in a state for one reason."""

    state: NoticeState
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed after `since`, up to `until`; in milliseconds since 1970.

    `rows` begin with those that failed, and are `MOST_ROWS` at most. `parked` are some users whose
    notices are parked now, whenever that was, and `parked_count` is how many there are.
    """

    since: int
    until: int
    counts: Mapping[NoticeState, int]
    failures: Sequence[Failure]
    parked: Sequence[str]
    parked_count: int
    rows: Sequence[Notice]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def left_out(self) -> int:
        """How many have no row here."""
        return self.total - len(self.rows)

    @property
    def begins(self) -> datetime:
        return utc(self.since)

    @property
    def ends(self) -> datetime:
        return utc(self.until)


def changed_since(database: Database, since: int | None) -> Changed:
    """Without an instant, in the last day. By the clock of the outbox's database.

    Raises `DatabaseError`, and blocks.
    """
    with database.begin(only_reads=True) as connection:
        until = int(connection.scalar(select(NOW_MS[database.dialect])) or 0) - _UNSETTLED_MS
        since = until - _DAY_MS if since is None else min(since, until)
        span = (_n.changed_at > since, _n.changed_at <= until)
        is_parked = _n.state == _S.UNCERTAIN
        by_state = select(_n.state, func.count()).where(*span).group_by(_n.state)
        parked = select(_n.user_id).where(is_parked).order_by(_n.changed_at).limit(_MOST_PARKED)
        return Changed(
            since,
            until,
            {NoticeState(state): count for state, count in connection.execute(by_state)},
            _failures(connection, span),
            connection.scalars(parked).all(),
            connection.scalar(select(func.count()).where(is_parked)) or 0,
            _rows(connection, span),
        )


def _failures(connection: Connection, span: Sequence[ColumnElement[bool]]) -> list[Failure]:
    """What was refused for good, and what failed in passing; the most frequent first."""
    count = func.count()
    has_failed = (_n.state == _S.DEAD) | ((_n.state == _S.PENDING) & (_n.failures > 0))
    query = (
        select(_n.state, _n.reason, count)
        .where(*span, has_failed)
        .group_by(_n.state, _n.reason)
        .order_by(count.desc(), _n.state, _n.reason)
        .limit(_MOST_REASONS)
    )
    found = connection.execute(query)
    return [Failure(NoticeState(state), reason, many) for state, reason, many in found]


def _rows(connection: Connection, span: Sequence[ColumnElement[bool]]) -> list[Notice]:
    is_well = case((_n.state.in_([_S.DEAD, _S.UNCERTAIN]), 0), (_n.failures > 0, 1), else_=2)
    order = (is_well, _n.changed_at, _n.id)
    query = select(NOTICES).where(*span).order_by(*order).limit(MOST_ROWS)
    return [Notice.of(row) for row in connection.execute(query)]
