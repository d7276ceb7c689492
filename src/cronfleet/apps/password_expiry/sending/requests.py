"""What the lanes of a run ask of the databases, and the rounds that it is gathered in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.password_expiry.databases.databases import DatabaseError
from cronfleet.apps.password_expiry.outbox.moves import Move
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import HANDOFF_LEASE, LEASE, Lease, Wanted
from cronfleet.apps.password_expiry.sending.looking import Look
from cronfleet.apps.password_expiry.users.policy import User


@dataclass(slots=True, eq=False)
class Held:
    """A notice that this run holds, and until when, by this machine's clock.

    `look` is its user as stored when it was leased; `suppressed` says why nothing is sent to the
    address that is stored there, if nothing is. `mail` is what is to be sent if it is written yet;
    when it `is_announced`, the mail server may have been told of it.
    """

    lease: Lease
    look: Look
    mail: Mail | None = None
    suppressed: str | None = None
    until: float = field(default_factory=lambda: time.monotonic() + LEASE.total_seconds())
    is_announced: bool = False
    is_handed_off: bool = False

    def hands_off(self) -> None:
        """It may be accepted from now on."""
        self.is_handed_off = True
        self.until = time.monotonic() + HANDOFF_LEASE.total_seconds()

    @property
    def left_s(self) -> float:
        """How long it will be held."""
        return self.until - time.monotonic()


@dataclass(frozen=True, slots=True)
class Written:
    """Where the notice stands now, and why; None: its lease is no longer this one."""

    to: NoticeState | None
    reason: str


Answer: TypeAlias = "asyncio.Future[Written]"
Leased: TypeAlias = "asyncio.Future[Sequence[Held]]"


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A write, and who waits for it. `user`: only if that is still the user that is stored."""

    held: Held
    move: Move
    answer: Answer
    user: User | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a round came to: for each request what was written, or why nothing was."""

    written: Sequence[Written | DatabaseError]
    leased: Sequence[Held]


@dataclass(slots=True)
class Round:
    """The requests of one round, in their order, and the notices that are wanted besides."""

    requests: list[Request] = field(default_factory=list[Request])
    wanted: Wanted | None = None
    leased: Leased | None = None
    hand_offs: int = 0

    def add(self, request: Request) -> None:
        self.requests.append(request)
        self.hand_offs += request.user is not None

    def __bool__(self) -> bool:
        return bool(self.requests or self.wanted)

    def __len__(self) -> int:
        return len(self.requests) + (self.wanted is not None)

    def split(self) -> Iterable[Round]:
        """Each request alone."""
        yield from (Round([request]) for request in self.requests)
        if self.wanted:
            yield Round([], self.wanted, self.leased)

    def tell(self, done: Done) -> None:
        for request, written in zip(self.requests, done.written, strict=True):
            if isinstance(written, DatabaseError):
                _refuse(request.answer, written)
            elif not request.answer.done():
                request.answer.set_result(written)
        if self.leased and not self.leased.done():
            self.leased.set_result(done.leased)

    def refuse(self, error: BaseException) -> None:
        for answer in self._answers():
            _refuse(answer, error)

    def cancel(self) -> None:
        """Nobody may wait for ever."""
        for answer in self._answers():
            answer.cancel()

    def _answers(self) -> Iterable[asyncio.Future[Any]]:
        yield from (request.answer for request in self.requests)
        if self.leased:
            yield self.leased


def _refuse(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # Whoever does not look at it any more has no need to be told of it.
