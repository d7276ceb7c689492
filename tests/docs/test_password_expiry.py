"""The source of one's own on the page runs as it is printed, and its users get their mails."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.password_expiry import Pages, UserPage, UserSource, register
from cronfleet.apps.password_expiry.outbox.values import Shard
from cronfleet.config import load_settings
from cronfleet.config.users import UserSettings
from tests.apps.worlds import ask

PAGE = Path(__file__).parents[2] / "docs" / "password-expiry.md"
STAFF = """\
anna,anna@corp.test,Anna,2025-01-01
ben,ben@corp.test,"Smith, Ben",2025-01-01
new,new@corp.test,New,2999-01-01
"""


@pytest.fixture
def staff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's program, in a folder of its own."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "staff.py").write_text(code)
    (tmp_path / "staff.csv").write_text(STAFF)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    spec = importlib.util.spec_from_file_location("staff", tmp_path / "staff.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mails() -> list[Path]:
    return list(Path("var/mailbox").glob("*.eml"))


async def test_users_of_a_source_of_ones_own_are_mailed_once(staff: ModuleType) -> None:
    application = staff.application
    async with staff.scheduler:
        await application.prepare()
        job = await application._job()
        for token in (1, 2):
            await job.run(ask(token))
        notices = await application.notices()
        await application.close()
    assert application.describe()[0] == "users: the people in staff.csv"
    assert (notices["SENT"], sum(notices.values())) == (2, 2)
    assert len(mails()) == 2


def test_it_reads_pages_of_any_size(staff: ModuleType) -> None:
    users = staff.Staff()
    first = users.page(None, 2)
    second = users.page(first.last_id, 2)
    assert [user.key for user in (*first.users, *second.users)] == ["anna", "ben", "new"]
    assert users.page(second.last_id, 2).users == []


def test_what_cannot_be_read_is_an_error_of_the_application(staff: ModuleType) -> None:
    Path("staff.csv").unlink()
    with pytest.raises(staff.DatabaseError, match="No such file"):
        staff.Staff().find(["anna"])


def test_a_source_that_cannot_be_read_in_parts_is_refused_with_several(
    staff: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERS_SHARDS", "2")
    told = r"^USERS_SHARDS: staff\.csv cannot be read in parts; write 1, or leave it out$"
    with pytest.raises(ConfigurationError, match=told):
        register(Scheduler("memory:"), load_settings(), staff.Staff())


async def test_one_that_can_is_read_in_parts(
    staff: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERS_SHARDS", "3")
    scheduler = Scheduler("memory:")
    application = register(scheduler, load_settings(), _divisible(staff))
    async with scheduler:
        await application.prepare()
        job = await application._job()
        reports = [await job.run(replace(ask(), shard=Shard(n, 3))) for n in range(3)]
        await application.close()
    assert [report.users for report in reports] == [1, 1, 1]
    assert len(mails()) == 2


def _divisible(staff: ModuleType) -> UserSource:
    """The page's source with what it lacks."""

    class InParts(staff.Staff):
        def bounds(self, parts: int) -> list[str]:
            keys = [user.key for user in self.page(None).users]
            return [keys[len(keys) * part // parts - 1] for part in range(1, parts)]

        def part(self, after: str | None, until: str | None) -> Pages:
            return Stretch(self, after, until)

    class Stretch:
        def __init__(self, users: UserSource, after: str | None, until: str | None) -> None:
            self._users, self._after, self._until = users, after, until

        def page(self, after: object, limit: int = 500) -> UserPage:
            page = self._users.page(self._after if after is None else after, limit)
            users = [u for u in page.users if self._until is None or u.key <= self._until]
            return UserPage(users, page.last_id)

    return InParts()


def test_every_setting_has_a_row_in_the_table() -> None:
    text = PAGE.read_text()
    rows = "\n".join(re.findall(r"^\|(.*?)\|", text, re.MULTILINE))
    missing = [name for name in UserSettings.model_fields if f"`{name.upper()}`" not in rows]
    assert missing == []
