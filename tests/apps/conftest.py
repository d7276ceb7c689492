from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.apps import mariadb
from tests.apps.mail_server import MailServer, mail_server
from tests.apps.postgres import own_postgres, statements
from tests.apps.worlds import OpenWorld, Row, World, make_users, world
from tests.conftest import in_use_as


@pytest.fixture
def world_of(tmp_path: Path) -> Generator[OpenWorld]:
    """A world of the rows given."""
    with ExitStack() as opened:

        def open_world(*rows: Row) -> World:
            make_users(tmp_path / "users.db", rows)
            return opened.enter_context(world(tmp_path / "users.db"))

        yield open_world


@pytest.fixture
async def server() -> AsyncGenerator[MailServer]:
    """One that takes mails from those who log in, over STARTTLS."""
    made = MailServer()
    async with mail_server(tls=made.identity(), server=made):
        yield made


@pytest.fixture(scope="session")
def users_postgres(pytestconfig: pytest.Config) -> Iterator[str]:
    """A PostgreSQL for users and notices, which all tests share."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with ExitStack() as stack:
        yield in_use_as(pytestconfig, lambda: stack.enter_context(own_postgres()))


@pytest.fixture(scope="session")
def users_mariadb(pytestconfig: pytest.Config) -> Iterator[str]:
    """A MariaDB for users and notices, which all tests share."""
    pytest.importorskip("pymysql", reason="pymysql is not installed")
    with ExitStack() as stack:
        yield in_use_as(pytestconfig, lambda: stack.enter_context(mariadb.given_or_own_mariadb()))


@pytest.fixture
def on_postgres(users_postgres: str) -> str:
    """The URL of an empty database on PostgreSQL."""
    statements(
        users_postgres, "DROP DATABASE IF EXISTS theirs WITH (FORCE)", "CREATE DATABASE theirs"
    )
    return f"{users_postgres.removesuffix('postgres')}theirs"


@pytest.fixture
def on_mariadb(users_mariadb: str) -> str:
    """The URL of an empty database on MariaDB."""
    mariadb.statements(
        users_mariadb,
        "DROP DATABASE IF EXISTS cronfleet_theirs",
        "CREATE DATABASE cronfleet_theirs CHARACTER SET utf8mb4",
    )
    return f"{users_mariadb}/cronfleet_theirs"
