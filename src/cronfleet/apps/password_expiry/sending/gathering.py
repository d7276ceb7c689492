"""What the lanes of a run ask of the two databases, gathered: many answers, one commit.

Rounds follow one another, each in a thread: it carries out whatever was asked while the one before
was under way, in the order in which it was asked. A lane asks for a hand-off only after it has told
how its mail before ended. So of each lane at most one notice is handed off without its end on
record, and a crash parks no more notices than there were mails under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cronfleet.apps.password_expiry.databases.databases import DatabaseError, OddValueError
from cronfleet.apps.password_expiry.outbox.moves import HandOff, Move, Settle, Write
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Exchanged, Wanted
from cronfleet.apps.password_expiry.sending.looking import Look, Looking
from cronfleet.apps.password_expiry.sending.requests import (
    Answer,
    Done,
    Held,
    Leased,
    Request,
    Round,
    Written,
)
from cronfleet.apps.password_expiry.users.copies import recipient_of
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User
from cronfleet.context import LogAdapter

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10
LAST_WAIT_S = 15
"""How long what was asked is waited for when the run is cancelled."""


class Gathering:
    """The requests of one run.

    A write that fails is repeated until the lease ends: what an answer said is not to be lost for
    a database that is busy. A hand-off is not, since nothing has been sent yet.
    """

    def __init__(self, outbox: Outbox, looking: Looking, log: LogAdapter, lanes: int) -> None:
        self._outbox = outbox
        self._looking = looking
        self._log = log
        self._next = Round()
        self._working: asyncio.Task[None] | None = None
        self._lanes = lanes
        self._all_wait = asyncio.Event()
        self._took_s = 0.0
        self._pause_s = FIRST_PAUSE_S

    def write(self, held: Held, move: Move) -> Answer:
        """The answer raises `DatabaseError` when it could not be written before the lease ended."""
        return self._ask(Request(held, move, _future()))

    def hand_off(self, held: Held, sender: str, user: User) -> Answer:
        """Commit the hand-off, if the user is still so; else the notice is settled instead.

        When the answer raises `CronfleetError`, it is not known whether it was committed.
        """
        return self._ask(Request(held, HandOff(sender), _future(), user))

    def lease(self, wanted: Wanted) -> Leased:
        """Notices that are due. Ask again only when this is answered; raises as `hand_off` does."""
        self._next.wanted, self._next.leased = wanted, (leased := _future())
        self._begin()
        return leased

    async def finish(self) -> None:
        """Wait until all that was asked is answered."""
        while self._working is not None:
            await asyncio.wait({self._working})

    async def stop(self) -> None:
        """As `finish`, but not for long; what has no answer by then gets none."""
        try:
            async with asyncio.timeout(LAST_WAIT_S):
                await self.finish()
        except TimeoutError:
            if self._working is not None:
                self._working.cancel()

    def _ask(self, request: Request) -> Answer:
        self._next.add(request)
        if self._next.hand_offs >= self._lanes:
            self._all_wait.set()
        self._begin()
        return request.answer

    def _begin(self) -> None:
        if self._working is None:
            self._working = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._next:
                await self._let_others_ask()
                these, self._next = self._next, Round()
                # Whoever asked for a hand-off and is gone will not send: there is none.
                these.requests = [each for each in these.requests if not each.answer.cancelled()]
                await self._carry_through(these)
        finally:
            self._working = None
            self._next.cancel()

    async def _let_others_ask(self) -> None:
        """A round that begins too early makes those who come a moment later wait for all of it."""
        self._all_wait.clear()
        if self._next.hand_offs < self._lanes:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_wait.wait(), self._took_s / 4)

    async def _carry_through(self, these: Round) -> None:
        began = time.monotonic()
        carrying = asyncio.ensure_future(asyncio.to_thread(self._carry_out, these))
        try:
            await asyncio.wait({carrying})
        except asyncio.CancelledError:
            these.cancel()
            raise
        match carrying.exception():
            case None:
                self._took_s = time.monotonic() - began
                self._pause_s = FIRST_PAUSE_S
                these.tell(carrying.result())
            case OddValueError() if len(these) > 1:  # It is one notice's alone.
                for each in these.split():
                    await self._carry_through(each)
            case DatabaseError() as error if not isinstance(error, OddValueError):
                await self._repeat(these, error)
            case error:
                these.refuse(error)

    def _carry_out(self, these: Round) -> Done:
        """In a thread."""
        moves = self._moves(these.requests)
        exchanged = self._exchange(these, moves)
        looks = self._looking.look([lease.key for lease in exchanged.leases])
        held = self._held(exchanged, looks)
        states = iter(exchanged.states)
        return Done(
            [
                move if isinstance(move, DatabaseError) else Written(next(states), move.reason)
                for move in moves
            ],
            held,
        )

    def _held(self, exchanged: Exchanged, looks: Sequence[Look]) -> list[Held]:
        """With what is known of the users' addresses."""
        leases = exchanged.leases
        if not exchanged.has_suppressed:
            return [Held(lease, look) for lease, look in zip(leases, looks, strict=True)]
        recipients = [
            recipient_of(look, lease.key) if isinstance(look, User) else ""
            for lease, look in zip(leases, looks, strict=True)
        ]
        try:
            suppressed = self._outbox.suppressed(list(filter(None, recipients)))
        except DatabaseError as error:  # The leases are taken: each says so when its turn comes.
            return [Held(lease, error) for lease in leases]
        return [
            Held(lease, look, suppressed=suppressed.get(recipient))
            for lease, look, recipient in zip(leases, looks, recipients, strict=True)
        ]

    def _moves(self, requests: Sequence[Request]) -> list[Move | DatabaseError]:
        """What is to be written. At a hand-off the user is looked at once more, just before it."""
        looks = iter(self._looking.look([each.held.lease.key for each in requests if each.user]))
        return [_if_unchanged(each, next(looks)) if each.user else each.move for each in requests]

    def _exchange(self, these: Round, moves: Sequence[Move | DatabaseError]) -> Exchanged:
        writes = [
            Write(request.held.lease, move)
            for request, move in zip(these.requests, moves, strict=True)
            if not isinstance(move, DatabaseError)
        ]
        if not writes and these.wanted is None:
            return Exchanged([], [])
        return self._outbox.exchange(writes, these.wanted)

    async def _repeat(self, these: Round, error: DatabaseError) -> None:
        """All but the hand-offs and the leases, those that have the time."""
        may_be = [r for r in these.requests if not r.user and r.held.left_s > self._pause_s]
        self._next.requests[:0] = may_be
        these.requests = [each for each in these.requests if each not in may_be]
        these.refuse(error)
        if not may_be:
            return
        for each in may_be:
            user = each.held.lease.key.user
            self._log.warning("user %r: will be written again: %s", user, error)
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def _if_unchanged(request: Request, look: Look) -> Move | DatabaseError:
    match look:
        case DatabaseError():
            return look
        case str():
            return Settle(NoticeState.CANCELLED, look)
        case User() if request.user and _is_same(look, request.user, request.held.lease.key):
            return request.move
        case User():
            return Settle(NoticeState.PENDING, "the address changed")


def _is_same(stored: User, user: User, key: NoticeKey) -> bool:
    """Whether it still is for the same address."""
    return recipient_of(stored, key) == recipient_of(user, key)


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
