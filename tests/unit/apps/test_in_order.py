"""Several senders in order: when the next one is asked, and when the first one is again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cronfleet.apps.mailing.in_order import REST_S, SendersInOrder
from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
    unknown,
)
from tests.apps.sending import HandOff as Asked
from tests.apps.sending import mail

AWAY = SenderUnavailableError("it is away")
REFUSED = SenderRefusedError("it refuses the login")


class Scripted:
    """A sender that does what it is told to: each an answer, before the hand-off or after it."""

    reaches_people = True

    def __init__(self, name: str, at_a_time: int = 3) -> None:
        self.name = name
        self.at_a_time = at_a_time
        self.trouble: SenderUnavailableError | None = None
        self.before: Answer | None = None
        self.after = Answer.ACCEPTED
        self.sent = 0
        self.closed = 0

    def describe(self) -> str:
        return f"the {self.name}"

    async def ready(self) -> None:
        if self.trouble:
            raise self.trouble

    async def check(self) -> None:
        await self.ready()

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        await self.ready()
        if self.before:
            return SendResult(self.before, "before")
        if not await hand_off():
            return SendResult(Answer.NOT_WANTED)
        self.sent += 1
        return SendResult(self.after, "after")

    async def close(self) -> None:
        self.closed += 1


class Order:
    """Two in order, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.first, self.second = Scripted("smtp"), Scripted("ses", at_a_time=2)
        self.both = SendersInOrder([self.first, self.second], lambda: self.now)
        self.hand_off = Asked()

    async def send(self) -> Answer:
        return (await self.both.send(mail(), self.hand_off)).answer

    @property
    def sent(self) -> Sequence[int]:
        return self.first.sent, self.second.sent


@pytest.fixture
def order() -> Order:
    return Order()


async def test_the_first_one_sends_as_long_as_it_can(order: Order) -> None:
    await order.both.ready()
    assert [await order.send() for _ in range(3)] == [Answer.ACCEPTED] * 3
    assert order.sent == (3, 0)
    assert order.hand_off.by == ["smtp"] * 3


@pytest.mark.parametrize("trouble", [AWAY, REFUSED])
async def test_one_that_is_away_is_passed_over_before_any_hand_off(
    order: Order, trouble: SenderUnavailableError, caplog: pytest.LogCaptureFixture
) -> None:
    order.first.trouble = trouble
    await order.both.ready()
    assert await order.send() is Answer.ACCEPTED
    assert (order.sent, order.hand_off.by) == ((0, 1), ["ses"])
    assert f"{trouble}; for 5 min the others are tried" in caplog.text


async def test_one_that_is_lost_between_ready_and_send_is_passed_over(order: Order) -> None:
    await order.both.ready()
    order.first.trouble = AWAY
    assert await order.send() is Answer.ACCEPTED
    assert order.sent == (0, 1)


async def test_a_refusal_of_all_mails_before_the_hand_off_lets_the_next_one_send_this(
    order: Order,
) -> None:
    order.first.before = Answer.NOBODY
    assert await order.send() is Answer.ACCEPTED
    assert (order.sent, order.hand_off.asked) == ((0, 1), 1)


async def test_after_the_hand_off_the_mail_waits_and_only_the_next_one_goes_by_another(
    order: Order,
) -> None:
    order.first.after = Answer.NOBODY
    assert await order.send() is Answer.LATER
    assert order.sent == (1, 0)
    assert await order.send() is Answer.ACCEPTED
    assert (order.sent, order.hand_off.by) == ((1, 1), ["smtp", "ses"])


@pytest.mark.parametrize("answer", [Answer.LATER, Answer.REFUSED, Answer.UNKNOWN, Answer.ACCEPTED])
async def test_what_is_said_of_one_mail_is_that_mails_and_no_reason_to_ask_another(
    order: Order, answer: Answer
) -> None:
    order.first.after = answer
    assert [await order.send(), await order.send()] == [answer, answer]
    assert order.sent == (2, 0)


async def test_what_is_not_wanted_any_more_is_offered_to_nobody_else(order: Order) -> None:
    order.hand_off = Asked(says=False)
    assert await order.send() is Answer.NOT_WANTED
    assert (order.hand_off.asked, order.sent) == (1, (0, 0))


async def test_trouble_after_a_hand_off_is_never_the_next_ones_chance(order: Order) -> None:
    class Late(Scripted):
        async def send(
            self, mail: Mail, hand_off: HandOff, following: Following = unknown
        ) -> SendResult:
            await hand_off()
            raise AWAY

    both = SendersInOrder([Late("smtp"), order.second])
    with pytest.raises(SenderUnavailableError):
        await both.send(mail(), order.hand_off)
    assert order.second.sent == 0


async def test_after_a_while_it_is_the_first_ones_turn_again(order: Order) -> None:
    order.first.trouble = AWAY
    await order.send()
    order.first.trouble = None
    order.now += REST_S - 1
    await order.send()
    assert order.sent == (0, 2)
    order.now += 1
    await order.send()
    assert order.sent == (1, 2)
    assert order.first.closed == 1  # What it remembers of its trouble is forgotten.


async def test_the_end_of_a_run_brings_nobody_back(order: Order) -> None:
    order.first.trouble = AWAY
    await order.send()
    order.first.trouble = None
    await order.both.close()
    await order.send()
    assert order.sent == (0, 2)


async def test_when_none_can_send_it_is_said_of_each(order: Order) -> None:
    order.first.trouble, order.second.trouble = AWAY, REFUSED
    with pytest.raises(SenderUnavailableError, match="it is away; it refuses the login") as told:
        await order.both.ready()
    assert not isinstance(told.value, SenderRefusedError)
    with pytest.raises(SenderUnavailableError):
        await order.send()
    assert order.hand_off.asked == 0


async def test_when_all_refuse_us_no_waiting_helps(order: Order) -> None:
    order.first.trouble = order.second.trouble = REFUSED
    with pytest.raises(SenderRefusedError):
        await order.both.check()


async def test_the_last_one_that_refuses_all_ends_the_run(order: Order) -> None:
    order.first.trouble, order.second.after = AWAY, Answer.NOBODY
    assert await order.send() is Answer.NOBODY
    order.second.before = Answer.NOBODY
    with pytest.raises(SenderUnavailableError, match="takes no mails for now: after"):
        await order.send()


async def test_no_one_gets_more_at_a_time_than_it_takes(order: Order) -> None:
    assert order.both.at_a_time == 2
    assert order.both.describe() == "the smtp, or else the ses"
