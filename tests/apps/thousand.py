"""A thousand users, the same ones in each kind of source."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    create_engine,
    insert,
)

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
COUNT = 1000
COLUMNS = {
    "users_table": "people",
    "users_id_column": "login",
    "users_locale_column": "language",
    "users_active_column": "enabled",
    "users_manager_email_column": "manager",
    "users_never_expires_column": "never",
    "users_max_age_days_column": "max_age",
}
ATTRIBUTES = {
    "users_id_column": "uid",
    "users_name_column": "displayName",
    "users_locale_column": "preferredLanguage",
    "users_active_column": "employeeType",
    "users_manager_email_column": "roomNumber",
    "users_never_expires_column": "title",
    "users_max_age_days_column": "departmentNumber",
}

IDS = ("login", "serial", "uid")
"""The columns that may be the id: text, bigint and uuid, each in an order of its own."""

_NAMES = ("Anna", "Zoë Müller", "李小龍", "O'Brien", 'Dwayne "The Rock"', "a\\b%_*", None)


@dataclass(frozen=True, slots=True)
class Person:
    """One of them."""

    login: str
    email: str | None
    name: str | None
    changed: datetime | None
    language: str | None
    enabled: bool | None
    manager: str | None
    never: bool | None
    max_age: int | None


def people() -> list[Person]:
    return list(map(_person, range(1, COUNT + 1)))


def in_sqlite(folder: Path) -> str:
    """The URL of a file with all of them in it."""
    file = folder / "thousand.db"
    with closing(sqlite3.connect(file)):
        file.touch()
    return in_database(f"sqlite:///{file}")


def in_database(url: str) -> str:
    """Put all of them into a database that is there; its URL."""
    table = _table()
    driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
    kind, _, rest = url.partition(":")
    engine = create_engine(f"{driver[kind]}:{rest}")
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(insert(table), [_row(person) for person in people()])
    engine.dispose()
    return url


def entries() -> Iterator[dict[str, Any]]:
    """All of them, as entries of a directory."""
    for person in people():
        yield {
            "uid": person.login,
            "mail": person.email,
            "displayName": person.name,
            "pwdChangedTime": person.changed and f"{person.changed:%Y%m%d%H%M%SZ}",
            "preferredLanguage": person.language,
            "employeeType": _ldap_flag(person.enabled),
            "roomNumber": person.manager,
            "title": _ldap_flag(person.never),
            "departmentNumber": person.max_age,
        }


def _person(number: int) -> Person:
    age = timedelta(days=number * 200 // COUNT, hours=number % 24, seconds=number % 60)
    return Person(
        login=f"u{number:04}" if number % 2 else f"U.{number}",
        email=None if number % 97 == 0 else f"user{number}@corp.test",
        name=_NAMES[number % len(_NAMES)],
        changed=None if number % 89 == 0 else NOW - age,
        language=("de", "en_GB", None)[number % 3],
        enabled=(True, None, True, False)[number % 4],
        manager=f"boss{number % 7}@corp.test" if number % 5 else None,
        never=(None, False, False, False, True)[number % 5],
        max_age=(None, None, None, 30, 180)[number % 5],
    )


def _table() -> Table:
    return Table(
        "people",
        MetaData(),
        Column("number", Integer, primary_key=True),
        Column("login", String(40), nullable=False, unique=True),
        Column("serial", BigInteger, nullable=False, unique=True),
        Column("uid", Uuid, nullable=False, unique=True),
        Column("email", String(200)),
        Column("name", String(200)),
        Column("password_changed_at", DateTime(timezone=True)),
        Column("language", String(20)),
        Column("enabled", Boolean),
        Column("manager", String(200)),
        Column("never", Boolean),
        Column("max_age", Integer),
    )


def _serial(person: Person) -> int:
    number = int(person.login.strip("uU."))
    return 2**62 - (number * 7919) % 10_007 * 10**12


def _row(person: Person) -> dict[str, object]:
    return {
        "login": person.login,
        "serial": _serial(person),
        "uid": uuid5(NAMESPACE_DNS, person.login),
        "email": person.email,
        "name": person.name,
        "password_changed_at": person.changed,
        "language": person.language,
        "enabled": person.enabled,
        "manager": person.manager,
        "never": person.never,
        "max_age": person.max_age,
    }


def _ldap_flag(value: bool | None) -> str | None:
    return None if value is None else str(value).upper()


def due(persons: Sequence[Person], remind: Sequence[int], max_age: int) -> dict[str, str]:
    """Who of them is due which threshold, reckoned without the application."""
    found: dict[str, str] = {}
    for person in persons:
        if person.changed is None or person.enabled is False or person.never:
            continue
        expiry = person.changed + timedelta(days=person.max_age or max_age)
        left = (expiry.date() - NOW.date()).days
        nearest = [days for days in sorted(remind) if days >= left]
        if expiry <= NOW:
            found[person.login] = "expired"
        elif nearest:
            found[person.login] = f"{nearest[0]}d"
    return found
