"""The application's two databases on a real PostgreSQL, where one and a driver are to be had."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from cronfleet import Condition, Finding
from cronfleet.apps.mailing.sending import Answer, SendResult
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.doctor import examine
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.outbox.changes import changed_since
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError
from tests.apps.outboxes import OneByOne, let_pass
from tests.apps.postgres import own_postgres, statements
from tests.apps.worlds import Answers, Recorder, World, ask
from tests.conftest import in_use_as

pytest.importorskip("psycopg", reason="psycopg is not installed")

SETTING = "USERS_DATABASE_URL"
MANY = 1200


@pytest.fixture(scope="module")
def server(pytestconfig: pytest.Config) -> Iterator[str]:
    with ExitStack() as stack:
        yield in_use_as(pytestconfig, lambda: stack.enter_context(own_postgres()))


@pytest.fixture
def url(server: str) -> str:
    """A database for this test alone."""
    statements(server, "DROP DATABASE IF EXISTS theirs WITH (FORCE)", "CREATE DATABASE theirs")
    return f"{server.removesuffix('postgres')}theirs"


@contextmanager
def world_at(url: str, columns: UserColumns | None = None) -> Generator[World]:
    users = UserTable(Database(url, SETTING, writes=False), columns or UserColumns())
    outbox = OneByOne(Database(url, SETTING, writes=True))
    try:
        users.check()
        outbox.prepare()
        yield World(Path(), users, outbox)
    finally:
        users.database.close()
        outbox.database.close()


def people(id_column: str, id_type: str, value: str, count: int = 3) -> tuple[str, str]:
    """Users whose ids are `value` of 1, 2, 3 ..., their names in another order."""
    columns = "email text, name text, password_changed_at timestamptz"
    each = f"{value}, 'u' || i || '@corp.test', 'N' || (i * 7919) % 5000, '2025-01-01'"
    return (
        f"CREATE TABLE users ({id_column} {id_type} PRIMARY KEY, {columns})",
        f"INSERT INTO users SELECT {each} FROM generate_series(1, {count}) i",
    )


@pytest.mark.parametrize("rights", ["SELECT", "INSERT, UPDATE"])
def test_whoever_may_not_write_the_notices_is_told_where_else_they_may_stand(
    url: str, rights: str
) -> None:
    statements(url, *people("id", "int", "i"))
    with world_at(url):
        pass
    statements(
        url,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        f"GRANT {rights} ON password_notices, password_notices_outbox TO reader",
        "GRANT SELECT ON users TO reader",
    )
    try:
        with (
            pytest.raises(ConfigurationError, match=r"permission denied.*set NOTICES_DATABASE_URL"),
            world_at(url.replace("postgres@", "reader@")),
        ):
            pass
    finally:
        statements(url, "DROP OWNED BY reader", "DROP ROLE reader")


@pytest.fixture
def stranger(url: str) -> Iterator[str]:
    """The URL of one who may read the users, and make nothing."""
    statements(
        url,
        *people("id", "int", "i"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "DROP ROLE IF EXISTS stranger",
        "CREATE ROLE stranger LOGIN",
        "GRANT SELECT ON users TO stranger",
    )
    yield url.replace("postgres@", "stranger@")
    statements(url, "DROP OWNED BY stranger", "DROP ROLE stranger")


def checked(url: str, table: str = "users") -> dict[str, Finding]:
    """What a check finds, by what it is about."""
    settings = Settings(users_database_url=SecretStr(url), users_table=table)
    return {each.what: each for each in asyncio.run(examine(settings))}


def test_a_check_says_before_the_first_run_that_the_notices_can_stand_nowhere(
    url: str, stranger: str
) -> None:
    found = checked(stranger)
    assert found["users"].condition is Condition.WELL
    assert found["notices"].condition is Condition.SETTING
    assert "permission denied for schema public" in found["notices"].said
    assert "set NOTICES_DATABASE_URL" in found["notices"].said
    theirs = Outbox(Database(stranger, SETTING, writes=True))
    with pytest.raises(ConfigurationError, match="denied for schema public; let this user create"):
        theirs.prepare()
    theirs.database.close()
    outbox = Outbox(Database(url, SETTING, writes=True))
    outbox.prepare()
    outbox.database.close()
    assert "let this user read and write it" in checked(stranger)["notices"].said


def test_a_column_that_may_not_be_read_is_named(url: str, stranger: str) -> None:
    statements(
        url,
        "REVOKE ALL ON users FROM stranger",
        'ALTER TABLE users RENAME TO "Our users"',
        'GRANT SELECT (id, email) ON "Our users" TO stranger',
    )
    found = checked(stranger, "Our users")["users"]
    assert found.condition is Condition.SETTING
    assert "may not read name, password_changed_at of Our users" in found.said


def test_a_schema_of_the_logins_own_has_the_notices(url: str, stranger: str) -> None:
    statements(url, "CREATE SCHEMA stranger AUTHORIZATION stranger")
    found = checked(stranger, "public.users")
    assert found["notices"].said.endswith("makes the tables there")
    outbox = Outbox(Database(stranger, SETTING, writes=True))
    outbox.prepare()
    outbox.database.close()
    found = checked(stranger, "public.users")
    assert found["notices"].said.endswith("has the tables")
    assert {found[what].condition for what in ("users", "notices")} == {Condition.WELL}


@pytest.mark.parametrize("id_column", ["user_id", "user_email", "user_name", "user_date"])
async def test_no_user_is_passed_over_whatever_the_id_is_called(url: str, id_column: str) -> None:
    statements(url, *people(id_column, "text", "'login' || i", MANY))
    with world_at(url, UserColumns(id=id_column)) as these:
        report = await these.run(Recorder(), dry=True)
    assert (report.users, report.made) == (MANY, MANY)


@pytest.mark.parametrize(
    ("id_type", "value"),
    [
        ("int", "i"),
        ("bigint", "i + 9000000000000000000"),
        ("text", "'a' || i"),
        ("char(10)", "'a' || i"),
        ("uuid", "gen_random_uuid()"),
        ("bytea", "sha256(i::text::bytea)"),
        ("numeric(30, 2)", "i"),
        ("date", "date '2024-01-01' + i"),
    ],
)
async def test_users_are_mailed_whatever_type_their_id_has(
    url: str, id_type: str, value: str
) -> None:
    statements(url, *people("id", id_type, value))
    sender = Recorder()
    with world_at(url) as these:
        await these.run(sender)
    assert len(sender.mails) == 3


@pytest.mark.parametrize(
    ("id_type", "value"),
    [("inet", "inet '10.0.0.0' + i"), ("timestamptz", "now() + i * interval '1 s'")],
)
def test_an_id_that_does_not_find_its_user_again_is_refused(
    url: str, id_type: str, value: str
) -> None:
    statements(url, *people("id", id_type, value))
    refusal = pytest.raises(ConfigurationError, match=r"^USERS_ID_COLUMN: no user is found again")
    with refusal, world_at(url):
        pass


async def test_what_has_changed_can_be_told(url: str) -> None:
    statements(url, *people("id", "int", "i"))
    with world_at(url) as these:
        await these.run(Recorder())
        let_pass(these.outbox, timedelta(hours=1))
        told = changed_since(these.outbox.database, None)
    assert (told.counts, len(told.rows), told.failures) == ({NoticeState.SENT: 3}, 3, [])


async def test_a_materialised_view_will_do(url: str) -> None:
    statements(url, *people("id", "int", "i"), "CREATE MATERIALIZED VIEW seen AS TABLE users")
    sender = Recorder()
    with world_at(url, UserColumns(table="seen")) as these:
        await these.run(sender)
    assert len(sender.mails) == 3


async def test_a_database_without_an_encoding_will_do(server: str, url: str) -> None:
    statements(
        server,
        "DROP DATABASE theirs",
        "CREATE DATABASE theirs TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    statements(url, *people("id", "text", "'ä' || i"))
    sender = Recorder()
    with world_at(url) as these:
        await these.run(sender)
        assert these.states() == {f"ä{n}": "SENT" for n in (1, 2, 3)}


async def test_runs_at_the_same_time_share_the_mails_of_a_day(url: str) -> None:
    statements(url, *people("id", "int", "i", count=60))
    sender = Recorder()
    with world_at(url) as these:
        await these.run(sender, dry=True)
        parts = replace(these.parts(sender), per_day=20)
        jobs = [ExpiryJob(parts, most=60, is_dry=False) for _ in range(4)]
        await asyncio.gather(*(job.run(ask(token)) for token, job in enumerate(jobs, 1)))
        assert len(sender.mails) == 20
        let_pass(these.outbox, timedelta(hours=24))
        await jobs[0].run(ask(9))
        assert len(sender.mails) == 40


async def test_an_address_where_nobody_lives_is_remembered(url: str) -> None:
    statements(url, *people("id", "int", "i"))
    gone = SendResult(Answer.REFUSED, "550 5.1.1 no such user", is_gone=True)
    addresses = [f"u{number}@corp.test" for number in (1, 2, 3)]
    with world_at(url) as these:
        await these.run(Answers(gone))
        assert these.outbox.suppressed(addresses) == dict.fromkeys(addresses, gone.said)
        assert these.outbox.unsuppress("U1@corp.test")
        await these.run(sender := Recorder())
        assert these.states() == {"1": "SENT", "2": "DEAD", "3": "DEAD"}
    assert sender.recipients == addresses[:1]


def test_nobody_is_waited_for_without_end(url: str) -> None:
    statements(url, *people("id", "int", "i"))
    with world_at(url) as these, these.outbox.database.begin() as ours:
        told = [ours.scalar(text(f"SHOW {name}_timeout")) for name in ("statement", "lock")]
    assert told == ["1min", "10s"]
