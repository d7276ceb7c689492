"""The summary, from the outbox to the administrators, on a scheduler that remembers it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.mailing.sending import (
    Following,
    HandOff,
    Mail,
    SenderUnavailableError,
    SendResult,
    unknown,
)
from cronfleet.apps.password_expiry import PasswordExpiry, register
from cronfleet.apps.password_expiry.app import JOB
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.mails.summarising import SUMMARY_JOB
from cronfleet.apps.password_expiry.outbox import changes
from cronfleet.apps.password_expiry.outbox.changes import changed_since
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from cronfleet.config import load_settings
from tests.apps.outboxes import ANNA, BEN, OneByOne, let_pass, open_outbox
from tests.apps.worlds import Recorder, make_users, row


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUMMARY_TO", "it@example.com,boss@example.com")


@asynccontextmanager
async def at_work() -> AsyncGenerator[tuple[Scheduler, PasswordExpiry]]:
    scheduler = Scheduler("sqlite:///store.db", program="password-expiry")
    application = register(scheduler, load_settings())
    try:
        async with scheduler:
            yield scheduler, application
    finally:
        await application.close()


async def run(scheduler: Scheduler, job: str) -> str:
    """A run of the job; how it ended."""
    await scheduler.trigger(job)
    while not (newest := (await scheduler.runs(job))[0]).ended_at:
        # Yielding alone would leave the job's threads no processor under coverage.
        await asyncio.to_thread(threading.Event().wait, 0.02)
    return str(newest.outcome)


async def settle(application: PasswordExpiry) -> None:
    """What was written just now is older than what is told of."""
    assert application._parts is not None
    await asyncio.to_thread(let_pass, application._parts.outbox, timedelta(minutes=2))


def summaries() -> list[EmailMessage]:
    found = sorted(Path("var/mailbox").glob("summary-*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=SMTP) for file in found]


async def test_what_a_run_did_is_told_to_each_once() -> None:
    async with at_work() as (scheduler, application):
        assert await run(scheduler, JOB) == "succeeded"
        await settle(application)
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
    told = summaries()
    assert sorted(str(mail["To"]) for mail in told) == ["boss@example.com", "it@example.com"]
    assert {str(mail["Subject"]) for mail in told} == {"Password expiry: 40 sent"}
    (table,) = told[0].iter_attachments()
    assert table.get_content().count("SENT") == 40


async def test_what_was_told_is_remembered_by_the_next_instance() -> None:
    async with at_work() as (scheduler, application):
        await run(scheduler, JOB)
        await settle(application)
        await run(scheduler, SUMMARY_JOB)
    async with at_work() as (scheduler, _):
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
    assert len(summaries()) == 2


async def test_where_nothing_has_changed_nobody_is_told() -> None:
    async with at_work() as (scheduler, _):
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
    assert summaries() == []


async def test_with_users_of_ones_own_it_leaves_as_their_mails_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a database of users, these are no made-up ones."""
    monkeypatch.setenv("MAIL_SENDER", "smtp")
    monkeypatch.setenv("EMAIL_FROM", "it@example.com")
    monkeypatch.setenv("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    make_users(Path("staff.db"), [])
    users = UserTable(Database("sqlite:///staff.db", "STAFF", writes=False), UserColumns())
    scheduler = Scheduler("sqlite:///store.db", program="password-expiry")
    application = register(scheduler, load_settings(), users)
    assert application.tells_summaries
    assert not application.uses_sample
    await application.close()


async def test_a_summary_that_nobody_took_is_told_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with at_work() as (scheduler, application):
        await run(scheduler, JOB)
        await settle(application)
        folder = tmp_path / "var" / "mailbox"
        folder.rename(tmp_path / "away")
        folder.write_text("no folder")
        assert await run(scheduler, SUMMARY_JOB) == "failed"
        folder.unlink()
        (tmp_path / "away").rename(folder)
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
    assert len(summaries()) == 2


class First(Recorder):
    """A sender that goes away after so many mails."""

    def __init__(self, taken: int) -> None:
        super().__init__()
        self._taken = taken

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        if len(self.mails) == self._taken:
            raise SenderUnavailableError("the mail server has gone away")
        return await super().send(mail, hand_off, following)


@pytest.mark.parametrize(("taken", "ended"), [(0, "failed"), (1, "succeeded")])
async def test_a_summary_that_one_has_got_is_not_told_again(taken: int, ended: str) -> None:
    async with at_work() as (scheduler, application):
        await run(scheduler, JOB)
        await settle(application)
        assert application._summarising is not None
        application._summarising._sender = sender = First(taken)
        assert await run(scheduler, SUMMARY_JOB) == ended
        assert len(sender.mails) == taken
        application._summarising._sender = sender = Recorder()
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
        assert len(sender.mails) == (0 if taken else 2)


@pytest.mark.parametrize("dry_run", ["true", ""])
async def test_a_summary_says_what_keeps_mails_back_and_what_ends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dry_run: str
) -> None:
    make_users(tmp_path / "staff.db", map(row, range(1, 101)))
    monkeypatch.setenv("USERS_DATABASE_URL", "sqlite:///staff.db")
    monkeypatch.setenv("MAIL_SENDER", "smtp")
    monkeypatch.setenv("EMAIL_FROM", "it@example.com")
    monkeypatch.setenv("DRY_RUN", dry_run)
    async with at_work() as (scheduler, application):
        assert await run(scheduler, JOB) == "succeeded"
        await settle(application)
        assert application._summarising is not None
        application._summarising._sender = sender = Recorder()
        assert await run(scheduler, SUMMARY_JOB) == "succeeded"
    mail = message_from_bytes(sender.mails[0].content, policy=SMTP)
    assert str(mail["Subject"]).startswith("Password expiry: held, ")
    body = mail.get_body()
    assert body is not None
    text = body.get_content()
    assert "HELD, nothing is sent: 100 new notices at once" in text
    until = "DRY_RUN is removed or false" if dry_run else "somebody approves"
    assert f"none is sent until {until}" in text


def test_without_an_administrator_there_is_no_such_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUMMARY_TO")
    assert not register(Scheduler("memory:"), load_settings()).tells_summaries


def test_an_administrator_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMMARY_TO", "it@example.com,it\\nBcc: x@example.com")
    with pytest.raises(ConfigurationError, match=r"^SUMMARY_TO "):
        register(Scheduler("memory:"), load_settings())


@pytest.fixture
def outbox(tmp_path: Path) -> Generator[OneByOne]:
    with open_outbox(tmp_path / "notices.db") as opened:
        yield opened


def test_it_tells_of_what_lies_in_between_the_worst_first(
    outbox: OneByOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.add([ANNA, BEN])
    for token, state in enumerate((NoticeState.DEAD, NoticeState.SENT)):
        lease = outbox.lease(token)
        assert lease is not None
        outbox.hand_off(lease, "smtp")
        outbox.settle(lease, state, "550 no such user" if state is NoticeState.DEAD else "")
    assert changed_since(outbox.database, None).total == 0
    let_pass(outbox, timedelta(hours=1))
    found = changed_since(outbox.database, None)
    assert found.counts == {NoticeState.DEAD: 1, NoticeState.SENT: 1}
    assert [row.state for row in found.rows] == [NoticeState.DEAD, NoticeState.SENT]
    assert [(each.reason, each.count) for each in found.failures] == [("550 no such user", 1)]
    assert changed_since(outbox.database, found.until).total == 0
    monkeypatch.setattr(changes, "MOST_ROWS", 1)
    assert changed_since(outbox.database, None).left_out == 1


def test_a_clock_that_was_set_back_loses_nothing_and_repeats_nothing_for_ever(
    outbox: OneByOne,
) -> None:
    found = changed_since(outbox.database, 2**62)
    assert (found.since, found.total) == (found.until, 0)
