"""How many more mails may leave: all runs of the last 24 hours have a share in the number of a day.

Counted in the outbox, by its database's clock. A notice that is leased may become a mail, so that
it counts; one that was refused or put off has been none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, func, or_, select

from cronfleet.apps.password_expiry.databases.databases import Prepared
from cronfleet.apps.password_expiry.outbox.moves import Standing
from cronfleet.apps.password_expiry.outbox.schema import NOTICES
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import MAILBOX, milliseconds

_DAY_MS = milliseconds(timedelta(hours=24))
_UNDER_WAY = (NoticeState.LEASED, NoticeState.HANDOFF)
_GONE = (NoticeState.SENT, NoticeState.UNCERTAIN)
_n = NOTICES.c


def used() -> Select[*tuple[Any, ...]]:
    """How many are under way, or went since the parameter `since`.

    Two counts, each by an index alone: all that was ever sent is not looked at.
    """
    under_way = select(func.count()).where(_is_one_of(_UNDER_WAY)).select_from(NOTICES)
    gone = (
        select(func.count())
        .where(_is_one_of(_GONE))
        .where(_n.changed_at >= bindparam("since", type_=BigInteger))
        .where(_n.sender != MAILBOX)
        .select_from(NOTICES)
    )
    return select(under_way.scalar_subquery() + gone.scalar_subquery())


def left(connection: Connection, used: Prepared, per_day: int, now: int) -> int:
    """What is left of so many; fewer than none, if the number was greater before."""
    ((found,),) = used.rows(connection, now - _DAY_MS)
    return per_day - int(found)


def difference(pairs: Iterable[tuple[Standing, Standing]]) -> int:
    """How many more will be used once these have moved from the first to the second."""
    return sum(_is_used(after) - _is_used(before) for before, after in pairs)


def _is_one_of(states: Iterable[NoticeState]) -> ColumnElement[bool]:
    """Not a list, which cannot be written down before its values are known."""
    return or_(*(_n.state == state for state in states))


def _is_used(standing: Standing) -> bool:
    return standing.state in _UNDER_WAY or (standing.state in _GONE and standing.sender != MAILBOX)
