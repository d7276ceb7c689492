"""Parts of the users: each user is in one of them, whatever the ids are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from cronfleet.apps.password_expiry.users.parts import id_of, written
from cronfleet.apps.password_expiry.users.source import Pages, part_of
from cronfleet.apps.password_expiry.users.table import UserTable
from cronfleet.errors import ConfigurationError
from tests.unit.apps.password_expiry.users.test_table import PLAIN, OpenUsers, users_of

__all__ = ["users_of"]

ANY_TYPE = "CREATE TABLE users (id, email, name, password_changed_at)"
IDS = {
    "numbers": [str(number**3 - 500) for number in range(23)],
    "text": [f"'{letter}{number}'" for letter in ("a", "B", "ä", "", " ") for number in range(5)],
    "bytes": [f"x'{number * 7:02x}'" for number in range(23)],
    "all of these": [*map(str, range(8)), "1.5", "'a'", "'b'", "'int:7'", "x'00'", "x'ff'"],
}


def keys_of(pages: Pages, limit: int = 3) -> list[str]:
    found: list[str] = []
    after: object = None
    while (page := pages.page(after, limit)).users:
        found += [user.key for user in page.users]
        after = page.last_id
    return found


def parts_of(users: UserTable, parts: int, bounds: Sequence[str]) -> list[list[str]]:
    return [keys_of(part_of(users, number, bounds)) for number in range(parts)]


@pytest.mark.parametrize(
    "id_",
    [
        0,
        -(2**63),
        "",
        "int:7",
        "ä\0b: c",
        b"",
        b"\xff\0",
        1.5,
        UUID(int=7),
        Decimal("7.50"),
        date(2026, 4, 1),
        datetime.fromisoformat("2026-04-01T12:00:00.000005"),
        datetime(2026, 4, 1, 12, tzinfo=UTC),
    ],
)
def test_an_id_that_is_written_down_is_the_same_again(id_: object) -> None:
    again = id_of(written(id_))
    assert (again, type(again)) == (id_, type(id_))


def test_ids_of_a_type_that_cannot_be_written_down_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^USERS_SHARDS: .* type complex; write 1, or"):
        written(1j)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 23, 64])
@pytest.mark.parametrize("kind", IDS)
def test_each_user_is_in_one_part_and_the_parts_are_about_equal(
    users_of: OpenUsers, kind: str, parts: int
) -> None:
    rows = ", ".join(f"({id_}, 'a@corp.test', '', '')" for id_ in IDS[kind])
    users = users_of(f"{ANY_TYPE}; INSERT INTO users VALUES {rows}")
    found = parts_of(users, parts, users.bounds(parts))
    assert [key for part in found for key in part] == keys_of(users)
    sizes = [len(part) for part in found if part or parts < len(IDS[kind])]
    assert max(sizes) - min(sizes) <= 1


def test_without_users_every_part_is_empty(users_of: OpenUsers) -> None:
    users = users_of(PLAIN)
    assert users.bounds(4) == []
    assert parts_of(users, 4, []) == [[]] * 4


def test_one_id_in_many_rows_is_in_one_part(users_of: OpenUsers) -> None:
    rows = ", ".join(f"({id_}, '', '', '')" for id_ in [1, *[2] * 20, 3])
    users = users_of(f"{ANY_TYPE}; INSERT INTO users VALUES {rows}")
    assert parts_of(users, 5, users.bounds(5)) == [["1", *["2"] * 20], ["3"], [], [], []]


def test_rows_without_an_id_are_in_no_part(users_of: OpenUsers) -> None:
    users = users_of(f"{ANY_TYPE}; INSERT INTO users (id) VALUES (NULL), (1), (NULL), (2), (3)")
    assert parts_of(users, 3, users.bounds(3)) == [["1"], ["2"], ["3"]]
