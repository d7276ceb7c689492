"""Delivering the notices that are due: lease, look again, hand off, send, settle."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from cronfleet.apps.password_expiry.databases import OddValueError
from cronfleet.apps.password_expiry.message import BadAddressError, Letterhead, recipient_address
from cronfleet.apps.password_expiry.notices import BAD_ADDRESS, Outbox
from cronfleet.apps.password_expiry.policy import BadRowError, ExpiryRule, NoticeKey, User
from cronfleet.apps.password_expiry.refusals import FIRST, FirstAnswers
from cronfleet.apps.password_expiry.senders import (
    Answer,
    Sender,
    SenderUnavailableError,
    SendResult,
)
from cronfleet.apps.password_expiry.settling import LAST_WAIT_S, Held, Settling
from cronfleet.apps.password_expiry.states import NoticeState
from cronfleet.apps.password_expiry.users import UserTable
from cronfleet.context import LogAdapter
from cronfleet.errors import CronfleetError

LANES = 4
"""How many mails are under way at a time, each on a connection of its own."""

_SETTLED_AS = {
    Answer.ACCEPTED: NoticeState.SENT,
    Answer.REFUSED: NoticeState.DEAD,
    Answer.UNKNOWN: NoticeState.UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the job works with."""

    users: UserTable
    outbox: Outbox
    sender: Sender
    rule: ExpiryRule
    letterhead: Letterhead


@dataclass(frozen=True, slots=True)
class Ask:
    """What one run is about: its fencing token, the instant that it judges by, and its log.

    `draining` and `lost` are those of the run: when either is set, nothing new is begun.
    """

    token: int
    now: datetime
    log: LogAdapter
    draining: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        return self.draining.is_set() or self.lost.is_set()


class Delivery:
    """One run's deliveries, at most `most`; `only_put_off`: of those that failed before."""

    def __init__(self, parts: Parts, ask: Ask, most: int, *, only_put_off: bool = False) -> None:
        self._parts = parts
        self._ask = ask
        self._left = most
        self._only_put_off = only_put_off
        self._settling = Settling(parts.outbox, ask.log)
        self._first: FirstAnswers[Held] = FirstAnswers()
        self._stopped_by: CronfleetError | None = None
        self._spoilt_by: CronfleetError | None = None

    @property
    def settled(self) -> Counter[NoticeState]:
        """What became of the notices so far."""
        return self._settling.counted

    async def run(self) -> None:
        """Deliver until nothing is due, the limit is reached, or the run is over.

        Raises the `CronfleetError` that kept it from going on, or else the first that kept a
        single notice back; the notices not yet sent stay.
        """
        waiting = await asyncio.to_thread(
            self._parts.outbox.waiting, only_put_off=self._only_put_off, most=LANES
        )
        lanes = [self._lane() for _ in range(waiting)]
        try:
            # What happens in one lane never ends another one in the middle of a mail.
            ends = await asyncio.gather(*lanes, return_exceptions=True)
        finally:
            await self._parts.sender.close()
        for error in (self._stopped_by, *ends, self._spoilt_by):
            if error is not None:
                raise error

    async def _lane(self) -> None:
        while self._left > 0 and self._stopped_by is None and not self._ask.is_over:
            self._left -= 1
            try:
                # Before the lease begins to run out: some servers take their time to greet.
                await self._parts.sender.ready()
                held = await self._lease()
                if held is None:
                    return
                await self._deliver(held)
            except CronfleetError as error:
                self._stop(error)

    def _stop(self, error: CronfleetError) -> None:
        self._stopped_by = self._stopped_by or error

    async def _lease(self) -> Held | None:
        """Lease a notice; when cancelled meanwhile, give it back rather than let it run out."""
        outbox, token = self._parts.outbox, self._ask.token
        leasing = asyncio.ensure_future(
            asyncio.to_thread(outbox.lease, token, only_put_off=self._only_put_off)
        )
        try:
            lease = await asyncio.shield(leasing)
        except asyncio.CancelledError:
            await asyncio.wait({leasing}, timeout=LAST_WAIT_S)
            if leasing.done() and leasing.exception() is None and (late := leasing.result()):
                await self._settling.give_up(Held(late))
            raise
        return Held(lease) if lease else None

    async def _deliver(self, held: Held) -> None:
        try:
            await self._try(held)
        except OddValueError as error:  # This notice's alone: the others go on.
            self._spoilt_by = self._spoilt_by or error
            await self._leave(held, str(error))
        except (CronfleetError, asyncio.CancelledError):
            await self._settling.give_up(held)
            raise
        except BaseException as error:  # At once it would only break the next lane, too.
            await self._leave(held, type(error).__name__)
            raise

    async def _leave(self, held: Held, reason: str) -> None:
        """Leave a notice that cannot be sent: for later, unless it may have been."""
        if held.is_handed_off:
            await self._settling.give_up(held)
        else:
            await self._settling.put_off(held, reason)

    async def _try(self, held: Held) -> None:
        user = await self._look(held.lease.key)
        if isinstance(user, str):
            return await self._settling.settle(held, NoticeState.CANCELLED, user)
        try:
            recipient = recipient_address(
                user.address or "", reaches_people=self._parts.sender.reaches_people
            )
        except BadAddressError as error:
            return await self._settling.settle(held, NoticeState.DEAD, f"{BAD_ADDRESS}{error}")
        return await self._send(held, user, recipient)

    async def _look(self, key: NoticeKey) -> User | str:
        """The user as stored now, or why this notice is no longer the one that is due."""
        user = await asyncio.to_thread(self._parts.users.find, key.user)
        if user is None:
            return "no user has this id any more"
        try:
            is_due = self._parts.rule.due_notice(user, self._ask.now) == key
        except BadRowError as error:
            return str(error)
        return user if is_due else "no longer due"

    async def _send(self, held: Held, user: User, recipient: str) -> None:
        hand_off = _HandOff(self, held, user)
        expiry = self._parts.rule.expiry(held.lease.key)
        mail = self._parts.letterhead.write(
            held.lease.id, recipient, user.name, expiry, held.lease.created_at
        )
        result = await self._parts.sender.send(mail, hand_off)
        await self._record(held, result, hand_off)

    async def is_unchanged(self, held: Held, user: User) -> bool:
        """Look once more, just before the mail is handed over; what has changed is settled."""
        fresh = await self._look(held.lease.key)
        if isinstance(fresh, str):
            await self._settling.settle(held, NoticeState.CANCELLED, fresh)
            return False
        if fresh.address != user.address:
            await self._settling.settle(held, NoticeState.PENDING, "the address changed")
        return fresh.address == user.address

    async def commit(self, held: Held) -> bool:
        """Commit that the mail may be accepted from now on."""
        name = self._parts.sender.name
        return await asyncio.to_thread(self._parts.outbox.hand_off, held.lease, name)

    async def _record(self, held: Held, result: SendResult, hand_off: _HandOff) -> None:
        if result.answer is not Answer.REFUSED:
            self._first.answered()
        match result.answer:
            case Answer.NOT_WANTED:
                if hand_off.is_refused:
                    await self._settling.put_off(held, "the sender took longer than the lease")
            case Answer.LATER:
                await self._settling.put_off(held, result.said)
            case Answer.NOBODY:
                await self._settling.rest(held, result.said)
                self._stop(self._unavailable(f"takes no mails for now: {result.said}"))
            case answer:
                await self._settling.settle(held, _SETTLED_AS[answer], result.said)
        if result.answer is Answer.REFUSED:
            await self._suspect(held, result.said)

    async def _suspect(self, held: Held, said: str) -> None:
        """The same refusal for each of the first: it is not the recipients who are refused."""
        innocent = self._first.refused(held, said)
        if innocent:
            self._stop(self._unavailable(f"refused the first {FIRST} mails alike: {said}"))
        for each in innocent:
            await self._settling.take_back(each, said)

    def _unavailable(self, what: str) -> SenderUnavailableError:
        return SenderUnavailableError(
            f"{self._parts.sender.describe()} {what}; what is not sent is tried again"
        )


class _HandOff:
    """Called by the sender just before a mail can be accepted; see `HandOff`."""

    def __init__(self, delivery: Delivery, held: Held, user: User) -> None:
        self._delivery = delivery
        self._held = held
        self._user = user
        self.is_refused = False

    async def __call__(self) -> bool:
        if not await self._delivery.is_unchanged(self._held, self._user):
            return False
        if not await self._delivery.commit(self._held):
            self.is_refused = True
            return False
        self._held.hands_off()
        return True
