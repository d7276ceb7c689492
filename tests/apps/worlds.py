"""Users on a real database with their outbox, and runs of the job over them."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    Sender,
    SendResult,
    unknown,
)
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.sending.delivery import Ask, Parts
from cronfleet.apps.password_expiry.users.policy import ExpiryRule
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from tests.apps.outboxes import OneByOne

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
LONG_AGO = "2025-01-01"
LANES = 4

Row = tuple[object, object, object, object]
"""id, email, name, password_changed_at."""


OpenWorld = Callable[..., "World"]
"""Opens a world of the rows given; see the fixture `world_of`."""


def row(number: int, changed: object = LONG_AGO) -> Row:
    return number, f"user{number}@corp.test", f"User {number}", changed


class Recorder:
    """A sender that takes everything; `before` happens just before each hand-off."""

    name = "smtp"
    reaches_people = True
    at_a_time = LANES

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.mails: list[Mail] = []
        self._before = before

    def describe(self) -> str:
        return "a list"

    async def check(self) -> None:
        await self.ready()

    async def ready(self) -> None:
        pass

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        self._before()
        if not await hand_off():
            return SendResult(Answer.NOT_WANTED)
        self.mails.append(mail)
        return SendResult(Answer.ACCEPTED)

    async def close(self) -> None:
        pass

    @property
    def recipients(self) -> list[str]:
        return sorted(mail.recipient for mail in self.mails)


class Answers(Recorder):
    """A sender that answers so, the last answer again and again; by default after the hand-off."""

    def __init__(self, *answers: SendResult, hands_off: bool = True) -> None:
        super().__init__()
        self._answers = list(answers)
        self._hands_off = hands_off

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        if self._hands_off and not await hand_off():
            return SendResult(Answer.NOT_WANTED)
        self.mails.append(mail)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@dataclass
class World:
    """A users' database and its outbox, opened once. A run is one of this world."""

    file: Path
    users: UserTable
    outbox: OneByOne

    def execute(self, statement: str, values: Iterable[object] = ()) -> None:
        with closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
            connection.execute(statement, tuple(values))

    def parts(self, sender: Sender, days: int = 90) -> Parts:
        rule = ExpiryRule(timedelta(days=days))
        return Parts(self.users, self.outbox, sender, rule, Letterhead("it@example.com"))

    async def run(
        self, sender: Sender, *, days: int = 90, token: int = 7, most: int = 500, dry: bool = False
    ) -> RunReport:
        job = ExpiryJob(self.parts(sender, days), most=most, is_dry=dry)
        return await job.run(ask(token))

    async def run_put_off(self, sender: Sender, *, dry: bool = False) -> RunReport | None:
        """The run of the other job."""
        return await ExpiryJob(self.parts(sender), most=500, is_dry=dry).run_put_off(ask(token=9))

    def states(self) -> dict[str, str]:
        """Where each user's notice stands."""
        return {notice.key.user: notice.state.value for notice in self.outbox.recent(1000)}

    def reason(self, user: str) -> str:
        (reason,) = [n.reason for n in self.outbox.recent(1000) if n.key.user == user]
        return reason


def ask(token: int = 7, now: datetime = NOW) -> Ask:
    return Ask(token, now, logging.LoggerAdapter(logging.getLogger("test.password_expiry"), {}))


def make_users(file: Path, rows: Iterable[Row]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email, name, password_changed_at)"
        )
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)


@contextmanager
def world(file: Path) -> Generator[World]:
    """Over users that are there."""
    with world_at(f"sqlite:///{file}", file) as made:
        yield made


@contextmanager
def world_at(url: str, file: Path) -> Generator[World]:
    """Over users that are there, in any database."""
    users = UserTable(Database(url, "USERS_DATABASE_URL", writes=False), UserColumns())
    users.check()
    outbox = OneByOne(Database(url, "USERS_DATABASE_URL", writes=True))
    outbox.prepare()
    try:
        yield World(file, users, outbox)
    finally:
        users.database.close()
        outbox.database.close()
