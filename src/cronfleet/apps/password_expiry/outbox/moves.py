"""What a write under a lease makes of a notice. Pure: the outbox reads, asks here, and writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, TypeAlias

from cronfleet.apps.password_expiry.outbox.schema import LONGEST_REASON
from cronfleet.apps.password_expiry.outbox.states import TRANSITIONS, NoticeState
from cronfleet.apps.password_expiry.outbox.values import HANDOFF_LEASE, LEASE, Lease, milliseconds
from cronfleet.apps.password_expiry.users.policy import next_delay

_REST = timedelta(minutes=15)  # How long a notice rests that was not to blame for its failure.

_SOON = timedelta(minutes=1)  # And when there is another sender for it.

_S = NoticeState


class Standing(NamedTuple):  # To replace some of its values is quick, and each write does.
    """What of a notice's row changes under a lease. Instants are milliseconds since 1970."""

    state: NoticeState
    reason: str
    token: int
    attempt: int
    sender: str | None
    lease_until: int | None
    not_before: int
    failures: int
    failing_since: int | None
    changed_at: int

    @classmethod
    def of(cls, values: Sequence[Any]) -> Standing:
        """From the columns of these names, in this order."""
        state, *others = values
        return cls(NoticeState(state), *others)


@dataclass(frozen=True, slots=True)
class HandOff:
    """The mail may be accepted from now on, and it is this sender's."""

    sender: str
    reason: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """How it ended, or that it is given back.

    To settle once more as the same is fine: the first answer may have been lost.
    """

    to: NoticeState
    reason: str = ""
    suppresses: str | None = None
    """The fingerprint of an address that no other notice is to be sent to, either."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """A passing failure: pending for later, or dead after a day of them."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rest:
    """To be tried again, after others; it was not to blame."""

    reason: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What was settled as dead under this lease was not to blame after all, and has not failed.

    `has_others`: another sender may take it, so that it waits no longer than it must.
    """

    reason: str
    has_others: bool = False


Move: TypeAlias = HandOff | Settle | PutOff | Rest | TakeBack


@dataclass(frozen=True, slots=True)
class Write:
    """A move of one notice, under its lease."""

    lease: Lease
    move: Move


def moved(standing: Standing, write: Write, now: int) -> Standing | None:
    """Where the notice stands after the write; None: it has another lease, or this cannot follow."""
    if (standing.token, standing.attempt) != (write.lease.token, write.lease.attempt):
        return None
    match write.move:
        case HandOff(sender):
            return _handed_off(standing, sender, now)
        case Settle(to, reason):
            return _settled(standing, to, reason, now)
        case PutOff(reason):
            to, failed = _failed(standing, now)
            return _settled(standing, to, reason, now, **failed)
        case Rest(reason):
            later = now + milliseconds(_REST)
            return _settled(standing, _S.PENDING, reason, now, not_before=later)
        case TakeBack():
            return _taken_back(standing, write.move, now)


def leased(standing: Standing, token: int, now: int) -> Standing:
    """Where a notice that is due stands when a run has taken it."""
    return standing._replace(
        state=_S.LEASED,
        token=token,
        attempt=standing.attempt + 1,
        lease_until=now + milliseconds(LEASE),
        changed_at=now,
    )


def _handed_off(standing: Standing, sender: str, now: int) -> Standing | None:
    until = standing.lease_until or 0
    if _S.HANDOFF not in TRANSITIONS[standing.state] or until < now:
        return None
    return standing._replace(
        state=_S.HANDOFF,
        sender=sender,
        lease_until=now + milliseconds(HANDOFF_LEASE),
        changed_at=now,
    )


def _settled(
    standing: Standing, to: NoticeState, reason: str, now: int, **values: int
) -> Standing | None:
    if to in TRANSITIONS[standing.state]:
        said = short(reason)
        return standing._replace(state=to, reason=said, lease_until=None, changed_at=now, **values)
    return standing if standing.state is to else None


def _failed(standing: Standing, now: int) -> tuple[NoticeState, dict[str, int]]:
    """What a passing failure makes of it."""
    failures, since = standing.failures + 1, standing.failing_since or now
    values = {"failures": failures, "failing_since": since}
    delay = next_delay(failures, timedelta(milliseconds=now - since))
    if delay is None:
        return _S.DEAD, values
    return _S.PENDING, values | {"not_before": now + milliseconds(delay)}


def _taken_back(standing: Standing, move: TakeBack, now: int) -> Standing | None:
    if standing.state is not _S.DEAD:
        return None
    back = standing._replace(
        state=_S.PENDING,
        reason=short(move.reason),
        not_before=now + milliseconds(_REST),
        changed_at=now,
    )
    if not move.has_others:
        return back
    # As if it had failed once: the job of every minute takes what has, and nothing else.
    return back._replace(
        not_before=now + milliseconds(_SOON),
        failures=max(1, standing.failures),
        failing_since=standing.failing_since or now,
    )


def short(reason: str) -> str:
    """Cut, and with nothing in it that no database can hold."""
    reason = reason[:LONGEST_REASON]
    if reason.isprintable():
        return reason
    return "".join(c if c.isprintable() else " " for c in reason)
