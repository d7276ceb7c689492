from __future__ import annotations

import pytest
from sqlalchemy import URL, Dialect
from sqlalchemy.schema import CreateTable

from cronfleet.apps.password_expiry.outbox.schema import METADATA, NOTICES, NOW_MS, insert_new

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


def dialect_of(name: str) -> Dialect:
    return URL.create(DRIVERS.get(name, name)).get_dialect()()


@pytest.mark.parametrize("name", NOW_MS)
def test_the_tables_can_be_written_for_every_database_that_may_hold_them(name: str) -> None:
    for table in METADATA.tables.values():
        assert str(CreateTable(table).compile(dialect=dialect_of(name)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqlite", "ON CONFLICT DO NOTHING"),
        ("postgresql", "ON CONFLICT DO NOTHING"),
        ("mysql", "INSERT IGNORE"),
        ("mariadb", "INSERT IGNORE"),
    ],
)
def test_what_is_there_is_passed_over_in_every_dialect(name: str, words: str) -> None:
    statement = insert_new(name, NOTICES)
    assert words in str(statement.compile(dialect=dialect_of(name)))


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_where_names_are_equal_in_any_case_the_key_is_not(name: str) -> None:
    ddl = str(CreateTable(NOTICES).compile(dialect=dialect_of(name)))
    assert "user_id VARCHAR(255) COLLATE utf8mb4_bin" in ddl
