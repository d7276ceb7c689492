"""Delivering the notices that are due: lease, look again, hand off, send, settle."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from cronfleet.apps.mailing.addresses import BadAddressError, recipient_address
from cronfleet.apps.mailing.in_order import SendersInOrder
from cronfleet.apps.mailing.sending import (
    Answer,
    Mail,
    Sender,
    SenderUnavailableError,
    SendResult,
)
from cronfleet.apps.password_expiry.databases.databases import DatabaseError, OddValueError
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.mails.wording.templates import MailTemplateError
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.selecting import BAD_ADDRESS
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.suppression import GONE
from cronfleet.apps.password_expiry.outbox.values import ALL, Shard, Wanted
from cronfleet.apps.password_expiry.sending.gathering import Gathering
from cronfleet.apps.password_expiry.sending.looking import Looking
from cronfleet.apps.password_expiry.sending.pacing import Pace
from cronfleet.apps.password_expiry.sending.refusals import FIRST, FirstAnswers
from cronfleet.apps.password_expiry.sending.requests import Held, Written
from cronfleet.apps.password_expiry.sending.settling import Settling
from cronfleet.apps.password_expiry.sending.supply import Supply
from cronfleet.apps.password_expiry.users.copies import NO_COPIES, Copies, recipient_of
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.apps.password_expiry.users.policy import ExpiryRule, User
from cronfleet.apps.password_expiry.users.source import UserSource
from cronfleet.context import LogAdapter
from cronfleet.errors import CronfleetError

_SETTLED_AS = {
    Answer.ACCEPTED: NoticeState.SENT,
    Answer.REFUSED: NoticeState.DEAD,
    Answer.UNKNOWN: NoticeState.UNCERTAIN,
}


def never() -> bool:
    """No hour is a quiet one."""
    return False


@dataclass(frozen=True, slots=True)
class Parts:
    """What the job works with. While it `is_quiet`, no mail is begun."""

    users: UserSource
    outbox: Outbox
    sender: Sender
    rule: ExpiryRule
    letterhead: Letterhead
    pace: Pace = field(default_factory=Pace)
    per_day: int | None = None
    """The most mails in any 24 hours, of all runs together."""
    copies: Copies = NO_COPIES
    is_quiet: Callable[[], bool] = never


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
    shard: Shard = ALL

    @property
    def is_over(self) -> bool:
        return self.draining.is_set() or self.lost.is_set()


class Delivery:
    """One run's deliveries, at most `most`; `only_put_off`: of those that failed before.

    To these `users` alone, if any are named.
    """

    def __init__(
        self,
        parts: Parts,
        ask: Ask,
        most: int,
        *,
        only_put_off: bool = False,
        users: tuple[str, ...] = (),
    ) -> None:
        self._parts = parts
        self._ask = ask
        self._wanted = Wanted(ask.token, most, only_put_off, parts.per_day, users)
        looking = Looking(parts.users, Judge(parts.rule, ask.now, parts.copies))
        self._lanes = parts.pace.lanes(parts.sender.at_a_time)
        self._gathering = Gathering(parts.outbox, looking, ask.log, self._lanes)
        self._settling = Settling(self._gathering, ask.log, self._stop)
        self._supply = Supply(self._gathering, self._wanted, self._lanes, self._settling.give_back)
        self._first: defaultdict[str | None, FirstAnswers[Held]] = defaultdict(FirstAnswers)
        self._stopped_by: BaseException | None = None
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
        lanes = [self._lane() for _ in range(await self._count_lanes())]
        try:
            # What happens in one lane never ends another one in the middle of a mail.
            ends = await asyncio.gather(*lanes, return_exceptions=True)
            await self._gathering.finish()
        finally:
            self._supply.close()
            await self._gathering.stop()
            await self._parts.sender.close()
        for error in (self._stopped_by, *ends, self._spoilt_by):
            if error is not None:
                raise error

    async def _count_lanes(self) -> int:
        """As many as the sender takes at a time, if there is something for each to do."""
        outbox, most = self._parts.outbox, min(self._lanes, self._wanted.most)
        if (per_day := self._parts.per_day) is not None:
            most = min(most, await asyncio.to_thread(outbox.left_of_the_day, per_day))
        only_put_off = self._wanted.only_put_off
        return await asyncio.to_thread(outbox.waiting, only_put_off=only_put_off, most=most)

    async def _lane(self) -> None:
        following: Held | None = None
        while not self._is_over():
            try:
                await self._parts.pace.turn(self._is_over)
                if following is None or not following.is_announced:
                    # Before the lease begins to run out: some servers take their time to greet.
                    await self._parts.sender.ready()
                held = await self._supply.take(following)
                if held is None:
                    return
                # A server that was told of it would wait for its turn.
                following = self._supply.reserve() if self._parts.pace.is_free else None
                await self._deliver(held, following)
            except CronfleetError as error:
                self._stop(error)

    def _is_over(self) -> bool:
        return self._stopped_by is not None or self._ask.is_over or self._parts.is_quiet()

    def _stop(self, error: BaseException) -> None:
        self._stopped_by = self._stopped_by or error

    async def _deliver(self, held: Held, following: Held | None) -> None:
        try:
            await self._try(held, following)
        except (OddValueError, MailTemplateError) as error:  # This notice's alone: others go on.
            self._spoilt_by = self._spoilt_by or error
            self._leave(held, str(error))
        except (CronfleetError, asyncio.CancelledError):
            self._settling.give_up(held)
            raise
        except BaseException as error:  # At once it would only break the next lane, too.
            self._leave(held, type(error).__name__)
            raise

    def _leave(self, held: Held, reason: str) -> None:
        """Leave a notice that cannot be sent: for later, unless it may have been."""
        if held.is_handed_off:
            self._settling.give_up(held)
        else:
            self._settling.put_off(held, reason)

    async def _try(self, held: Held, following: Held | None) -> None:
        match held.look:
            case DatabaseError() as error:
                raise error
            case str() as why_not:
                return self._settling.settle(held, NoticeState.CANCELLED, why_not)
            case user:
                pass
        if held.suppressed and self._parts.sender.reaches_people:
            return self._settling.settle(held, NoticeState.DEAD, f"{GONE}{held.suppressed}")
        try:
            mail = held.mail or self._mail(held, user)
        except BadAddressError as error:
            return self._settling.settle(held, NoticeState.DEAD, f"{BAD_ADDRESS}{error}")
        hand_off = _HandOff(self, held, user, following)
        result = await self._parts.sender.send(mail, hand_off, partial(self._announced, following))
        if result.is_gone:
            self._first[result.by].answered()
            return self._settling.suppress(held, mail.recipient, result.said)
        return self._record(held, result, hand_off)

    def _mail(self, held: Held, user: User) -> Mail:
        """Raises `BadAddressError`, `MailTemplateError`."""
        key = held.lease.key
        recipient = recipient_address(
            recipient_of(user, key), reaches_people=self._parts.sender.reaches_people
        )
        expiry = self._parts.rule.expiry(key, user)
        return self._parts.letterhead.write(
            held.lease.id, recipient, user, key, expiry, held.lease.created_at
        )

    def _announced(self, following: Held | None) -> Mail | None:
        """What will be sent next in this lane, so far as can be foreseen."""
        if following is None or self._is_over():
            return None
        return self._supply.announce(following)

    async def commit(
        self, held: Held, by: str | None, user: User, following: Held | None
    ) -> Written:
        """Commit that the mail may be accepted from now on, if the user is still the same."""
        committing = self._gathering.hand_off(held, by or self._parts.sender.name, user)
        self._write_ahead(following or self._supply.first_without_mail())
        return await committing

    def _write_ahead(self, held: Held | None) -> None:
        """The processor has nothing else to do while the disk is waited for."""
        if held and held.mail is None and isinstance(held.look, User):
            with suppress(BadAddressError, MailTemplateError):  # It is told of when its turn comes.
                held.mail = self._mail(held, held.look)

    def is_changed(self, held: Held, written: Written) -> None:
        """Instead of that, the notice was settled: the user has changed."""
        self._settling.count(held, written)

    def _record(self, held: Held, result: SendResult, hand_off: _HandOff) -> None:
        if result.answer is not Answer.REFUSED:
            self._first[result.by].answered()
        match result.answer:
            case Answer.NOT_WANTED:
                if hand_off.is_refused:
                    self._settling.put_off(held, "the sender took longer than the lease")
            case Answer.LATER:
                self._settling.put_off(held, result.said)
            case Answer.NOBODY:
                self._settling.rest(held, result.said)
                self._stop(self._unavailable(f"takes no mails for now: {result.said}"))
            case answer:
                self._settling.settle(held, _SETTLED_AS[answer], result.said)
        if result.answer is Answer.REFUSED:
            self._suspect(held, result)

    def _suspect(self, held: Held, result: SendResult) -> None:
        """The same refusal for each of the first: it is not the recipients who are refused."""
        innocent = self._first[result.by].refused(held, result.said)
        if not innocent:
            return
        sender, what = self._parts.sender, f"refused the first {FIRST} mails alike: {result.said}"
        has_others = isinstance(sender, SendersInOrder) and sender.pass_over(result.by, what)
        if not has_others:
            self._stop(self._unavailable(what))
        for each in innocent:
            self._settling.take_back(each, result.said, has_others=has_others)

    def _unavailable(self, what: str) -> SenderUnavailableError:
        return SenderUnavailableError(
            f"{self._parts.sender.describe()} {what}; what is not sent is tried again"
        )


class _HandOff:
    """Called by the sender just before a mail can be accepted; see `HandOff`."""

    def __init__(self, delivery: Delivery, held: Held, user: User, following: Held | None) -> None:
        self._delivery = delivery
        self._held = held
        self._user = user
        self._following = following
        self.is_refused = False

    async def __call__(self, by: str | None = None, /) -> bool:
        written = await self._delivery.commit(self._held, by, self._user, self._following)
        match written.to:
            case NoticeState.HANDOFF:
                self._held.hands_off()
            case None:
                self.is_refused = True
            case _:
                self._delivery.is_changed(self._held, written)
        return self._held.is_handed_off
