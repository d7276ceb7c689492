"""Delivering the notices that are due: lease, look again, hand off, send, settle."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cronfleet.apps.password_expiry.databases import DatabaseError
from cronfleet.apps.password_expiry.message import BadAddressError, Letterhead, checked_address
from cronfleet.apps.password_expiry.notices import Lease, Outbox
from cronfleet.apps.password_expiry.policy import BadRowError, ExpiryRule, NoticeKey, User
from cronfleet.apps.password_expiry.senders import Answer, Sender, SendResult
from cronfleet.apps.password_expiry.states import NoticeState
from cronfleet.apps.password_expiry.users import UserTable
from cronfleet.context import LogAdapter
from cronfleet.errors import CronfleetError

LANES = 4
"""How many mails are under way at a time, each on a connection of its own."""

T = TypeVar("T")

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
    """What one run is about: its fencing token, the instant that it judges by, and its log."""

    token: int
    now: datetime
    log: LogAdapter


class Delivery:
    """One run's deliveries, at most `most` of them."""

    def __init__(self, parts: Parts, ask: Ask, most: int) -> None:
        self.settled: Counter[NoticeState] = Counter()
        self._parts = parts
        self._ask = ask
        self._left = most
        self._stopped_by: CronfleetError | None = None

    async def run(self) -> None:
        """Deliver until nothing is due or the limit is reached.

        Raises the `CronfleetError` that kept it from going on; the notices not yet sent stay.
        """
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(LANES):
                    lanes.create_task(self._lane())
        finally:
            await self._parts.sender.close()
        if self._stopped_by:
            raise self._stopped_by

    async def _lane(self) -> None:
        # An error ends the run, but never another lane in the middle of a mail.
        while self._left > 0 and self._stopped_by is None:
            self._left -= 1
            try:
                lease = await self._lease()
                if lease is None:
                    return
                await self._deliver(lease)
            except CronfleetError as error:
                self._stopped_by = self._stopped_by or error

    async def _lease(self) -> Lease | None:
        """Lease a notice; when cancelled meanwhile, give it back rather than let it run out."""
        outbox = self._parts.outbox
        leasing = asyncio.ensure_future(asyncio.to_thread(outbox.lease, self._ask.token))
        try:
            return await asyncio.shield(leasing)
        except asyncio.CancelledError:
            await asyncio.wait({leasing})
            if leasing.exception() is None and (lease := leasing.result()):
                await self._give_up(lease, is_handed_off=False)
            raise

    async def _deliver(self, lease: Lease) -> None:
        user = await self._due_user(lease.key)
        if user is None:
            return await self._settle(lease, NoticeState.CANCELLED, "no longer due")
        try:
            recipient = checked_address(user.address or "")
        except BadAddressError as error:
            return await self._settle(lease, NoticeState.DEAD, f"bad_address: {error}")
        return await self._send(lease, user, recipient)

    async def _send(self, lease: Lease, user: User, recipient: str) -> None:
        expiry = self._parts.rule.expiry(lease.key)
        mail = self._parts.letterhead.write(
            lease.id, recipient, user.name, expiry, lease.created_at
        )
        is_handed_off = False

        async def hand_off() -> bool:
            nonlocal is_handed_off
            if not await self._is_unchanged(lease, user):
                return False
            is_handed_off = await asyncio.to_thread(self._parts.outbox.hand_off, lease)
            return is_handed_off

        try:
            result = await self._parts.sender.send(mail, hand_off)
        except BaseException:
            await self._give_up(lease, is_handed_off=is_handed_off)
            raise
        await self._record(lease, result)

    async def _due_user(self, key: NoticeKey) -> User | None:
        """The user as stored now, if this notice is still the one that is due."""
        user = await asyncio.to_thread(self._parts.users.find, key.user)
        with suppress(BadRowError):
            if user and self._parts.rule.due_notice(user, self._ask.now) == key:
                return user
        return None

    async def _is_unchanged(self, lease: Lease, user: User) -> bool:
        """Look once more, just before the mail is handed over; what has changed is settled."""
        fresh = await self._due_user(lease.key)
        if fresh is None:
            await self._settle(lease, NoticeState.CANCELLED, "no longer due")
        elif fresh.address != user.address:
            await self._settle(lease, NoticeState.PENDING, "the address changed")
        return fresh is not None and fresh.address == user.address

    async def _give_up(self, lease: Lease, *, is_handed_off: bool) -> None:
        """Leave a mail in the middle: before the hand-off nothing was sent; after it, who knows."""
        to = NoticeState.UNCERTAIN if is_handed_off else NoticeState.PENDING
        reason = "stopped before the answer" if is_handed_off else ""
        with suppress(DatabaseError):  # The lease runs out, and means the same.
            await self._settle(lease, to, reason)

    async def _record(self, lease: Lease, result: SendResult) -> None:
        match result.answer:
            case Answer.NOT_WANTED:
                return
            case Answer.LATER:
                to = await _to_the_end(lambda: self._parts.outbox.put_off(lease, result.said))
                self._count(lease, to, result.said)
            case answer:
                await self._settle(lease, _SETTLED_AS[answer], result.said)

    async def _settle(self, lease: Lease, to: NoticeState, reason: str) -> None:
        is_settled = await _to_the_end(lambda: self._parts.outbox.settle(lease, to, reason))
        self._count(lease, to if is_settled else None, reason)

    def _count(self, lease: Lease, to: NoticeState | None, reason: str) -> None:
        if to is None:
            self._ask.log.warning("user %r: the lease of the notice ran out", lease.key.user)
            return
        self.settled[to] += 1
        if to is not NoticeState.SENT:
            self._ask.log.warning("user %r: the notice is %s: %s", lease.key.user, to, reason)


async def _to_the_end(write: Callable[[], T]) -> T:
    """Do a write in a thread, and wait for it even when cancelled; then be cancelled."""
    writing = asyncio.ensure_future(asyncio.to_thread(write))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        _ = writing.cancelled() or writing.exception()  # Not looked at, it would be reported.
        raise
