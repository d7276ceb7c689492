from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cronfleet.apps.mailing.addresses import checked_address, readable_name
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.users.policy import ExpiryRule, NoticeKey, User
from cronfleet.apps.password_expiry.users.sample import EXPIRED, USERS, make_sample_database
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def sample(tmp_path: Path) -> list[User]:
    url = make_sample_database(tmp_path / "var" / "sample-users.db", NOW)
    database = Database(url, "the sample database", writes=False)
    users = UserTable(database, UserColumns()).page(None, limit=1000).users
    database.close()
    return users


def expired(users: list[User], days: int, now: datetime = NOW) -> list[User]:
    rule = ExpiryRule(timedelta(days=days))
    return [user for user in users if rule.due_notice(user, now)]


@pytest.mark.parametrize("days", [83, 89, 90, 91, 97])
def test_40_of_200_have_expired_also_with_a_somewhat_changed_age(tmp_path: Path, days: int) -> None:
    users = sample(tmp_path)
    assert (len(users), len(expired(users, days))) == (USERS, EXPIRED)


def test_every_expired_one_can_be_mailed_at_an_address_of_its_own(tmp_path: Path) -> None:
    users = expired(sample(tmp_path), 90)
    addresses = {checked_address(user.address or "") for user in users}
    assert len(addresses) == EXPIRED
    for user in users:
        letterhead = Letterhead("it@example.com")
        key = NoticeKey(user.key, NOW.isoformat())
        letterhead.write("0" * 32, checked_address(user.address or ""), user, key, NOW, NOW)


def test_no_address_leads_to_anyone(tmp_path: Path) -> None:
    for user in sample(tmp_path):
        assert str(user.address).endswith(("@example.com", ".example.com", ".invalid"))


def test_some_names_are_odd(tmp_path: Path) -> None:
    names = [user.name for user in expired(sample(tmp_path), 90)]
    for sort in ("'", '"', "\n", "\a", "<script>", "李", "محمد", "\u202e"):
        assert any(sort in name for name in names)
    assert any(len(name) > 300 for name in names)
    assert any(not readable_name(name) for name in names)


def test_as_time_passes_more_expire(tmp_path: Path) -> None:
    later = expired(sample(tmp_path), 90, NOW + timedelta(days=30))
    assert EXPIRED < len(later) < USERS


def test_all_who_come_at_once_find_the_same_200(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(sample, [tmp_path] * 6))
    assert all(users == found[0] for users in found)
    assert len(found[0]) == USERS


def test_a_sample_database_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    before = sample(tmp_path)
    make_sample_database(tmp_path / "var" / "sample-users.db", NOW + timedelta(days=9))
    assert sample(tmp_path) == before


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    sample(tmp_path)
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "var" / "sample-users.db").stat().st_mode) == 0o600
