"""What the outbox asks its table, and how a row says that its address led nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    or_,
    select,
    update,
)

from cronfleet.apps.password_expiry.outbox.moves import Standing
from cronfleet.apps.password_expiry.outbox.schema import NOTICES
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.suppression import GONE
from cronfleet.apps.password_expiry.outbox.values import MAILBOX

BAD_ADDRESS = "bad_address: "
"""How the reason of a notice begins that is DEAD until the user has another address; as `GONE`."""

_S = NoticeState
_n = NOTICES.c

# Made once: to make a statement takes longer than to carry it out.
MOVING = Standing._fields
MOVE = (
    update(NOTICES)
    .where(_n.id == bindparam("of"))
    .values({name: bindparam(name) for name in MOVING})
)
IS_BADLY_ADDRESSED = and_(
    _n.state == _S.DEAD, or_(_n.reason.like(f"{BAD_ADDRESS}%"), _n.reason.like(f"{GONE}%"))
)
# Whatever it says of these, no person has got any of them.
_MAYBE_THERE = (_S.SENT, _S.UNCERTAIN)
ONLY_IN_MAILBOX = and_(_n.state.in_(_MAYBE_THERE), _n.sender == MAILBOX)


def is_only_in_mailbox(row: Row[*tuple[Any, ...]]) -> bool:
    """Whether it is `ONLY_IN_MAILBOX`."""
    return row.state in _MAYBE_THERE and row.sender == MAILBOX


def is_badly_addressed(row: Row[*tuple[Any, ...]]) -> bool:
    return row.state == _S.DEAD and row.reason.startswith((BAD_ADDRESS, GONE))


def locking(names: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """The notices with the ids of these parameters; nobody else moves them then."""
    return (
        select(_n.id, *(NOTICES.c[name] for name in MOVING))
        .where(_n.id.in_([bindparam(name, type_=_n.id.type) for name in names]))
        .order_by(_n.id)
        .with_for_update()
    )


def due_by(now: int | BindParameter[int], *, only_put_off: bool) -> list[ColumnElement[bool]]:
    due = [_n.state == _S.PENDING, _n.not_before <= now]
    return [*due, _n.failures > 0] if only_put_off else due


def first_due(*, only_put_off: bool) -> Select[*tuple[Any, ...]]:
    """The first that are due. What a rival is taking at this moment is passed over."""
    key = (_n.id, _n.user_id, _n.stored_date, _n.threshold, _n.created_at)
    due = due_by(bindparam("now", type_=BigInteger), only_put_off=only_put_off)
    return (
        select(*key, *(NOTICES.c[name] for name in MOVING))
        .where(*due)
        .order_by(_n.not_before)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)  # On SQLite there is no rival.
    )


def anew(now: int) -> dict[str, Any]:
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
