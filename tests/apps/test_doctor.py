"""What the password-expiry application needs, looked at before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from cronfleet import Condition, Finding
from cronfleet.apps.mailing.smtp import SmtpSender, SmtpServer
from cronfleet.apps.password_expiry import making
from cronfleet.apps.password_expiry.doctor import examine
from cronfleet.config import load_settings
from tests.apps.mail_server import PASSWORD, USER, MailServer, mail_server
from tests.apps.worlds import make_users, row

Set = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="set_")
def _set(monkeypatch: pytest.MonkeyPatch) -> Set:
    return monkeypatch.setenv


@pytest.fixture
def real_users(tmp_path: Path, set_: Set) -> Path:
    file = tmp_path / "company.db"
    make_users(file, [row(1)])
    set_("USERS_DATABASE_URL", f"sqlite:///{file}")
    return file


async def finding(what: str) -> Finding:
    return next(each for each in await examine(load_settings()) if each.what == what)


def test_a_bare_machine_is_well_and_stays_bare() -> None:
    found = asyncio.run(examine(load_settings()))
    assert [each.what for each in found] == ["users", "notices", "mail", "letterhead", "sending"]
    assert {each.condition for each in found} == {Condition.NOTE, Condition.WELL}
    assert list(Path.cwd().iterdir()) == []


def test_users_that_can_be_read_are_well_and_unchanged(real_users: Path) -> None:
    before = real_users.read_bytes()
    assert asyncio.run(finding("users")).condition is Condition.WELL
    assert asyncio.run(finding("notices")).condition is Condition.WELL
    assert real_users.read_bytes() == before


@pytest.mark.parametrize(
    ("setting", "value"),
    [("USERS_TABLE", "people"), ("USERS_EMAIL_COLUMN", "mail"), ("USERS_ID_COLUMN", "number")],
)
async def test_a_table_or_column_that_is_not_there_must_be_set(
    real_users: Path, set_: Set, setting: str, value: str
) -> None:
    set_(setting, value)
    found = await finding("users")
    assert found.condition is Condition.SETTING
    assert value in found.said


def test_a_file_of_notices_that_is_yet_to_come_is_not_made(real_users: Path, set_: Set) -> None:
    set_("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    assert asyncio.run(finding("notices")).condition is Condition.NOTE
    assert not Path("notices.db").exists()


def test_the_users_of_a_programs_own_source_are_nothing_wrong(set_: Set) -> None:
    """With its settings alone, nobody knows them; made-up ones are not taken for them."""
    set_("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    found = asyncio.run(finding("users"))
    assert found.condition is Condition.NOTE
    assert "users of a source of your own" in found.said


async def test_a_mailbox_that_cannot_be_written_to_is_wrong(set_: Set, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    set_("MAILBOX_DIR", str(tmp_path / "file" / "mails"))
    assert (await finding("mail")).condition is Condition.WRONG


@pytest.mark.parametrize(
    ("password", "condition", "said"),
    [
        (PASSWORD, Condition.WELL, "would take a mail"),
        ("wrong", Condition.WRONG, "refuses the login"),
    ],
)
async def test_the_mail_servers_login_is_tried_and_nothing_is_sent(
    real_users: Path,
    set_: Set,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    condition: Condition,
    said: str,
) -> None:
    server = MailServer()
    async with mail_server(tls=server.identity(), server=server):
        set_("EMAIL_USER", USER)
        set_("EMAIL_PASSWORD", password)
        set_("SMTP_HOST", "localhost")
        set_("SMTP_PORT", str(server.port))

        def trusting(asked: SmtpServer) -> SmtpSender:
            assert (asked.host, asked.port, asked.user) == ("localhost", server.port, USER)
            return SmtpSender(server.client(password=asked.password or ""))

        monkeypatch.setattr(making, "SmtpSender", trusting)
        found = await finding("mail")
        assert (found.condition, server.mails) == (condition, [])
        assert said in found.said
        assert "hunter2" not in found.said
        assert set(server.logins) == {condition is Condition.WELL}


async def test_a_template_that_cannot_be_used_must_be_changed(set_: Set, tmp_path: Path) -> None:
    (tmp_path / "mails" / "de").mkdir(parents=True)
    (tmp_path / "mails" / "de" / "expired.txt").write_text("Subject: x\n{{ nam }}")
    set_("TEMPLATES_DIR", str(tmp_path / "mails"))
    found = await finding("letterhead")
    assert found.condition is Condition.SETTING
    assert "de/expired.txt line 2: there is no variable 'nam'" in found.said


async def test_a_summary_to_nobody_must_be_set_otherwise(set_: Set) -> None:
    set_("SUMMARY_TO", "it@example.com, it")
    found = await finding("letterhead")
    assert found.condition is Condition.SETTING
    assert found.said.startswith("SUMMARY_TO ")


async def test_quiet_hours_that_would_hold_each_run_must_be_set_otherwise(set_: Set) -> None:
    set_("CRON_SCHEDULE", "0 2 * * *")
    set_("QUIET_HOURS", "22:00-07:00")
    found = await finding("sending")
    assert found.condition is Condition.SETTING
    assert found.said.startswith("QUIET_HOURS 22:00-07:00 hold each run")
