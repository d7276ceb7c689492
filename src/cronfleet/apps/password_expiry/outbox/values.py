"""What the outbox answers: plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.users.policy import NoticeKey

MAILBOX = "mailbox"
"""The sender that reaches nobody."""

LEASE = timedelta(minutes=2)
HANDOFF_LEASE = timedelta(minutes=11)  # More than a sender waits for the answer after the dot.


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

    @property
    def user(self) -> str:
        return self.key.user

    @property
    def stored_date(self) -> str:
        return self.key.stored_date

    @property
    def threshold(self) -> str:
        return self.key.threshold

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> Notice:
        return cls(
            id=row.id,
            key=key_of(row),
            state=NoticeState(row.state),
            reason=row.reason,
            attempt=row.attempt,
            created_at=utc(row.created_at),
            changed_at=utc(row.changed_at),
            not_before=utc(row.not_before),
        )


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the users a run reads, from 0, of how many.

    `whole` is what all parts have in common: the id of their tick, or of the run by hand.
    """

    number: int = 0
    of: int = 1
    whole: str = ""


ALL = Shard()
"""Of a run that reads all users by itself."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One run's hold on one notice. Every write about it is refused once another has it."""

    id: str
    key: NoticeKey
    created_at: datetime
    token: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many notices a run, by its token, would take; `only_put_off`: that failed before.

    No more than are left of `per_day`, which all runs of the last 24 hours have a share in; of
    these `users` alone, if any are named.
    """

    token: int
    most: int = 1
    only_put_off: bool = False
    per_day: int | None = None
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchanged:
    """For each write where its notice stands now, None where it was refused; and what was taken.

    `has_suppressed`: whether there are addresses that nothing is sent to.
    """

    states: Sequence[NoticeState | None]
    leases: Sequence[Lease]
    has_suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Reaped:
    """What leases that ran out left behind: how many went back, and whose may have been sent."""

    returned: int
    uncertain: list[str]


@dataclass(frozen=True, slots=True)
class Added:
    """How many notices were made, and which others are dead for an address that leads nowhere."""

    made: int
    badly_addressed: list[NoticeKey]


def in_ascii(said: str) -> str:
    """What any database takes, whatever its character set."""
    return said.encode("ascii", "backslashreplace").decode("ascii")


def milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def since_1970(moment: datetime) -> int:
    """In milliseconds: the other way round than `utc`."""
    return milliseconds(moment - utc(0))


def utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def key_of(row: Row[*tuple[Any, ...]]) -> NoticeKey:
    return NoticeKey(row.user_id, row.stored_date, row.threshold)
