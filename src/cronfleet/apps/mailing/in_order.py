"""Several senders in order: what one cannot take goes by the next, as long as nothing was handed over.

One that cannot send is passed over for a while, and then it is its turn again. A mail that was
handed over has had its one sender, whatever became of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    Sender,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
    unknown,
)

REST_S = 5 * 60
"""How long one that could not send is passed over."""

log: logging.Logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """A sender, what was the matter with it last, and until when it is passed over for that."""

    sender: Sender
    until: float | None = None
    trouble: SenderUnavailableError | None = None
    under_way: int = 0


class SendersInOrder:
    """The first of several that can send. They are tried again after a while, the first one first."""

    reaches_people = True

    def __init__(
        self, senders: Sequence[Sender], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.senders = senders
        self._places = [_Place(sender) for sender in senders]
        self._clock = clock

    @property
    def name(self) -> str:
        """That of the first one: each says at the hand-off who it is."""
        return self.senders[0].name

    @property
    def at_a_time(self) -> int:
        """No more than any of them takes: all of them may have to."""
        return min(sender.at_a_time for sender in self.senders)

    def describe(self) -> str:
        return ", or else ".join(sender.describe() for sender in self.senders)

    async def ready(self) -> None:
        await self._first_able(lambda place: place.sender.ready())

    async def check(self) -> None:
        """Whether any of them could send now."""
        await self._first_able(lambda place: place.sender.check())

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        last: SendResult | None = None
        for place in await self._able():
            mark = _Mark(hand_off, place.sender.name)
            try:
                result = await self._sent(place, mail, mark, following)
            except SenderUnavailableError as error:
                if mark.was_asked:
                    raise
                self._pass_over(place, error)
                continue
            if result.answer is not Answer.NOBODY:
                return replace(result, by=place.sender.name)
            said = f"{place.sender.describe()} takes no mails for now: {result.said}"
            self._pass_over(place, SenderUnavailableError(said))
            if mark.was_asked:  # The others may have the next mail; this one had its sender.
                return SendResult(Answer.LATER, result.said) if self._has_others() else result
            last = result
        if last is not None:
            return last
        raise self._nobody()

    def pass_over(self, name: str | None, what: str) -> bool:
        """Leave the sender of that name alone for a while; whether there is another one to try."""
        for place in self._places:
            if place.sender.name == name:
                described = f"{place.sender.describe()} {what}"
                self._pass_over(place, SenderUnavailableError(described))
        return self._has_others()

    async def close(self) -> None:
        for place in self._places:
            await place.sender.close()

    async def _first_able(self, attempt: Callable[[_Place], Awaitable[None]]) -> None:
        for place in await self._able():
            try:
                return await attempt(place)
            except SenderUnavailableError as error:
                self._pass_over(place, error)
        raise self._nobody()

    async def _sent(
        self, place: _Place, mail: Mail, mark: _Mark, following: Following
    ) -> SendResult:
        place.under_way += 1
        try:
            return await place.sender.send(mail, mark, following)
        finally:
            place.under_way -= 1

    async def _able(self) -> list[_Place]:
        """Those that are not passed over at this moment, in their order."""
        now = self._clock()
        for place in self._places:
            if place.until is not None and place.until <= now:
                place.until = None
                if not place.under_way:  # So that it forgets its trouble.
                    await place.sender.close()
        return [place for place in self._places if place.until is None]

    def _pass_over(self, place: _Place, trouble: SenderUnavailableError) -> None:
        """Said once: the other lanes find the same."""
        if place.until is None:
            log.warning("%s; for %d min the others are tried", trouble, REST_S // 60)
        place.until, place.trouble = self._clock() + REST_S, trouble

    def _has_others(self) -> bool:
        return any(place.until is None for place in self._places)

    def _nobody(self) -> SenderUnavailableError:
        troubles = [place.trouble for place in self._places if place.trouble]
        are_refused = all(isinstance(trouble, SenderRefusedError) for trouble in troubles)
        kind = SenderRefusedError if are_refused else SenderUnavailableError
        return kind("; ".join(map(str, troubles)))


class _Mark:
    """A hand-off, for whom it was asked, and whether."""

    def __init__(self, hand_off: HandOff, name: str) -> None:
        self._hand_off = hand_off
        self._name = name
        self.was_asked = False

    async def __call__(self, by: str | None = None, /) -> bool:
        self.was_asked = True
        return await self._hand_off(by or self._name)


def each_of(sender: Sender) -> Sequence[Sender]:
    """Those that are in order, or the one that there is."""
    return sender.senders if isinstance(sender, SendersInOrder) else (sender,)
