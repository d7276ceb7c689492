"""A sample database, so that there is something to see when none is configured.

200 users; the passwords of 40 have been expired since before the file was made. The odd names and
addresses are among those 40. No address leads to anyone: all end in example.com or .invalid.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, select

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.databases.files import private_file

USERS = 200
EXPIRED = 40

_ODD: tuple[tuple[str | None, str], ...] = (
    ("Siobhán O'Brien", "siobhan.o'brien@example.com"),
    ('Dwayne "The Rock" Johnson', "dwayne+work@example.com"),
    ("Zoë Müller-Lüdenscheidt", "zoe@bücher.example.com"),
    ("李小龍", "bruce.lee@例え.example.com"),
    ("محمد بن سلمان", "mohammed@example.com"),
    ("Ⅲ № ½ 👩‍👩‍👧 e\u0301", "a+b+c@example.com"),
    ("Robert'); DROP TABLE users;--", "bobby.tables@example.com"),
    ("<script>alert(1)</script>", "script@example.com"),
    ("Eve\r\nBcc: everyone@example.com", "eve@example.com"),
    ("Tab\there, bell\a there", "tab@example.com"),
    ("{{ 7 * 7 }} %s %(name)s {0}", "template@example.com"),
    ("Smith, John <john@example.com>", "comma@example.com"),
    ("Hubert Blaine " + "Wolfeschlegelsteinhausenbergerdorff " * 10, "x" * 64 + "@example.com"),
    ("\u202egnp.exe", "rtl@example.com"),
    ("=?utf-8?q?encoded?=", "_encoded=word?@example.com"),
    (".", "dot@a.very.long.chain.of.names." + "sub." * 40 + "example.com"),
    ("", "empty@example.com"),
    (None, "nameless@example.com"),
)
_GIVEN = ("Anna", "Ben", "Chloé", "Dmitri", "Emeka", "Fatima", "Göran", "Hana", "Íñigo", "Jūratė")
_FAMILY = ("Abe", "Björk", "Castillo", "Đặng", "Evans", "Ferrari", "Grzegorz", "Huang")

_METADATA = MetaData()
_USERS = Table(
    "users",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text),
    Column("password_changed_at", Text, nullable=False),
)


def make_sample_database(file: Path, now: datetime) -> str:
    """Make the file, once, whoever comes first; the URL of it. Blocks."""
    url = f"sqlite:///{private_file(file)}"
    database = Database(url, "the sample database", writes=True)
    with database.begin() as connection:
        _METADATA.create_all(connection)
        if not connection.scalar(select(func.count()).select_from(_USERS)):
            connection.execute(insert(_USERS), list(_rows(now)))
    database.close()
    return url


def _rows(now: datetime) -> Iterator[dict[str, object]]:
    """The users, each with a date that depends on `now` and the id alone.

    An age stays away from the 90 days that are the default, so that to change them by a week shows
    no other users as expired; as time passes, more will be.
    """
    people = [*_ODD, *_plain_people(USERS - len(_ODD))]
    for number, (name, address) in enumerate(people, start=1):
        age = 100 + 7 * number if number <= EXPIRED else number * 80 // USERS
        changed = (now - timedelta(days=age)).astimezone(UTC).replace(microsecond=0)
        yield {
            "id": number,
            "email": address,
            "name": name,
            "password_changed_at": changed.isoformat(),
        }


def _plain_people(count: int) -> Iterator[tuple[str, str]]:
    for number in range(count):
        given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number % len(_FAMILY)]
        domain = "nowhere.invalid" if number % 50 == 49 else "example.com"
        yield f"{given} {family}", f"user{number + 1}@{domain}"
