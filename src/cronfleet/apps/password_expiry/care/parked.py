"""What a person decides about notices: those that are parked, and those of one who is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, select, update

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.outbox.care_schema import now_ms
from cronfleet.apps.password_expiry.outbox.schema import LONGEST_REASON, NOTICES
from cronfleet.apps.password_expiry.outbox.states import DECISIONS, Decision, NoticeState
from cronfleet.apps.password_expiry.outbox.suppression import unsuppress_in
from cronfleet.apps.password_expiry.outbox.values import HANDOFF_LEASE, Notice, since_1970
from cronfleet.errors import UndecidedNoticeError, UnknownNoticeError

HARD_LIFETIME: timedelta = HANDOFF_LEASE
"""So long after a hand-off its sender may still be at it: no answer is waited for longer."""

_S = NoticeState
_n = NOTICES.c
_UNDER_WAY = (_S.LEASED, _S.HANDOFF)
_DECIDED_ABOUT = {
    Decision.APPROVE: (_S.UNCERTAIN,),
    Decision.RESEND: (_S.UNCERTAIN, _S.DEAD),
    Decision.DROP: (_S.UNCERTAIN,),
}
_SAID = {
    Decision.APPROVE: "arrived, says",
    Decision.RESEND: "to be sent again, says",
    Decision.DROP: "dropped by",
}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many notices of a person tell nothing of it any more, and how many are being sent.

    And whether an address was forgotten, to which no mail went.
    """

    forgotten: int
    under_way: int
    unsuppressed: bool


class Parked:
    """Decisions about the notices of an outbox. Every method raises `DatabaseError`, and blocks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, notice: str) -> Notice | None:
        """A notice by its id."""
        with self._database.begin(only_reads=True) as connection:
            return _found(connection, notice)

    def decide(self, notice: str, decision: Decision, who: str, why: str) -> Notice:
        """Settle a parked notice; who decided that and why is its reason from then on.

        One that is dead may be sent again, too: not every refusal was meant for it.
        Raises `UnknownNoticeError` and `UndecidedNoticeError`.
        """
        with self._database.begin() as connection:
            stands = _found(connection, notice, locks=True)
            now = now_ms(connection, self._database.dialect)
            _check(notice, stands, decision, now)
            to = DECISIONS[decision]
            values: dict[str, object] = {"state": to, "reason": _reason(decision, who, why)}
            if to is _S.PENDING:
                values |= {"not_before": now, "failures": 0, "failing_since": None, "sender": None}
            connection.execute(
                update(NOTICES)
                .where(_n.id == notice, _n.state.in_(_DECIDED_ABOUT[decision]))
                .values(**values, lease_until=None, changed_at=now)
            )
            found = _found(connection, notice)
        if found is None:
            raise UnknownNoticeError(notice)
        return found

    def forget(self, user: str, address: str | None = None) -> Forgotten:
        """Erase what the notices tell of a person: the id, the stored date and the reason.

        The notice's own id stays, so that it is not made again; what was not sent never will be.
        If the address is known, and suppressed, its fingerprint goes too.
        """
        with self._database.begin() as connection:
            now = now_ms(connection, self._database.dialect)
            of_user = _n.user_id == user
            erase = (
                update(NOTICES)
                .where(of_user, _n.state.not_in(_UNDER_WAY))
                # Some are of one threshold, and must differ.
                .values(user_id="", stored_date=_n.id, reason="", sender=None)
            )
            # What has ended did not change just now: it would be told once more what became of it.
            ended = erase.where(_n.state.in_((_S.SENT, _S.DEAD)))
            forgotten = sum(
                connection.execute(each).rowcount
                for each in (ended, erase.values(state=_S.DEAD, changed_at=now))
            )
            left = select(func.count()).select_from(NOTICES).where(of_user)
            under_way = connection.scalar(left) or 0
            is_erased = address is not None and unsuppress_in(connection, address)
            return Forgotten(forgotten, under_way, is_erased)


def _found(connection: Connection, notice: str, *, locks: bool = False) -> Notice | None:
    query = select(NOTICES).where(_n.id == notice)
    row = connection.execute(query.with_for_update() if locks else query).one_or_none()
    return None if row is None else Notice.of(row)


def _check(notice: str, stands: Notice | None, decision: Decision, now: int) -> None:
    if stands is None:
        raise UnknownNoticeError(notice)
    if stands.state not in _DECIDED_ABOUT[decision]:
        raise UndecidedNoticeError(
            notice,
            f"it is {stands.state}, and only one that is UNCERTAIN is to be decided about, or sent "
            "again when it is DEAD",
        )
    if not stands.user:
        raise UndecidedNoticeError(notice, "its user is forgotten: nobody is left to send it to")
    # It became uncertain after its hand-off: whoever waits from then on has waited long enough.
    # What was dropped since had no answer, either.
    is_unanswered = stands.state is _S.UNCERTAIN or stands.reason.startswith(_SAID[Decision.DROP])
    until = stands.changed_at + HARD_LIFETIME
    if decision is Decision.RESEND and is_unanswered and now < since_1970(until):
        raise UndecidedNoticeError(
            notice,
            f"its sender may still be at it until {until:%Y-%m-%d %H:%M:%S} UTC: "
            "send it again after that",
        )


def _reason(decision: Decision, who: str, why: str) -> str:
    said = f"{_SAID[decision]} {who or 'somebody'}" + (f": {why}" if why else "")
    return "".join(c if c.isprintable() else " " for c in said[:LONGEST_REASON])
