"""What the application needs, looked at before it is needed. Nothing is made, nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from cronfleet import Condition, Finding
from cronfleet.apps.mailing.in_order import each_of
from cronfleet.apps.mailing.sending import Sender, SenderUnavailableError
from cronfleet.apps.password_expiry.care.care import TO_APPROVE
from cronfleet.apps.password_expiry.care.keeping import Keeper
from cronfleet.apps.password_expiry.databases.databases import Database, DatabaseError
from cronfleet.apps.password_expiry.mails.summarising import summary_recipients
from cronfleet.apps.password_expiry.making import (
    NOTICES_URL,
    are_users_elsewhere,
    letterhead_from,
    outbox_file,
    outbox_url,
    sender_of,
)
from cronfleet.apps.password_expiry.opening import (
    USERS_ELSEWHERE,
    allowance_of,
    opened_outbox,
    opened_users,
)
from cronfleet.apps.password_expiry.outbox.preparing import tried
from cronfleet.apps.password_expiry.registering import check_hours
from cronfleet.apps.password_expiry.sources import check_sources
from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError


async def examine(settings: Settings) -> list[Finding]:
    """Look at the users, the notices' database, the sender, and whether mails are sent."""
    return [
        await asyncio.to_thread(_found, "users", lambda: _users(settings)),
        await asyncio.to_thread(_found, "notices", lambda: _notices(settings)),
        *await _mail(settings),
        await asyncio.to_thread(_found, "letterhead", lambda: _letterhead(settings)),
        await asyncio.to_thread(_found, "sending", lambda: _sending(settings)),
    ]


def _found(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ConfigurationError as error:
        return Finding(what, Condition.SETTING, str(error))
    except DatabaseError as error:
        return Finding(what, Condition.SETTING if error.refuses else Condition.WRONG, str(error))


def _users(settings: Settings) -> Finding:
    if are_users_elsewhere(settings):
        return Finding("users", Condition.NOTE, USERS_ELSEWHERE)
    check_sources(settings, own=None)
    if settings.users_database_url is None and settings.users_ldap_url is None:
        said = "made-up ones: USERS_DATABASE_URL is not set"
        return Finding("users", Condition.NOTE, said)
    with opened_users(settings) as users:
        users.page(None, 1)
    if settings.users_ldap_url:
        said = f"{users.describe()} have the attributes, and can be read"
    else:
        said = f"table {settings.users_table} of {users.shown} has the columns, and can be read"
    return Finding("users", Condition.WELL, said)


def _notices(settings: Settings) -> Finding:
    url, setting = outbox_url(settings)
    if url is None and settings.users_ldap_url:
        return Finding("notices", Condition.SETTING, "NOTICES_DATABASE_URL: set it to a database")
    if url is None:
        return Finding("notices", Condition.NOTE, "in the database of the made-up users")
    if setting == NOTICES_URL and (file := outbox_file(settings)) and not file.exists():
        return Finding("notices", Condition.NOTE, "the first instance makes the file")
    database = Database(url, setting, writes=True)
    try:
        are_there = tried(database)
    finally:
        database.close()
    how = (
        "has the tables" if are_there else "answers, and the first instance makes the tables there"
    )
    return Finding("notices", Condition.WELL, f"{database.shown} {how}")


async def _mail(settings: Settings) -> list[Finding]:
    """One for each sender: the next one is of use only if it can send, too."""
    try:
        senders = each_of(sender_of(settings))
    except ConfigurationError as error:
        return [Finding("mail", Condition.SETTING, str(error))]
    return [await _sender(each) for each in senders]


async def _sender(sender: Sender) -> Finding:
    try:
        await sender.check()
    except SenderUnavailableError as error:
        return Finding("mail", Condition.WRONG, str(error))
    return Finding("mail", Condition.WELL, f"{sender.describe()} would take a mail")


def _letterhead(settings: Settings) -> Finding:
    letterhead = letterhead_from(settings, sender_of(settings))  # It tries each template.
    summary_recipients(settings.summary_to)
    return Finding("letterhead", Condition.WELL, f"mails are from {letterhead.address}")


def _sending(settings: Settings) -> Finding:
    """Whether mails are sent, or wait for a person."""
    check_hours(settings, datetime.now(UTC))
    allowance = allowance_of(settings)
    with opened_outbox(settings, makes=False) as outbox:
        if outbox is None:
            is_dry = allowance.is_dry(None)
            said = "nothing yet, the first run is dry until approved" if is_dry else "nothing yet"
            return Finding("sending", Condition.NOTE, said)
        keeper = Keeper(outbox, allowance)
        holds = keeper.records.standing()
        is_dry = keeper.is_dry()
    if holds and allowance.needs_approval:
        return Finding("sending", Condition.WRONG, f"held: {holds[0].said}; {TO_APPROVE}")
    if holds:
        said = f"mails to the folder go; to people they would be held: {holds[0].said}"
        return Finding("sending", Condition.NOTE, f"{said}; {TO_APPROVE}")
    if is_dry:
        until = "DRY_RUN says so" if settings.dry_run else "cronfleet password-expiry approve"
        return Finding("sending", Condition.NOTE, f"dry, nothing is sent: {until}")
    return Finding("sending", Condition.WELL, "what is due is sent")
