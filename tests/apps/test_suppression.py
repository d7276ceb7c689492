"""Addresses where nobody lives: told once by a mail server, nothing else is sent there."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from contextlib import closing

import pytest

from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SendResult,
    unknown,
)
from cronfleet.apps.mailing.smtp import SmtpSender
from cronfleet.apps.password_expiry.outbox.suppression import fingerprint
from tests.apps.mail_server import MailServer
from tests.apps.worlds import LONG_AGO, OpenWorld, Recorder, Row, World

GONE = SendResult(Answer.REFUSED, "550 5.1.1 no such user", is_gone=True)
FULL = SendResult(Answer.REFUSED, "552 5.2.2 mailbox full")
ADDRESS = "Gone@corp.test"


class Refuses(Recorder):
    """A sender that refuses these, before or after the hand-off, and takes all others."""

    at_a_time = 1

    def __init__(
        self, result: SendResult, addresses: Iterable[str] = (ADDRESS,), *, hands_off: bool = False
    ) -> None:
        super().__init__()
        self.tried = 0
        self._result = result
        self._addresses = {address.lower() for address in addresses}
        self._hands_off = hands_off

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        self.tried += 1
        if mail.recipient.lower() not in self._addresses:
            return await super().send(mail, hand_off, following)
        if self._hands_off:
            assert await hand_off()
        return self._result


class Folder(Recorder):
    """A sender that reaches nobody."""

    name = "mailbox"
    reaches_people = False


def user(number: int, address: str = ADDRESS) -> Row:
    return number, address, f"User {number}", LONG_AGO


def again(world: World) -> None:
    """Everybody's password expires once more."""
    world.execute("UPDATE users SET password_changed_at = '2025-06-01'")


@pytest.mark.parametrize("hands_off", [False, True])
async def test_nothing_else_is_sent_where_nobody_lives(
    world_of: OpenWorld, *, hands_off: bool
) -> None:
    these = world_of(user(1))
    sender = Refuses(GONE, hands_off=hands_off)
    await these.run(sender)
    again(these)
    await these.run(sender)
    reasons = [notice.reason for notice in these.outbox.recent(9)]
    assert reasons == ["suppressed: 550 5.1.1 no such user"] * 2
    assert set(these.states().values()) == {"DEAD"}
    assert sender.tried == 1


@pytest.mark.parametrize("written", ["gone@CORP.test", "  GONE@corp.test "])
async def test_however_the_address_is_written_it_is_the_same(
    world_of: OpenWorld, written: str
) -> None:
    these, sender = world_of(user(1)), Refuses(GONE)
    await these.run(sender)
    these.execute("INSERT INTO users VALUES (2, ?, 'User 2', '2025-01-01')", (written,))
    await these.run(sender)
    assert (these.states()["2"], sender.tried) == ("DEAD", 1)


def test_a_domain_in_any_letters_is_the_same() -> None:
    assert fingerprint("x@bücher.test") == fingerprint("X@xn--bcher-kva.TEST")
    assert fingerprint("no address") is None


async def test_another_refusal_is_of_that_mail_alone(world_of: OpenWorld) -> None:
    these, sender = world_of(user(1)), Refuses(FULL)
    await these.run(sender)
    again(these)
    await these.run(sender)
    assert sender.tried == 2
    assert these.outbox.suppressed([ADDRESS]) == {}


async def test_while_it_stands_no_run_tries_again(world_of: OpenWorld) -> None:
    these, sender = world_of(user(1)), Refuses(GONE)
    for _ in range(3):
        await these.run(sender)
    assert (these.states(), sender.tried) == ({"1": "DEAD"}, 1)


async def test_a_new_address_is_sent_what_the_old_one_was_not(world_of: OpenWorld) -> None:
    these, sender = world_of(user(1)), Refuses(GONE)
    await these.run(sender)
    these.execute("UPDATE users SET email = 'anna@corp.test'")
    await these.run(sender)
    assert (these.states(), sender.recipients) == ({"1": "SENT"}, ["anna@corp.test"])


async def test_who_is_no_longer_suppressed_is_mailed_by_the_next_run(world_of: OpenWorld) -> None:
    these = world_of(user(1))
    await these.run(Refuses(GONE))
    assert these.outbox.unsuppress("GONE@corp.test")
    assert not these.outbox.unsuppress("GONE@corp.test")
    assert not these.outbox.unsuppress("no address")
    await these.run(sender := Recorder())
    assert (these.states(), len(sender.mails)) == ({"1": "SENT"}, 1)


async def test_the_mailbox_takes_them_all_the_same(world_of: OpenWorld) -> None:
    these = world_of(user(1))
    await these.run(Refuses(GONE))
    again(these)
    await these.run(sender := Folder())
    assert len(sender.mails) == 1


async def test_only_a_fingerprint_is_kept_and_no_address_is_logged(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "test.password_expiry")
    these = world_of(user(1))
    await these.run(Refuses(GONE))
    assert these.outbox.suppressed([ADDRESS]) == {ADDRESS: "550 5.1.1 no such user"}
    with closing(sqlite3.connect(these.file)) as connection:
        (kept,) = connection.execute("SELECT address, reason FROM password_suppressed")
    assert kept == (fingerprint(ADDRESS), "550 5.1.1 no such user")
    assert "corp.test" not in caplog.text


async def test_many_that_are_gone_are_no_fault_of_ours(world_of: OpenWorld) -> None:
    addresses = [f"gone{number}@corp.test" for number in range(12)]
    these = world_of(*(user(number, address) for number, address in enumerate(addresses)))
    await these.run(Refuses(GONE, addresses))
    assert set(these.states().values()) == {"DEAD"}
    assert len(these.outbox.suppressed(addresses)) == 12


@pytest.mark.parametrize(
    ("stage", "reply"), [("RCPT", "550 5.1.1 <Gone@corp.test> unknown"), ("DOT", "550 5.2.1 off")]
)
async def test_a_real_server_is_asked_once(
    world_of: OpenWorld, server: MailServer, stage: str, reply: str
) -> None:
    server.at(stage, reply)
    these = world_of(user(1))
    for _ in range(2):
        await these.run(SmtpSender(server.client()))
        again(these)
    assert {notice.state.value for notice in these.outbox.recent(9)} == {"DEAD"}
    assert "Gone" not in str(these.outbox.recent(9))
    assert len(server.mails) == (stage == "DOT")
