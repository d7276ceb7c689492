"""Transactions that wait for each other in a ring: one is undone, and carried out once more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text

from cronfleet.apps.password_expiry.databases.databases import Database, UndoneError
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from tests.apps.outboxes import ANNA, BEN


@pytest.fixture(params=["on_postgres", "on_mariadb"])
def rivals(request: pytest.FixtureRequest) -> Generator[tuple[Outbox, Outbox]]:
    """Two outboxes of one database, with a notice each for Anna and Ben."""
    url = request.getfixturevalue(request.param)
    both = [Outbox(Database(url, "NOTICES_DATABASE_URL", writes=True)) for _ in range(2)]
    for each in both:
        each.prepare()
    both[0].add([ANNA, BEN])
    yield both[0], both[1]
    for each in both:
        each.database.close()


def lock_each(connection: Connection, users: Sequence[str], meet: Callable[[], object]) -> None:
    """Lock the notice of the first, meet the rival, and want the other one as well."""
    statement = text("UPDATE password_notices SET failures = failures + 1 WHERE user_id = :user")
    connection.execute(statement, {"user": users[0]})
    meet()
    connection.execute(statement, {"user": users[1]})


def test_a_ring_is_told_from_other_failures(rivals: tuple[Outbox, Outbox]) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def lock(outbox: Outbox, *users: str) -> None:
        with outbox.database.begin() as connection:
            lock_each(connection, users, meeting.wait)

    with ThreadPoolExecutor(2) as threads:
        ends = [
            threads.submit(lock, rivals[0], "anna", "ben"),
            threads.submit(lock, rivals[1], "ben", "anna"),
        ]
    errors = [error for end in ends if (error := end.exception())]
    assert [type(error) for error in errors] == [UndoneError]


def test_who_was_undone_tries_once_more(rivals: tuple[Outbox, Outbox]) -> None:
    meeting = threading.Barrier(2, timeout=20)
    tries: list[str] = []

    def commit(outbox: Outbox, *users: str) -> None:
        mine: list[str] = []

        def work(connection: Connection) -> None:
            mine.append(users[0])
            # The rival is through when this is tried again, and meets nobody any more.
            lock_each(connection, users, meeting.wait if len(mine) == 1 else lambda: None)

        outbox._commit(work)
        tries.extend(mine)

    with ThreadPoolExecutor(2) as threads:
        for end in [
            threads.submit(commit, rivals[0], "anna", "ben"),
            threads.submit(commit, rivals[1], "ben", "anna"),
        ]:
            end.result()
    assert len(tries) >= 3  # Whoever tries again may be the quicker one once more.
    with rivals[0].database.begin() as connection:
        counted = connection.execute(text("SELECT failures FROM password_notices")).scalars()
        assert list(counted) == [2, 2]


def test_whoever_is_undone_again_and_again_is_an_error(
    rivals: tuple[Outbox, Outbox],
) -> None:
    tries: list[int] = []

    def work(_: Connection) -> None:
        tries.append(1)
        raise UndoneError("again")

    with pytest.raises(UndoneError):
        rivals[0]._commit(work)
    assert len(tries) == 5
