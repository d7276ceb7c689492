"""Many lanes, one commit: what is gathered, and what a crash at any moment would leave behind."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from cronfleet.apps.mailing.sending import Following, HandOff, Mail, SendResult, unknown
from cronfleet.apps.password_expiry.databases.databases import DatabaseError, OddValueError
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.outbox import moves
from cronfleet.apps.password_expiry.outbox.moves import Settle, Write
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import LEASE, Exchanged, Wanted
from cronfleet.apps.password_expiry.sending.gathering import Gathering
from cronfleet.apps.password_expiry.sending.looking import Looking
from cronfleet.apps.password_expiry.sending.requests import Held
from cronfleet.apps.password_expiry.sending.settling import Settling
from cronfleet.apps.password_expiry.sending.supply import Supply
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.apps.password_expiry.users.policy import User
from tests.apps.outboxes import let_pass, meddle
from tests.apps.worlds import NOW, OpenWorld, Recorder, World, ask, row

MANY = 60
SENT = Settle(NoticeState.SENT, "250 yes")
GIVEN_BACK = Settle(NoticeState.PENDING)


class Wide(Recorder):
    """A sender on ten connections."""

    at_a_time = 10


def of(world_of: OpenWorld, users: int) -> World:
    return world_of(*(row(number) for number in range(1, users + 1)))


def gathering(world: World) -> Gathering:
    looking = Looking(world.users, Judge(world.parts(Recorder()).rule, NOW))
    return Gathering(world.outbox, looking, ask().log, Wide.at_a_time)


async def noted(world: World) -> None:
    """All notices are made, and none is sent."""
    await world.run(Recorder(), dry=True)


def user_of(held: Held) -> User:
    assert isinstance(held.look, User)
    return held.look


def after_each(patch: pytest.MonkeyPatch, look: Callable[[Sequence[Write]], object]) -> None:
    """Look at what was written with each commit, just after it."""
    exchange = Outbox.exchange

    def watched(outbox: Outbox, writes: Sequence[Write], wanted: Wanted | None = None) -> Exchanged:
        exchanged = exchange(outbox, writes, wanted)
        look(writes)
        return exchanged

    patch.setattr(Outbox, "exchange", watched)


async def test_whatever_is_asked_while_a_commit_is_under_way_is_in_the_next_one_together(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these = of(world_of, 6)
    await noted(these)
    asked = gathering(these)
    first, *others = await asked.lease(Wanted(7, 6))
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    commits: list[int] = []

    def slow(carry_out: Callable[[], Exchanged]) -> Exchanged:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        return carry_out()

    after_each(monkeypatch, lambda writes: commits.append(len(writes)))
    meddle(monkeypatch, moves.HandOff, slow)
    handing_off = asked.hand_off(first, "smtp", user_of(first))
    await begun.wait()
    answers = [asked.write(first, SENT), *(asked.write(each, GIVEN_BACK) for each in others)]
    go_on.set()
    await asyncio.gather(handing_off, *answers)
    assert commits == [1, 6]
    assert Counter(these.states().values()) == {"SENT": 1, "PENDING": 5}


async def test_at_each_commit_there_are_no_more_mails_handed_off_than_connections(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what a crash parks: the ends of all mails before are on record."""
    these, sender = of(world_of, MANY), Wide()
    handed_off: list[int] = []
    after_each(
        monkeypatch,
        lambda _: handed_off.append(these.outbox.counts()[NoticeState.HANDOFF]),
    )
    await these.run(sender)
    assert (len(sender.mails), set(these.states().values())) == (MANY, {"SENT"})
    assert 1 < max(handed_off) <= Wide.at_a_time


async def test_many_mails_share_their_commits(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these, sender = of(world_of, MANY), Wide()
    commits: list[int] = []
    after_each(monkeypatch, lambda writes: commits.append(len(writes)))
    await these.run(sender)
    assert sum(commits) == 2 * MANY
    assert len(commits) < MANY


async def test_no_mail_leaves_before_its_hand_off_is_on_record(world_of: OpenWorld) -> None:
    these = of(world_of, MANY)
    stand: list[str] = []

    class Watched(Wide):
        async def send(
            self, mail: Mail, hand_off: HandOff, following: Following = unknown
        ) -> SendResult:
            result = await super().send(mail, hand_off, following)
            (user,) = [user for user in these.states() if f"user{user}@" in mail.recipient]
            stand.append(these.states()[user])
            return result

    await these.run(Watched())
    assert stand == ["HANDOFF"] * MANY


async def test_who_has_changed_is_left_out_of_a_hand_off_and_the_others_are_not(
    world_of: OpenWorld,
) -> None:
    these = of(world_of, 10)
    sender = Wide(before=lambda: these.execute("DELETE FROM users WHERE id = 3"))
    await these.run(sender)
    assert these.states() == {str(n): "CANCELLED" if n == 3 else "SENT" for n in range(1, 11)}
    assert len(sender.mails) == 9


async def test_of_a_hand_off_that_was_not_confirmed_no_mail_leaves(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these, sender = of(world_of, MANY), Wide()

    def unconfirmed(carry_out: Callable[[], Exchanged]) -> Exchanged:
        carry_out()
        raise DatabaseError("the connection was lost")

    meddle(monkeypatch, moves.HandOff, unconfirmed)
    with pytest.raises(DatabaseError):
        await these.run(sender)
    let_pass(these.outbox, 2 * LEASE)  # Of what was leased with it, nobody was told.
    these.outbox.reap()
    assert (sender.mails, set(these.states().values())) == ([], {"PENDING"})


async def test_a_value_that_the_database_cannot_take_is_one_notices_alone(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these = of(world_of, 3)
    await noted(these)
    asked = gathering(these)
    notices = await asked.lease(Wanted(7, 3))
    exchange = Outbox.exchange

    def odd(outbox: Outbox, writes: Sequence[Write], wanted: Wanted | None = None) -> Exchanged:
        if any(write.move.reason == "odd" for write in writes):
            raise OddValueError("no such letter in this database")
        return exchange(outbox, writes, wanted)

    monkeypatch.setattr(Outbox, "exchange", odd)
    answers = [
        asked.write(held, replace(GIVEN_BACK, reason=reason))
        for held, reason in zip(notices, ("fine", "odd", "fine"), strict=True)
    ]
    ends = await asyncio.gather(*answers, return_exceptions=True)
    assert [isinstance(end, OddValueError) for end in ends] == [False, True, False]
    assert Counter(these.states().values()) == {"PENDING": 2, "LEASED": 1}


# --- what is leased ahead


async def test_a_run_that_reaches_its_limit_leaves_nothing_leased(world_of: OpenWorld) -> None:
    these, sender = of(world_of, MANY), Wide()
    await these.run(sender, most=17)
    assert len(sender.mails) == 17
    assert Counter(these.states().values()) == {"SENT": 17, "PENDING": MANY - 17}


@pytest.mark.parametrize("ends", ["draining", "lost"])
async def test_a_run_that_is_over_gives_back_what_it_leased_ahead(
    world_of: OpenWorld, ends: str
) -> None:
    these, over = of(world_of, MANY), threading.Event()
    sender = Wide(before=over.set)
    job = ExpiryJob(these.parts(sender), most=500, is_dry=False)
    await job.run(replace(ask(), **{ends: over}))
    assert Counter(these.states().values()) == {
        "SENT": len(sender.mails),
        "PENDING": MANY - len(sender.mails),
    }
    assert these.outbox.waiting(most=MANY) == MANY - len(sender.mails)


async def test_a_run_that_is_cancelled_gives_back_whatever_it_holds(world_of: OpenWorld) -> None:
    these, begun = of(world_of, MANY), asyncio.Event()

    class Stuck(Wide):
        async def send(
            self, mail: Mail, hand_off: HandOff, following: Following = unknown
        ) -> SendResult:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

    running = asyncio.create_task(these.run(Stuck()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert set(these.states().values()) == {"PENDING"}


async def test_a_lease_that_got_old_while_no_lane_was_free_is_given_back_and_taken_anew(
    world_of: OpenWorld,
) -> None:
    these = of(world_of, 2)
    await noted(these)
    asked = gathering(these)
    settling = Settling(asked, ask().log, lambda _: None)
    supply = Supply(asked, Wanted(7, 500), 2, settling.give_back)
    assert await supply.take()
    (ahead,) = supply._ahead
    ahead.until -= 60
    taken = await supply.take()
    assert taken
    assert (taken.lease.id, taken.lease.attempt) == (ahead.lease.id, 2)
    assert settling.counted == {}


async def test_what_is_given_back_is_due_at_once_though_nothing_else_is(
    world_of: OpenWorld,
) -> None:
    """A run that ended then would leave it to the next one, which may come a day later."""
    these = of(world_of, 2)
    await noted(these)
    asked = gathering(these)
    supply = Supply(asked, Wanted(7, 500), 2, Settling(asked, ask().log, lambda _: None).give_back)
    assert await supply.take()
    while supply._leasing:
        await supply._leasing
    (ahead,) = supply._ahead
    ahead.until -= 60
    taken = await supply.take()
    assert taken
    assert taken.lease.id == ahead.lease.id
