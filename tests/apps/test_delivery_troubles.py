"""What goes wrong beside the mail itself: databases, senders and instances that end."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SenderUnavailableError,
    SendResult,
    unknown,
)
from cronfleet.apps.password_expiry.care.keeping import Allowance, Keeper
from cronfleet.apps.password_expiry.databases.databases import DatabaseError, OddValueError
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.outbox import moves
from cronfleet.apps.password_expiry.outbox.moves import Move, PutOff, Rest, Settle
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import HANDOFF_LEASE, Exchanged, Lease
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.table import UserTable
from tests.apps.outboxes import let_pass, meddle
from tests.apps.worlds import LANES, LONG_AGO, Answers, OpenWorld, Recorder, World, ask, row

MINUTE = timedelta(minutes=1)


def rows(count: int) -> list[tuple[object, object, object, object]]:
    return [row(number) for number in range(1, count + 1)]


def fail_once(patch: pytest.MonkeyPatch, kind: type[Move], *, after_writing: bool) -> None:
    """The first write of that kind fails, or its answer is lost."""
    failures = iter([DatabaseError("database is locked")])

    def failing(carry_out: Callable[[], Exchanged]) -> Exchanged:
        answer = carry_out() if after_writing else None
        for failure in failures:
            raise failure
        return answer or carry_out()

    meddle(patch, kind, failing)


@pytest.mark.parametrize("after_writing", [False, True])
@pytest.mark.parametrize(
    ("answer", "kind", "state"),
    [
        (Answer.ACCEPTED, Settle, "SENT"),
        (Answer.REFUSED, Settle, "DEAD"),
        (Answer.LATER, PutOff, "PENDING"),
        (Answer.NOBODY, Rest, "PENDING"),
    ],
)
async def test_an_answer_is_written_although_the_database_is_busy_at_first(
    world_of: OpenWorld,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    kind: type[Move],
    state: str,
    *,
    after_writing: bool,
) -> None:
    these = world_of(row(1))
    fail_once(monkeypatch, kind, after_writing=after_writing)
    job = ExpiryJob(these.parts(Answers(SendResult(answer, "so"))), most=5, is_dry=False)
    await asyncio.gather(job.run(ask()), return_exceptions=True)
    assert these.states() == {"1": state}


async def test_a_run_that_drains_finishes_what_it_has_and_leases_no_more(
    world_of: OpenWorld,
) -> None:
    these, draining = world_of(*rows(20)), threading.Event()
    sender = Recorder(before=draining.set)
    job = ExpiryJob(these.parts(sender), most=500, is_dry=False)
    await job.run(replace(ask(), draining=draining))
    states = Counter(these.states().values())
    assert 1 <= states["SENT"] <= LANES
    assert states == {"SENT": len(sender.mails), "PENDING": 20 - len(sender.mails)}


async def test_a_run_that_is_lost_begins_nothing(world_of: OpenWorld) -> None:
    these, lost, sender = world_of(*rows(2)), threading.Event(), Recorder()
    await these.run(sender, dry=True)
    lost.set()
    await ExpiryJob(these.parts(sender), most=500, is_dry=False).run(replace(ask(), lost=lost))
    assert (sender.mails, set(these.states().values())) == ([], {"PENDING"})


async def test_a_value_that_a_database_cannot_take_puts_that_notice_off_alone(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    these, sender, find = world_of(*rows(6)), Recorder(), UserTable.find

    def odd(users: UserTable, keys: Sequence[str]) -> dict[str, User]:
        if "2" in keys:
            raise OddValueError("too large for an integer")
        return find(users, keys)

    monkeypatch.setattr(UserTable, "find", odd)
    with pytest.raises(OddValueError, match="too large"):
        await these.run(sender)
    assert Counter(these.states().values()) == {"SENT": 5, "PENDING": 1}
    assert these.reason("2") == "too large for an integer"


async def test_an_error_in_one_lane_ends_no_other_in_the_middle_of_a_mail(
    world_of: OpenWorld,
) -> None:
    these, failed = world_of(*rows(LANES)), asyncio.Event()

    class Breaks(Recorder):
        async def send(
            self, mail: Mail, hand_off: HandOff, following: Following = unknown
        ) -> SendResult:
            if mail.recipient == "user1@corp.test":
                failed.set()
                raise ZeroDivisionError
            assert await hand_off()
            await failed.wait()
            self.mails.append(mail)
            return SendResult(Answer.ACCEPTED)

    with pytest.raises(ZeroDivisionError):
        await these.run(Breaks())
    assert Counter(these.states().values()) == {"SENT": LANES - 1, "PENDING": 1}


async def test_a_sender_is_ready_before_anything_is_leased(world_of: OpenWorld) -> None:
    these = world_of(row(1))
    seen: list[object] = []

    class Slow(Recorder):
        async def ready(self) -> None:
            seen.append(these.states())

    await these.run(Slow())
    assert seen[0] == {"1": "PENDING"}


async def test_a_sender_that_never_gets_ready_leaves_the_notice_alone(world_of: OpenWorld) -> None:
    these = world_of(row(1))

    class Away(Recorder):
        async def ready(self) -> None:
            raise SenderUnavailableError("nobody there")

    with pytest.raises(SenderUnavailableError):
        await these.run(Away())
    assert [notice.attempt for notice in these.outbox.recent(1)] == [0]


async def test_with_nothing_to_send_no_sender_is_asked(world_of: OpenWorld) -> None:
    class Away(Recorder):
        async def ready(self) -> None:
            raise SenderUnavailableError("nobody there")

    await world_of().run(Away())


async def test_a_lease_that_ran_out_before_the_hand_off_is_a_failure_with_its_reason(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    these, sender = world_of(row(1)), Recorder()

    def refuse(_: Callable[[], Exchanged]) -> Exchanged:
        return Exchanged([None], [])

    meddle(monkeypatch, moves.HandOff, refuse)
    await these.run(sender)
    assert (these.states(), sender.mails) == ({"1": "PENDING"}, [])
    assert any("took longer than the lease" in line for line in caplog.messages)
    assert these.outbox.waiting() == 0
    let_pass(these.outbox, MINUTE)
    assert these.outbox.waiting(only_put_off=True) == 1


async def test_what_another_run_holds_is_counted_as_waiting(world_of: OpenWorld) -> None:
    these = world_of(row(1))
    await these.run(Recorder(), dry=True)
    assert isinstance(these.outbox.lease(token=8), Lease)
    assert (await these.run(Recorder())).waiting == 1


# --- what was put off


async def test_what_was_put_off_is_sent_a_minute_later_and_what_is_new_is_not(
    world_of: OpenWorld,
) -> None:
    these = world_of(*rows(2))
    await these.run(Answers(SendResult(Answer.LATER, "451 not now")), most=1)
    sender = Recorder()
    assert await these.run_put_off(sender) is None
    let_pass(these.outbox, MINUTE)
    report = await these.run_put_off(sender)
    assert report
    assert (report.settled, len(sender.mails)) == ({NoticeState.SENT: 1}, 1)
    assert Counter(these.states().values()) == {"SENT": 1, "PENDING": 1}


async def put_off_and_crashed(these: World) -> None:
    """Of two notices that were put off, one was handed off and one leased when the instance died."""
    await these.run(Answers(SendResult(Answer.LATER, "451 not now")))
    let_pass(these.outbox, MINUTE)
    handed_off = these.outbox.lease(token=8)
    assert handed_off
    these.outbox.hand_off(handed_off, "smtp")
    assert these.outbox.lease(token=8)
    let_pass(these.outbox, HANDOFF_LEASE + MINUTE)


async def test_what_a_crash_left_is_parked_or_tried_again_before_the_next_main_run(
    world_of: OpenWorld,
) -> None:
    these, sender = world_of(*rows(2)), Recorder()
    await put_off_and_crashed(these)
    await these.run_put_off(sender)
    assert Counter(these.states().values()) == {"UNCERTAIN": 1, "SENT": 1}
    assert len(sender.mails) == 1


@pytest.mark.parametrize("quiet", [False, True])
async def test_what_a_crash_left_is_put_right_also_while_nothing_is_sent(
    world_of: OpenWorld, *, quiet: bool
) -> None:
    these, sender = world_of(*rows(2)), Recorder()
    await put_off_and_crashed(these)
    parts = replace(these.parts(sender), is_quiet=lambda: quiet)
    await ExpiryJob(parts, most=500, is_dry=not quiet).run_put_off(ask())
    assert Counter(these.states().values()) == {"UNCERTAIN": 1, "PENDING": 1}
    assert sender.mails == []


async def test_who_is_forgotten_after_a_crash_is_not_taken_for_one_being_mailed(
    world_of: OpenWorld,
) -> None:
    these = world_of(*rows(2))
    await put_off_and_crashed(these)
    keeper = Keeper(these.outbox, Allowance(needs_approval=False, dry_run=None))
    assert [keeper.forget(user).under_way for user in ("1", "2")] == [0, 0]
    assert list(these.states()) == [""]


async def test_dry_nothing_that_was_put_off_is_sent(world_of: OpenWorld) -> None:
    these, sender = world_of(row(1)), Recorder()
    await these.run(Answers(SendResult(Answer.LATER, "451 not now")))
    let_pass(these.outbox, MINUTE)
    assert await these.run_put_off(sender, dry=True) is None


# --- who is refused: the recipients, or we


async def test_the_same_refusal_for_the_first_five_stops_the_run_and_blames_nobody(
    world_of: OpenWorld,
) -> None:
    these = world_of(*rows(20))
    sender = Answers(SendResult(Answer.REFUSED, "554 5.7.1 relaying denied"))
    with pytest.raises(SenderUnavailableError, match=r"the first 5 mails alike: 554 5\.7\.1"):
        await these.run(sender)
    assert set(these.states().values()) == {"PENDING"}  # Those that were under way besides, too.
    assert len(sender.mails) < 5 + LANES
    assert these.outbox.waiting(most=99) == 20 - len(sender.mails)


async def test_a_server_that_refuses_all_for_days_costs_no_notice_anything(
    world_of: OpenWorld,
) -> None:
    these = world_of(*rows(8))
    for _ in range(7):
        with pytest.raises(SenderUnavailableError, match="the first 5 mails alike"):
            await these.run(Answers(SendResult(Answer.REFUSED, "554 5.7.1 your IP is blocked")))
        assert these.outbox.waiting(only_put_off=True) == 0  # A few by themselves would be dead.
        let_pass(these.outbox, timedelta(hours=6))
    assert set(these.states().values()) == {"PENDING"}
    await these.run(Recorder())
    assert set(these.states().values()) == {"SENT"}


async def test_an_answer_of_the_servers_own_trouble_stops_the_run_and_costs_no_notice_anything(
    world_of: OpenWorld,
) -> None:
    these = world_of(*rows(20))
    sender = Answers(SendResult(Answer.NOBODY, "550 5.4.5 daily limit exceeded"))
    with pytest.raises(SenderUnavailableError, match=r"takes no mails for now: 550 5\.4\.5"):
        await these.run(sender)
    assert len(sender.mails) <= LANES
    assert set(these.states().values()) == {"PENDING"}
    let_pass(these.outbox, timedelta(minutes=15))
    assert these.outbox.waiting(most=99) == 20
    assert these.outbox.waiting(only_put_off=True) == 0


# --- mailboxes and people


class Box(Recorder):
    """A sender that reaches nobody."""

    name = "mailbox"
    reaches_people = False


async def test_what_only_the_mailbox_took_is_sent_when_mails_reach_people_and_then_never_again(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    these, box, real = world_of(*rows(3)), Box(), Recorder()
    await these.run(box)
    await these.run(box)
    assert len(box.mails) == these.outbox.only_in_mailbox() == 3
    for _ in range(2):
        await these.run(real)
    await these.run(box)
    assert (len(real.mails), len(box.mails), these.outbox.only_in_mailbox()) == (3, 3, 0)
    assert "3 notices are to be sent: only the mailbox had them" in caplog.messages


async def test_who_has_another_address_after_a_bad_one_is_mailed(world_of: OpenWorld) -> None:
    these, sender = world_of((1, "nobody", "Anna", LONG_AGO)), Recorder()
    await these.run(sender)
    these.execute("UPDATE users SET email = 'nobody at all'")
    assert (await these.run(sender)).made == 0
    assert these.states() == {"1": "DEAD"}
    these.execute("UPDATE users SET email = 'anna@corp.test'")
    assert (await these.run(sender)).made == 1
    assert sender.recipients == ["anna@corp.test"]


@pytest.mark.parametrize("domain", ["example.com", "a.example.org", "EXAMPLE.net", "my.example"])
async def test_no_address_for_examples_is_handed_to_a_sender_that_reaches_people(
    world_of: OpenWorld, domain: str
) -> None:
    these, sender, box = world_of((1, f"anna@{domain}", "Anna", LONG_AGO)), Recorder(), Box()
    await these.run(sender)
    report = await these.run(sender)
    assert (sender.mails, report.made, these.states()) == ([], 0, {"1": "DEAD"})
    assert these.reason("1") == "bad_address: its domain is one for examples, where nobody lives"
    await these.run(box)
    assert len(box.mails) == 1


async def test_what_is_told_of_a_cancelled_notice_is_true(world_of: OpenWorld) -> None:
    these = world_of(*rows(3))
    await these.run(Recorder(), dry=True)
    these.execute("DELETE FROM users WHERE id = 1")
    these.execute("UPDATE users SET password_changed_at = 'soon' WHERE id = 2")
    these.execute("UPDATE users SET password_changed_at = '2026-03-31' WHERE id = 3")
    await these.run(Recorder())
    assert [these.reason(user) for user in "123"] == [
        "no user has this id any more",
        "its date cannot be read",
        "no longer due",
    ]
