from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path

import pytest

from cronfleet.apps.mailing.sending import SenderUnavailableError
from cronfleet.apps.mailing.smtp import SmtpSender, SmtpTimes
from cronfleet.apps.password_expiry.databases.databases import DatabaseError
from cronfleet.apps.password_expiry.outbox.moves import HandOff
from cronfleet.apps.password_expiry.outbox.values import HANDOFF_LEASE, LEASE, Exchanged
from tests.apps.mail_server import DROP, QUICK, SILENCE, MailServer, mail_server
from tests.apps.outboxes import let_pass, meddle
from tests.apps.worlds import World, make_users, row, world

A_DAY = timedelta(days=1)


@pytest.fixture
def one(tmp_path: Path) -> Generator[World]:
    """A world with one user who is due."""
    make_users(tmp_path / "users.db", [row(1)])
    with world(tmp_path / "users.db") as one:
        yield one


async def run(world: World, server: MailServer, times: SmtpTimes = QUICK) -> None:
    await world.run(SmtpSender(server.client(times)))


async def test_every_user_gets_one_mail_however_often_it_runs(
    tmp_path: Path, server: MailServer
) -> None:
    make_users(tmp_path / "users.db", [row(number) for number in range(1, 13)])
    with world(tmp_path / "users.db") as many:
        for _ in range(3):
            await run(many, server)
    assert server.recipients == sorted(f"user{number}@corp.test" for number in range(1, 13))


async def test_every_user_gets_one_mail_where_the_next_is_announced_with_each(
    tmp_path: Path, server: MailServer
) -> None:
    server.pipelines = True
    make_users(tmp_path / "users.db", [row(number) for number in range(1, 41)])
    with world(tmp_path / "users.db") as many:
        await run(many, server)
    assert server.recipients == sorted(f"user{number}@corp.test" for number in range(1, 41))
    assert server.connections == server.client().connections


async def test_what_was_announced_and_not_sent_is_pending_again(
    tmp_path: Path, server: MailServer
) -> None:
    """Only the mail whose dot has no answer is uncertain."""
    server.pipelines = True
    make_users(tmp_path / "users.db", [row(number) for number in range(1, 41)])
    with world(tmp_path / "users.db") as many:
        await cancelled_at(many, server, "DOT")
        counts = Counter(many.states().values())
    assert counts["UNCERTAIN"] in range(1, server.client().connections + 1)
    assert set(counts) <= {"UNCERTAIN", "PENDING", "SENT"}
    assert counts["UNCERTAIN"] + counts["SENT"] >= len(server.mails)


@pytest.mark.parametrize(
    ("stage", "act", "state"),
    [
        ("MAIL", "451 not now", "PENDING"),
        ("RCPT", "451 not now", "PENDING"),
        ("RCPT", DROP, "PENDING"),
        ("DATA", DROP, "PENDING"),
        ("354", DROP, "PENDING"),
        ("RCPT", "550 no such user", "DEAD"),
        ("DATA", "554 no", "DEAD"),
        ("DOT", "451 not now", "PENDING"),
        ("DOT", "552 too big", "DEAD"),
        ("DOT", DROP, "UNCERTAIN"),
        ("DOT", "250 OK", "SENT"),
    ],
)
async def test_each_failure_ends_in_its_state(
    one: World, server: MailServer, stage: str, act: str, state: str
) -> None:
    server.at(stage, act)
    await run(one, server)
    assert one.states() == {"1": state}


@pytest.mark.parametrize(
    ("stage", "state"), [("RCPT", "PENDING"), ("354", "PENDING"), ("DOT", "UNCERTAIN")]
)
async def test_silence_ends_in_its_state(
    one: World, server: MailServer, stage: str, state: str
) -> None:
    server.at(stage, SILENCE)
    await run(one, server, SmtpTimes(command_s=0.3, after_dot_s=0.2))
    assert one.states() == {"1": state}


@pytest.mark.parametrize(("stage", "act"), [("RCPT", "451 x"), ("354", DROP), ("DOT", "451 x")])
async def test_what_was_put_off_is_sent_when_its_time_has_come(
    one: World, server: MailServer, stage: str, act: str
) -> None:
    server.at(stage, act)
    await run(one, server)
    server.mails.clear()  # One that was answered with a 451 was not taken.
    await run(one, server)
    assert server.mails == []
    let_pass(one.outbox, timedelta(minutes=1))
    await run(one, server)
    assert (len(server.mails), one.states()) == (1, {"1": "SENT"})


@pytest.mark.parametrize("act", [DROP, "550 no", "250 OK"])
async def test_what_was_accepted_or_may_have_been_is_never_sent_again(
    one: World, server: MailServer, act: str
) -> None:
    server.at("DOT", act)
    for _ in range(3):
        await run(one, server)
        let_pass(one.outbox, 3 * A_DAY)
    assert len(server.mails) == 1


async def test_a_wrong_password_loses_nothing(one: World, server: MailServer) -> None:
    with pytest.raises(SenderUnavailableError, match="EMAIL_PASSWORD"):
        await one.run(SmtpSender(server.client(password="wrong")))
    assert one.states() == {"1": "PENDING"}
    await run(one, server)
    assert one.states() == {"1": "SENT"}


async def test_a_server_that_is_away_for_days_loses_nothing(one: World, server: MailServer) -> None:
    async with mail_server() as gone:
        away = gone.client()
    for _ in range(3):
        with pytest.raises(SenderUnavailableError):
            await one.run(SmtpSender(away))
        let_pass(one.outbox, A_DAY)
    await run(one, server)
    assert one.states() == {"1": "SENT"}


async def test_a_server_that_ends_the_run_spoils_no_mail_under_way(
    tmp_path: Path, server: MailServer
) -> None:
    """One lane's login fails while the others are in the middle of a mail."""
    make_users(tmp_path / "users.db", [row(number) for number in range(1, 9)])
    server.at("MAIL", "550 not yours")
    with world(tmp_path / "users.db") as many:
        with pytest.raises(SenderUnavailableError):
            await run(many, server)
        states = many.states()
    assert sorted(set(states.values())) in (["PENDING"], ["PENDING", "SENT"])
    assert list(states.values()).count("SENT") == len(server.mails)


async def cancelled_at(one: World, server: MailServer, stage: str) -> None:
    """A run that is cancelled while the server is silent at that stage."""
    reached = asyncio.Event()
    server.at(stage, SILENCE)
    answer = server.answer

    async def watched(at: str, *rest: object) -> str:
        if at == stage:
            reached.set()
        return await answer(at, *rest)  # pyright: ignore[reportArgumentType] - passed on as it came

    server.__dict__["answer"] = watched
    running = asyncio.create_task(run(one, server))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "354"])
async def test_a_drain_before_the_dot_gives_the_notice_back(
    one: World, server: MailServer, stage: str
) -> None:
    await cancelled_at(one, server, stage)
    assert one.states() == {"1": "PENDING"}
    await run(one, server)
    assert one.states() == {"1": "SENT"}


async def test_a_drain_after_the_dot_leaves_it_uncertain(one: World, server: MailServer) -> None:
    await cancelled_at(one, server, "DOT")
    assert one.states() == {"1": "UNCERTAIN"}


async def test_a_crash_after_the_hand_off_leaves_it_uncertain(
    one: World, server: MailServer
) -> None:
    """A crash writes nothing: the notice stays as it was, until its lease has run out."""
    await one.run(SmtpSender(server.client()), dry=True)
    lease = one.outbox.lease(token=1)
    assert lease
    assert one.outbox.hand_off(lease, "smtp")
    let_pass(one.outbox, LEASE + timedelta(minutes=1))
    await run(one, server)
    assert one.states() == {"1": "HANDOFF"}
    let_pass(one.outbox, HANDOFF_LEASE)
    await run(one, server)
    assert (one.states(), server.mails) == ({"1": "UNCERTAIN"}, [])


async def test_a_crash_before_the_hand_off_is_made_good(one: World, server: MailServer) -> None:
    await one.run(SmtpSender(server.client()), dry=True)
    assert one.outbox.lease(token=1)
    let_pass(one.outbox, LEASE + timedelta(seconds=1))
    await run(one, server)
    assert (one.states(), len(server.mails)) == ({"1": "SENT"}, 1)


async def test_a_lease_that_ran_out_before_the_dot_sends_nothing(
    one: World, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run slept too long, and another one has the notice now."""

    def late(carry_out: Callable[[], Exchanged]) -> Exchanged:
        let_pass(one.outbox, LEASE + timedelta(seconds=1))
        one.outbox.reap()
        assert one.outbox.lease(token=8)
        return carry_out()

    meddle(monkeypatch, HandOff, late)
    await run(one, server)
    assert (one.states(), server.mails) == ({"1": "LEASED"}, [])


async def test_a_hand_off_whose_commit_was_not_confirmed_sends_nothing(
    one: World, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unconfirmed(carry_out: Callable[[], Exchanged]) -> Exchanged:
        carry_out()
        raise DatabaseError("the connection was lost", refuses=False)

    with monkeypatch.context() as broken:
        meddle(broken, HandOff, unconfirmed)
        with pytest.raises(DatabaseError):
            await run(one, server)
    assert (one.states(), server.mails) == ({"1": "PENDING"}, [])
    await run(one, server)
    assert len(server.mails) == 1
