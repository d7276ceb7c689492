"""Notices in a database that has not all letters: what servers and people say is in any language."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from cronfleet.apps.mailing.sending import Answer, SendResult
from cronfleet.apps.password_expiry.care.keeping import Allowance, Keeper
from cronfleet.apps.password_expiry.outbox.states import Decision, NoticeState
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from tests.apps import mariadb, postgres, test_on_mariadb, test_on_postgresql
from tests.apps.outboxes import put_in
from tests.apps.worlds import Answers, Recorder, World

SAID = "550 用户不存在"
IN_ASCII = r"550 \u7528\u6237\u4e0d\u5b58\u5728"


def on_latin_postgres(server: str) -> Generator[World]:
    postgres.statements(
        server,
        "DROP DATABASE IF EXISTS latin WITH (FORCE)",
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    url = f"{server.removesuffix('postgres')}latin"
    postgres.statements(url, *test_on_postgresql.people("id", "int", "i", 3))
    with test_on_postgresql.world_at(url) as world:
        yield world


def on_latin_mariadb(server: str, *, has_old_tables: bool) -> Generator[World]:
    url = f"{server}/cronfleet_latin"
    mariadb.statements(server, "DROP DATABASE IF EXISTS cronfleet_latin")
    mariadb.statements(server, "CREATE DATABASE cronfleet_latin CHARACTER SET latin1")
    mariadb.statements(url, *test_on_mariadb.people("INT", "seq", 3))
    with test_on_mariadb.world_at(url) as world:
        if has_old_tables:
            for table in ("password_notices", "password_approvals"):
                mariadb.statements(url, f"ALTER TABLE {table} CONVERT TO CHARACTER SET latin1")
        yield world


@pytest.fixture(params=["postgresql", "mariadb"])
def latin(request: pytest.FixtureRequest) -> Generator[World]:
    """Of a database without Chinese letters, made before there was a thought of them."""
    if request.param == "postgresql":
        yield from on_latin_postgres(request.getfixturevalue("users_postgres"))
    else:
        server = request.getfixturevalue("users_mariadb")
        yield from on_latin_mariadb(server, has_old_tables=True)


@pytest.fixture
def new_on_mariadb(users_mariadb: str) -> Generator[World]:
    yield from on_latin_mariadb(users_mariadb, has_old_tables=False)


@pytest.mark.parametrize(
    ("answer", "state", "hands_off"),
    [
        (Answer.ACCEPTED, "SENT", True),
        (Answer.REFUSED, "DEAD", True),
        (Answer.REFUSED, "DEAD", False),
        (Answer.LATER, "PENDING", True),
        (Answer.LATER, "PENDING", False),
    ],
)
async def test_a_reply_that_it_cannot_hold_settles_the_notice_all_the_same(
    latin: World, answer: Answer, state: str, hands_off: bool
) -> None:
    await latin.run(Answers(SendResult(answer, SAID), hands_off=hands_off), most=1)
    (said,) = {notice.reason for notice in latin.outbox.recent(9) if notice.reason}
    assert said == IN_ASCII
    await latin.run(Recorder())
    assert sorted(latin.states().values()) == sorted([state, "SENT", "SENT"])


async def test_an_address_where_nobody_lives_is_suppressed_whatever_the_server_says(
    latin: World,
) -> None:
    await latin.run(Answers(SendResult(Answer.REFUSED, SAID, is_gone=True)), most=1)
    assert latin.outbox.suppressed([f"u{number}@corp.test" for number in (1, 2, 3)])


async def test_what_a_person_says_is_kept_as_far_as_it_can_be(latin: World) -> None:
    await latin.run(Recorder())
    keeper = Keeper(latin.outbox, Allowance(needs_approval=True, dry_run=None))
    assert keeper.approve("花子", "確認しました")
    (approval,) = keeper.records.approvals()
    assert approval.who in {r"\u82b1\u5b50", "??"}  # What MariaDB makes of it when it is to ignore.
    put_in(latin.outbox, NoticeKey("1", ""), NoticeState.UNCERTAIN)
    (parked,) = keeper.parked()
    assert keeper.decide(parked.id, Decision.DROP, "花子", "").state is NoticeState.DEAD


async def test_new_tables_on_mariadb_hold_all_letters(new_on_mariadb: World) -> None:
    await new_on_mariadb.run(Answers(SendResult(Answer.LATER, SAID)), most=1)
    assert SAID in {notice.reason for notice in new_on_mariadb.outbox.recent(9)}
