"""The same users give the same notices and mails, wherever they are stored."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cronfleet.apps.password_expiry.care.care import Care
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.databases.files import private_file
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.making import rule_from
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.outbox.values import Shard
from cronfleet.apps.password_expiry.sending.delivery import Ask, Parts
from cronfleet.apps.password_expiry.sources import source_from
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.config import Settings
from tests.apps.slapd import PASSWORD, PEOPLE, READER, own_slapd
from tests.apps.thousand import (
    ATTRIBUTES,
    COLUMNS,
    COUNT,
    IDS,
    NOW,
    due,
    entries,
    in_database,
    in_sqlite,
    people,
)
from tests.apps.worlds import Recorder
from tests.conftest import in_use_as

REMIND = (14, 7, 3, 1)
pytestmark = pytest.mark.timeout(180)


class Found:
    """What a run over a source made and sent."""

    def __init__(self, notices: dict[NoticeKey, str], mails: Counter[str], bad_rows: int) -> None:
        self.notices = notices
        self.mails = mails
        self.bad_rows = bad_rows


async def found_in(outbox_url: str, shards: int = 1, /, **given: Any) -> Found:
    settings = Settings(remind_days_before=REMIND, **given)
    users, sender = source_from(settings), Recorder()
    outbox = Outbox(Database(outbox_url, "NOTICES_DATABASE_URL", writes=True))
    try:
        users.check()
        outbox.prepare()
        parts = Parts(users, outbox, sender, rule_from(settings), Letterhead("it@example.com"))
        log = logging.LoggerAdapter(logging.getLogger("test.same"), {})
        care = Care(Records(outbox.database), canary=None)
        reports = await asyncio.gather(
            *(
                ExpiryJob(parts, most=5000, is_dry=False, care=care).run(
                    Ask(number, NOW, log, shard=Shard(number, shards))
                )
                for number in range(shards)
            )
        )
        notices = {notice.key: notice.state.value for notice in outbox.recent(5000)}
    finally:
        users.close()
        outbox.database.close()
    assert sum(report.users for report in reports) == COUNT
    bad_rows = sum(report.bad_rows for report in reports)
    return Found(notices, Counter(sender.recipients), bad_rows)


def assert_is_right(found: Found) -> None:
    expected = due(people(), REMIND, 90)
    assert {key.user: key.threshold for key in found.notices} == expected
    addresses = {person.login: person.email for person in people()}
    wanted = [address for login in expected if (address := addresses[login])]
    assert found.mails == Counter(wanted)
    unaddressed = {login for login in expected if addresses[login] is None}
    dead = {key.user for key, state in found.notices.items() if state == "DEAD"}
    assert (dead, found.bad_rows) == (unaddressed, 0)
    assert {"expired", "14d", "7d", "3d", "1d"} == set(expected.values())


async def test_a_thousand_users_give_the_same_notices_from_each_kind_of_source(
    pytestconfig: pytest.Config, tmp_path: Path, on_postgres: str, on_mariadb: str
) -> None:
    pytest.importorskip("ldap3", reason="ldap3 is not installed")
    urls = {
        "sqlite": in_sqlite(tmp_path),
        "postgresql": in_database(on_postgres),
        "mariadb": in_database(on_mariadb),
    }
    found = {
        kind: await found_in(url, users_database_url=url, **COLUMNS) for kind, url in urls.items()
    }
    directory = in_use_as(pytestconfig, lambda: own_slapd(entries()))
    with directory as server:
        found["openldap"] = await found_in(
            f"sqlite:///{private_file(tmp_path / 'notices.db')}",
            users_ldap_url=server.url,
            users_ldap_base=PEOPLE,
            users_ldap_bind_dn=READER,
            users_ldap_password=PASSWORD,
            **ATTRIBUTES,
        )
    assert_is_right(found["sqlite"])
    for kind, each in found.items():
        assert each.notices == found["sqlite"].notices, kind
        assert each.mails == found["sqlite"].mails, kind
        assert each.bad_rows == 0, kind


@pytest.mark.parametrize("id_column", IDS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
async def test_in_any_number_of_shards_they_give_the_same_notices(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, id_column: str
) -> None:
    servers = {"postgresql": "on_postgres", "mariadb": "on_mariadb"}
    server = servers.get(kind)
    url = in_database(request.getfixturevalue(server)) if server else in_sqlite(tmp_path)
    columns = COLUMNS | {"users_id_column": id_column}
    found = {
        shards: await found_in(
            f"sqlite:///{private_file(tmp_path / f'notices-{shards}.db')}",
            shards,
            users_database_url=url,
            **columns,
        )
        for shards in (1, 3, 7)
    }
    if id_column == "login":
        assert_is_right(found[1])
    assert len(found[1].notices) > 300
    for shards, each in found.items():
        assert each.notices == found[1].notices, shards
        assert each.mails == found[1].mails, shards
