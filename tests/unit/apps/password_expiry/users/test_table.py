from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest

from cronfleet.apps.password_expiry.databases.databases import Database, DatabaseError
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from cronfleet.errors import ConfigurationError

OpenUsers = Callable[..., UserTable]

PLAIN = "CREATE TABLE users (id INTEGER PRIMARY KEY, email, name, password_changed_at)"


@pytest.fixture
def users_of(tmp_path: Path) -> Generator[OpenUsers]:
    """The users in a database that a script makes."""
    opened: list[Database] = []

    def open_users(script: str, **columns: str) -> UserTable:
        file = tmp_path / "users.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(script)
        opened.append(Database(f"sqlite:///{file}", "USERS_DATABASE_URL", writes=False))
        users = UserTable(opened[-1], UserColumns(**columns))
        users.check()
        return users

    yield open_users
    for database in opened:
        database.close()


def all_users(users: UserTable, limit: int) -> list[User]:
    found: list[User] = []
    after: object = None
    while (page := users.page(after, limit)).users:
        assert len(page.users) <= limit
        found += page.users
        after = page.last_id
    return found


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_of_any_size_hold_every_user_once(users_of: OpenUsers, limit: int) -> None:
    rows = ", ".join(f"({n * 3}, 'u{n}@example.com', 'U{n}', '2026-01-01')" for n in range(7))
    users = users_of(f"{PLAIN}; INSERT INTO users VALUES {rows}")
    assert [user.key for user in all_users(users, limit)] == [str(n * 3) for n in range(7)]


def test_ids_may_be_text_and_one_that_is_null_is_no_user(users_of: OpenUsers) -> None:
    users = users_of(
        "CREATE TABLE users (id TEXT, email, name, password_changed_at);"
        "INSERT INTO users (id) VALUES ('b'), (NULL), ('ä'), ('B')"
    )
    assert [user.key for user in all_users(users, 2)] == ["B", "b", "ä"]


@pytest.mark.parametrize(
    ("id_type", "stored", "key"),
    [
        ("INTEGER", "42", "42"),
        ("BIGINT", "42", "42"),
        ("TEXT", "'42'", "42"),
        ("CHAR(36)", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'", None),
        ("BLOB", "x'00ff'", "00ff"),
        ("", "42", "42"),
        ("NUMERIC(10, 2)", "42", "42"),
        ("INTEGER", "'not a number'", "not a number"),
        ("INT", "'٣'", "٣"),
        ("INTEGER", "'1_0'", "1_0"),
        ("BINARY(16)", "x'00ff'", "00ff"),
        ("VARBINARY(16)", "x'6162'", "6162"),
        ("UUID", "x'00ff'", "00ff"),
        ("", "x'00ff'", "00ff"),
        ("VARCHAR(16)", "x'00ff'", "00ff"),
        ("INTEGER", "x'00ff'", "00ff"),
    ],
)
def test_a_user_is_found_again_by_the_key_whatever_type_its_id_has(
    users_of: OpenUsers, id_type: str, stored: str, key: str | None
) -> None:
    users = users_of(
        f"CREATE TABLE users (id {id_type}, email, name, password_changed_at);"
        f"INSERT INTO users VALUES ({stored}, 'anna@example.com', 'Anna', '2026-01-01')"
    )
    (user,) = all_users(users, 10)
    assert user.key == (key or stored.strip("'"))
    assert users.find([user.key]) == {user.key: user}


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("CAST('zoë@example.com' AS BLOB)", "zoë@example.com"),
        ("x'616eff61'", "an\ufffda"),
        ("CAST(x'616eff61' AS TEXT)", "an\ufffda"),
    ],
)
def test_text_that_stands_there_as_bytes_is_read_as_text(
    users_of: OpenUsers, stored: str, told: str
) -> None:
    users = users_of(f"{PLAIN}; INSERT INTO users VALUES (1, {stored}, {stored}, '2026-01-01')")
    (user,) = all_users(users, 10)
    assert (user.address, user.name) == (told, told)


def test_of_ids_that_look_alike_each_finds_its_own(users_of: OpenUsers) -> None:
    users = users_of(
        "CREATE TABLE users (id, email, name, password_changed_at);"
        "INSERT INTO users (id, name) VALUES (x'6162', 'bytes'), ('ab', 'text')"
    )
    assert [user.name for user in all_users(users, 1)] == ["text", "bytes"]
    found = users.find(["6162", "ab"])
    assert {key: user.name for key, user in found.items()} == {"6162": "bytes", "ab": "text"}


def test_an_id_that_does_not_find_its_user_again_is_refused(users_of: OpenUsers) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^USERS_ID_COLUMN: no user is found again by 'id'"
    ):
        users_of(
            "CREATE TABLE users (id REAL, email, name, password_changed_at);"
            "INSERT INTO users (id) VALUES (0.1 + 0.2)"
        )


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_an_id_that_stands_in_several_rows_is_told_with_all_of_them(
    users_of: OpenUsers, limit: int
) -> None:
    users = users_of(
        "CREATE TABLE users (id TEXT, email, name, password_changed_at);"
        "INSERT INTO users (id) VALUES ('a'), ('b'), ('b'), ('b'), ('c')"
    )
    pages = [users.page(None, limit)]
    while pages[-1].users:
        pages.append(users.page(pages[-1].last_id, limit))
    assert [user.key for page in pages for user in page.users] == ["a", "b", "b", "b", "c"]
    assert {key for page in pages for key in page.repeated} == {"b"}


def test_rows_without_an_id_are_counted(users_of: OpenUsers) -> None:
    users = users_of(
        "CREATE TABLE users (id TEXT, email, name, password_changed_at);"
        "INSERT INTO users (id) VALUES (NULL), ('a'), (NULL)"
    )
    assert users.without_id() == 2


def test_a_user_who_is_gone_is_not_found(users_of: OpenUsers) -> None:
    assert users_of(PLAIN).find(["1"]) == {}


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("'2026-01-01 10:00:00'", "2026-01-01 10:00:00"),
        ("1767261600", "1767261600"),
        ("1767261600.5", "1767261600.5"),
        ("'soon'", "soon"),
        ("NULL", None),
    ],
)
@pytest.mark.parametrize("column_type", ["DATETIME", "TIMESTAMP", "INTEGER", "TEXT", ""])
def test_a_date_comes_as_text_whatever_its_column_says(
    users_of: OpenUsers, column_type: str, stored: str, text: str | None
) -> None:
    users = users_of(
        f"CREATE TABLE users (id INTEGER, email, name, password_changed_at {column_type});"
        f"INSERT INTO users VALUES (1, 'anna@example.com', 'Anna', {stored})"
    )
    (user,) = all_users(users, 10)
    assert user.stored_date == text


def test_a_name_that_is_no_utf_8_spoils_no_page(users_of: OpenUsers) -> None:
    users = users_of(
        f"{PLAIN}; INSERT INTO users VALUES (1, 'a@example.com', CAST(x'ff41' AS TEXT), NULL);"
        "INSERT INTO users VALUES (2, 'b@example.com', 'Ben', NULL)"
    )
    assert [user.name for user in all_users(users, 10)] == ["\ufffdA", "Ben"]


def test_names_with_quotes_and_blanks_are_only_names(users_of: OpenUsers) -> None:
    users = users_of(
        'CREATE TABLE "my "";users" ("the id" INTEGER, "e-mail", "select", "pwd\'s date");'
        """INSERT INTO "my "";users" VALUES (1, 'anna@example.com', 'Anna', '2026-01-01')""",
        table='my ";users',
        id="the id",
        email="e-mail",
        name="select",
        date="pwd's date",
    )
    assert all_users(users, 1) == [User("1", "anna@example.com", "Anna", "2026-01-01")]


def test_a_view_will_do_and_one_column_may_serve_twice(users_of: OpenUsers) -> None:
    users = users_of(
        f"{PLAIN}; INSERT INTO users VALUES (1, 'anna@example.com', NULL, NULL);"
        "CREATE VIEW people AS SELECT * FROM users",
        table="main.people",
        name="email",
    )
    assert all_users(users, 1)[0].name == "anna@example.com"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"table": "people"}, "USERS_TABLE: .* has no table 'people'; it has groups, users$"),
        ({"table": "hr.users"}, "USERS_TABLE: .* has no schema 'hr'; it has main"),
        ({"email": "mail"}, "USERS_EMAIL_COLUMN: users has no column 'mail'; it has email, id, "),
        ({"date": "x; DROP TABLE users"}, "USERS_PASSWORD_CHANGED_COLUMN.*has no column 'x; DROP"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    users_of: OpenUsers, wrong: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        users_of(f"{PLAIN}; CREATE TABLE groups (id)", **wrong)


def test_the_users_database_cannot_be_changed(users_of: OpenUsers) -> None:
    users = users_of(PLAIN)
    with pytest.raises(DatabaseError, match="readonly"), users.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM users")


@pytest.mark.parametrize("id_column", ["user_id", "user_email", "user_name", "user_date", "person"])
def test_no_user_is_passed_over_whatever_the_id_is_called(
    users_of: OpenUsers, id_column: str
) -> None:
    """The names are in another order than the ids: to page by them would lose users."""
    rows = ", ".join(f"({n}, 'u{9 - n}@example.com', 'U{9 - n}', '{2030 - n}')" for n in range(9))
    users = users_of(
        f"CREATE TABLE users ({id_column} INTEGER, email, name, password_changed_at);"
        f"INSERT INTO users VALUES {rows}",
        id=id_column,
    )
    assert [user.key for user in all_users(users, 2)] == [str(n) for n in range(9)]


OPTIONS = {
    "locale": "lang",
    "active": "enabled",
    "manager": "boss",
    "never_expires": "never",
    "max_age_days": "days",
}
ALL = "CREATE TABLE users (id, email, name, password_changed_at, lang, enabled, boss, never, days)"


def test_more_columns_are_read_where_they_are_named_and_not_where_they_are_not(
    users_of: OpenUsers,
) -> None:
    rows = (
        f"{ALL}; INSERT INTO users VALUES (1, 'a@corp.test', 'Anna', '2026-01-01', 'de-AT', 1, "
        "'boss@corp.test', 0, 30)"
    )
    (user,) = all_users(users_of(rows, **OPTIONS), 10)
    assert (user.locale, user.manager, user.max_age_days) == ("de_AT", "boss@corp.test", 30)
    assert (user.is_active, user.never_expires) == (True, False)


def test_a_user_found_again_has_the_same_columns(users_of: OpenUsers) -> None:
    users = users_of(f"{ALL}; INSERT INTO users (id, enabled) VALUES ('1', 'no')", **OPTIONS)
    (user,) = all_users(users, 10)
    assert not user.is_active
    assert users.find(["1"]) == {"1": user}


def test_a_value_that_cannot_be_read_is_told_of_its_user_alone(users_of: OpenUsers) -> None:
    users = users_of(
        f"{ALL}; INSERT INTO users (id, enabled, days) VALUES (1, 'maybe', 30), (2, 1, x'ff'), "
        "(3, NULL, '')",
        **OPTIONS,
    )
    complaints = [user.complaint for user in all_users(users, 10)]
    assert complaints == [
        "its USERS_ACTIVE_COLUMN is neither true nor false",
        "its USERS_MAX_AGE_DAYS_COLUMN is no whole number from 1 to 36500",
        "",
    ]


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("locale", "USERS_LOCALE_COLUMN"),
        ("active", "USERS_ACTIVE_COLUMN"),
        ("manager", "USERS_MANAGER_EMAIL_COLUMN"),
        ("never_expires", "USERS_NEVER_EXPIRES_COLUMN"),
        ("max_age_days", "USERS_MAX_AGE_DAYS_COLUMN"),
    ],
)
def test_a_named_column_that_is_not_there_is_refused(
    users_of: OpenUsers, option: str, setting: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{setting}: users has no column 'x'; it has"):
        users_of(PLAIN, **{option: "x"})
