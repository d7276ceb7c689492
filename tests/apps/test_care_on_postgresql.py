"""Holds, approvals, parked notices and retention on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta

import pytest

from cronfleet.apps.password_expiry.care.parked import HARD_LIFETIME, Parked
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.opening import opened_outbox
from cronfleet.apps.password_expiry.outbox.preparing import ddl
from cronfleet.apps.password_expiry.outbox.states import Decision, NoticeState
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.config import load_settings
from tests.apps.outboxes import let_pass, put_in
from tests.apps.postgres import statements
from tests.apps.test_care import Careful
from tests.apps.test_on_postgresql import people, server, url, world_at

__all__ = ["server", "url"]

pytest.importorskip("psycopg", reason="psycopg is not installed")


@pytest.fixture
def these(url: str) -> Generator[Careful]:
    statements(url, *people("id", "int", "i", 60))
    with world_at(url) as world:
        yield Careful(world)


async def test_what_is_held_is_sent_once_it_is_approved(these: Careful) -> None:
    await these.run()
    assert these.sender.mails == []
    assert len(these.keeper.approve("anna", "so")) == 1
    await these.run()
    assert len(these.sender.mails) == 60
    (last, first) = these.keeper.report().runs
    assert (first.made, first.is_held, last.made, last.is_held) == (60, True, 0, False)


async def test_notices_are_parked_forgotten_and_deleted(
    these: Careful,
    url: str,
) -> None:
    await these.run()
    these.keeper.approve("anna", "")
    await these.run()
    outbox, parked = these.world.outbox, Parked(these.world.outbox.database)
    put_in(outbox, NoticeKey("1", ""), NoticeState.UNCERTAIN)
    let_pass(outbox, HARD_LIFETIME)
    (notice,) = these.keeper.parked()
    assert parked.decide(notice.id, Decision.RESEND, "anna", "").state is NoticeState.PENDING
    assert parked.forget("2").forgotten == 1
    statements(url, "DELETE FROM users WHERE id > 30")
    let_pass(outbox, timedelta(days=401))
    await these.run()
    assert len(outbox.recent(1000)) == 30


def test_the_statements_for_a_dba_make_all_that_is_needed(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = Database(url, "NOTICES_DATABASE_URL", writes=True)
    statements(url, *people("id", "int", "i"), *ddl(database).split(";\n"))
    database.close()
    monkeypatch.setenv("USERS_DATABASE_URL", url)
    with opened_outbox(load_settings(), makes=False) as outbox:
        assert outbox is None
    with opened_outbox(load_settings(), makes=True) as outbox:
        assert outbox
        assert outbox.counts()[NoticeState.PENDING] == 0
