"""From a PostgreSQL URL to a dry run, as the page has it: word for word, on a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cronfleet.config import Settings
from tests.postgres_servers import OwnPostgres

pytest.importorskip("psycopg", reason="psycopg is not installed")

PAGE = (Path(__file__).parents[2] / "docs" / "password-expiry.md").read_text()
TITLE = "From a PostgreSQL URL to a dry run"
PLACE = "db.example.com:5432/app"
"""What the page says to put one's own server and database in the place of."""

AGE = timedelta(days=Settings().password_max_age_days)
USERS = 40
DUE = re.compile(r"^(\d+) +expired +(\S+Z)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What stands between two fences: in a language, or what is printed."""

    kind: str
    text: str


def section() -> list[Block]:
    (text,) = re.findall(rf"^## {TITLE}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    return [
        Block(*found)
        for found in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


@dataclass(frozen=True)
class Operator:
    """Somebody with a shell in an empty folder, and a colleague who may do all in the database."""

    folder: Path
    server: OwnPostgres
    place: str

    def does(self, block: Block) -> str:
        """What is printed, as it would be with the page's server."""
        text = block.text.replace(PLACE, self.place)
        if block.kind == "sql":
            self.server.tell(*filter(str.strip, text.split(";\n")))
            return ""
        done = subprocess.run(
            ["sh", "-e", "-c", text],
            cwd=self.folder / "empty",
            env=os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout.replace(self.place, PLACE)


@pytest.fixture
def operator(tmp_path: Path, own_postgres: OwnPostgres) -> Operator:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "cronfleet"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cronfleet "$@"\n')
    command.chmod(0o755)
    own_postgres.tell("CREATE DATABASE app")
    own_postgres.url = own_postgres.url.removesuffix("/postgres") + "/app"
    own_postgres.demand_passwords()
    return Operator(tmp_path, own_postgres, f"127.0.0.1:{own_postgres.port}/app")


def due_on_the_page() -> dict[int, datetime]:
    """The users that the page's dry run names, and when their passwords expired."""
    (shown,) = [block.text for block in section() if DUE.search(block.text)]
    return {int(user): datetime.fromisoformat(expired) for user, expired in DUE.findall(shown)}


def make_users(server: OwnPostgres) -> None:
    """Those of the page, and others who are not due: a table with more in it than may be read."""
    server.tell(
        "CREATE TABLE users (id int PRIMARY KEY, email text, name text, password_hash text, "
        "password_changed_at timestamptz)",
        "INSERT INTO users SELECT i, 'u' || i || '@corp.test', 'User ' || i, 'hunter2', "
        "CASE WHEN i % 5 = 0 THEN NULL ELSE now() - (i || ' days')::interval END "
        f"FROM generate_series(1, {USERS}) i",
        *(
            f"UPDATE users SET password_changed_at = '{expired - AGE}' WHERE id = {user}"
            for user, expired in due_on_the_page().items()
        ),
    )


def test_the_section_runs_as_printed_and_says_what_it_shows(operator: Operator) -> None:
    make_users(operator.server)
    said = ""
    for block in section():
        if block.kind:
            assert said == "", "the page does not show what is printed here"
            said = operator.does(block)
        else:
            assert said == block.text
            said = ""
    assert said == ""


def test_the_dry_run_names_exactly_those_who_are_due_and_makes_nothing(operator: Operator) -> None:
    make_users(operator.server)
    said = [operator.does(block) for block in section() if block.kind]
    is_old = f"password_changed_at < now() - interval '{AGE.days} days'"
    due = operator.server.tell(f"SELECT array_agg(id ORDER BY id) FROM users WHERE {is_old}")
    assert [int(user) for user, _ in DUE.findall(said[-1])] == due
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'cronfleet')"
    assert operator.server.tell(tables) == 1
    assert [path.name for path in (operator.folder / "empty").iterdir()] == [".env"]


def test_the_login_may_read_nothing_else_and_its_outbox_can_be_made(operator: Operator) -> None:
    make_users(operator.server)
    for block in section():
        if block.kind:
            operator.does(block)
    operator.does(Block("sh", "cronfleet password-expiry init-db"))
    granted = operator.server.tell(
        "SELECT array_agg(column_name::text ORDER BY column_name) FROM "
        "information_schema.column_privileges WHERE grantee = 'cronfleet' AND table_name = 'users'"
    )
    assert granted == ["email", "id", "name", "password_changed_at"]
    made = "SELECT count(*) FROM pg_tables WHERE schemaname = 'cronfleet'"
    assert operator.server.tell(made) == 6
