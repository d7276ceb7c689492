"""Sends so many mails on so many connections, and tells in JSON how long that took.

    python -m benchmarks.mailing.worker cronfleet | script | ready PORT CONNECTIONS MAILS FOLDER

What comes before the first connection is not counted: users and notices are made, and for `ready`
the mails are written, too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiosmtplib import SMTP

from cronfleet.apps.mailing.addresses import recipient_address
from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.mailing.smtp import SmtpSender, SmtpServer
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.databases.files import private_file
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.sending.delivery import Ask, Delivery, Parts
from cronfleet.apps.password_expiry.users.policy import ExpiryRule
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable

HOST = "127.0.0.1"
LETTERHEAD = Letterhead("it@corp.test")
RULE = ExpiryRule(timedelta(days=90))
FILE = "users.db"
NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=1_000)
CREATE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, password_changed_at TEXT)"
)


@dataclass(frozen=True)
class Order:
    """Where, and how much."""

    port: int
    connections: int
    mails: int
    trust: ssl.SSLContext
    folder: Path


async def by_aiosmtplib(order: Order, mails: Iterator[Mail]) -> float:
    """Its own `sendmail`, on as many clients; the next mail is whoever's comes first."""
    began = time.perf_counter()
    await asyncio.gather(*(_send(order, mails) for _ in range(order.connections)))
    return time.perf_counter() - began


async def by_script(order: Order) -> float:
    """As a good script does it that keeps no outbox: a page of users, a mail of each row."""
    return await by_aiosmtplib(order, _mails_of(_users_in(order)))


async def with_ready_mails(order: Order) -> float:
    """With nothing to do but to send."""
    return await by_aiosmtplib(order, iter(list(_mails_of(_users_in(order)))))


def _mails_of(users: UserTable) -> Iterator[Mail]:
    page = users.page(None)
    while page.users:
        for user in page.users:
            notice = RULE.due_notice(user, NOW)
            if notice and user.address:
                to = recipient_address(user.address, reaches_people=True)
                id_, expiry = user.key.zfill(32), RULE.expiry(notice, user)
                yield LETTERHEAD.write(id_, to, user, notice, expiry, NOW)
        page = users.page(page.last_id)


async def _send(order: Order, left: Iterator[Mail]) -> None:
    client = SMTP(hostname=HOST, port=order.port, use_tls=True, tls_context=order.trust)
    async with client:
        for mail in left:
            await client.sendmail(mail.sender, mail.recipient, mail.content)


async def by_cronfleet(order: Order) -> float:
    """The delivery of one run, over users and an outbox in SQLite, as the application has them."""
    users = _users_in(order)
    outbox = Outbox(Database(_url(order), "USERS_DATABASE_URL", writes=True))
    outbox.prepare()
    server = SmtpServer(HOST, order.port, "tls", trust=order.trust, connections=order.connections)
    parts = Parts(users, outbox, SmtpSender(server), RULE, LETTERHEAD)
    ask = Ask(1, NOW, logging.LoggerAdapter(logging.getLogger("bench"), {}))
    await ExpiryJob(parts, most=order.mails, is_dry=True).run(ask)
    delivery = Delivery(parts, ask, order.mails)
    began = time.perf_counter()
    await delivery.run()
    spent_s = time.perf_counter() - began
    assert outbox.counts()[NoticeState.SENT] == order.mails
    return spent_s


def _users_in(order: Order) -> UserTable:
    file = private_file(order.folder / FILE)
    rows = [(n, f"user-{n}@corp.test", f"User {n}", OLD.isoformat()) for n in range(order.mails)]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(CREATE)
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
    users = UserTable(Database(_url(order), "USERS_DATABASE_URL", writes=False), UserColumns())
    users.check()
    return users


def _url(order: Order) -> str:
    return f"sqlite:///{order.folder / FILE}"


def main(kind: str, *given: str) -> None:
    port, connections, mails, folder = given
    trust = ssl.create_default_context(cafile=str(Path(folder) / "authority.pem"))
    order = Order(int(port), int(connections), int(mails), trust, Path(folder))
    send = {"cronfleet": by_cronfleet, "script": by_script, "ready": with_ready_mails}[kind]
    spent_s = asyncio.run(send(order))
    json.dump({"seconds": spent_s, "processor_s": time.process_time()}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
