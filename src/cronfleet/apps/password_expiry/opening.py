"""The users and the outbox by the settings alone, for whoever looks or decides by hand."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import inspect

from cronfleet.apps.password_expiry.care.keeping import Allowance, Keeper
from cronfleet.apps.password_expiry.making import (
    are_users_elsewhere,
    notices_database,
    outbox_file,
    would_reach_people,
)
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.schema import METADATA, NOTICES
from cronfleet.apps.password_expiry.sources import check_sources, source_from
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.source import UserSource
from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError

USERS_ELSEWHERE = (
    "no setting names the users: users of a source of your own are known to its program alone; "
    "for others, set USERS_DATABASE_URL or USERS_LDAP_URL"
)
_HOW_TO_MAKE = "start `cronfleet run`, or make it with `cronfleet password-expiry init-db`"


def allowance_of(settings: Settings) -> Allowance:
    """Whether a first run must be approved. No sender is made: to look and decide needs none."""
    return Allowance(would_reach_people(settings), settings.dry_run)


@contextmanager
def opened_users(settings: Settings) -> Generator[UserSource]:
    """The users, checked. Raises `ConfigurationError` and `DatabaseError`, and blocks."""
    if are_users_elsewhere(settings):  # Not the made-up ones in their place.
        raise ConfigurationError(USERS_ELSEWHERE)
    check_sources(settings, own=None)
    users = source_from(settings)
    try:
        users.check()
        yield users
    finally:
        users.close()


def user_from(settings: Settings, key: str) -> User:
    """The user of this id, as stored now. Raises `ConfigurationError`, `DatabaseError`. Blocks."""
    with opened_users(settings) as users:
        found = users.find([key])
    if key not in found:
        raise ConfigurationError(f"no user has the id {key!r}")
    return found[key]


@contextmanager
def opened_outbox(settings: Settings, *, makes: bool) -> Generator[Outbox | None]:
    """The outbox, made if it is not there and that `makes` it; else None. Blocks.

    Raises `ConfigurationError` and `DatabaseError`.
    """
    check_outbox(settings)
    if not makes and _is_yet_to_be_made(settings):
        yield None
        return
    outbox = Outbox(notices_database(settings))
    try:
        if makes:
            outbox.prepare()
        else:
            outbox.id = _id_of(outbox) or ""
        yield outbox if outbox.id else None
    finally:
        outbox.database.close()


def check_outbox(settings: Settings) -> None:
    """Refuse what `cronfleet run` refuses, lest another outbox is looked at than the instances have.

    Raises `ConfigurationError`.
    """
    if not are_users_elsewhere(settings):
        check_sources(settings, own=None)


@contextmanager
def opened_keeper(settings: Settings, *, makes: bool = False) -> Generator[Keeper]:
    """What a person looks at and orders. As `opened_outbox`, but there must be one."""
    allowance = allowance_of(settings)
    with opened_outbox(settings, makes=makes) as outbox:
        if outbox is None:
            raise ConfigurationError(f"there is no outbox yet: {_HOW_TO_MAKE}")
        yield Keeper(outbox, allowance)


def _is_yet_to_be_made(settings: Settings) -> bool:
    """Whoever only looks makes no file."""
    file = outbox_file(settings)
    return file is not None and not file.exists()


def _id_of(outbox: Outbox) -> str | None:
    """None where there is no outbox yet. Raises `ConfigurationError` where a part of it is not."""
    with outbox.database.begin(only_reads=True) as connection:
        there = set(inspect(connection).get_table_names())
    missing = METADATA.tables.keys() - there
    if NOTICES.name in missing:
        return None
    if missing:
        raise ConfigurationError(
            f"the outbox {outbox.database.shown} has no table {min(missing)}, it was made by an "
            f"earlier version: {_HOW_TO_MAKE}"
        )
    return outbox.stored_id()
