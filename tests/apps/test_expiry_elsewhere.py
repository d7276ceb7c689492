"""`cronfleet password-expiry` beside a program whose source of its own alone knows the users."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cronfleet import Scheduler
from cronfleet.apps.password_expiry import PasswordExpiry, register
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.making import columns_from
from cronfleet.apps.password_expiry.users.table import UserTable
from cronfleet.config import load_settings
from tests.apps.worlds import ask, make_users, row
from tests.unit.cli.commands import Said, Shell

DUE = 60


@pytest.fixture(params=["by default", "smtp", "ses"])
def shell(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """Where mails would leave, and no setting names the users."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    monkeypatch.setenv("EMAIL_USER", "it@corp.test")
    monkeypatch.setenv("EMAIL_PASSWORD", "hunter2")
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", "1")
    if request.param != "by default":
        monkeypatch.setenv("MAIL_SENDER", request.param)
    make_users(tmp_path / "company.db", map(row, range(DUE)))
    return Shell(tmp_path / "var" / "cronfleet.db", monkeypatch, capsys)


def expiry(shell: Shell, *arguments: str) -> Said:
    return shell("password-expiry", *arguments)


def run_the_program() -> None:
    """One run of its job: all are due, so they are held."""

    async def running(application: PasswordExpiry) -> None:
        await application.send(replace(ask(), draining=asyncio.Event()), 1)
        await application.close()

    settings = load_settings().model_copy(update={"mail_sender": ("smtp",)})
    users = UserTable(Database("sqlite:///company.db", "x", writes=False), columns_from(settings))
    asyncio.run(running(register(Scheduler("memory:"), settings, users)))


def test_a_hold_is_seen_and_lifted_without_knowing_the_users_or_making_a_sender(
    shell: Shell,
) -> None:
    run_the_program()
    assert "HELD since" in expiry(shell, "report").out
    assert expiry(shell, "parked").out == "Nothing is parked.\n"
    assert expiry(shell, "suppressed").status == 0
    told = expiry(shell, "approve", "--why", "looked").out.splitlines()
    assert told[0] == "approved: the first run: mails are sent from now on"
    assert "60 new notices at once" in told[1]
    report = expiry(shell, "report", "--json").json
    assert (report["holds"], report["is_dry"]) == ([], False)
    assert expiry(shell, "forget", "7", "--yes").out.startswith("1 notices tell nothing")
    assert not Path("var/sample-users.db").exists()


def test_a_check_says_the_hold_and_that_the_users_are_not_known(shell: Shell) -> None:
    run_the_program()
    findings = {each["what"]: each for each in expiry(shell, "check", "--json").json["findings"]}
    assert findings["sending"]["condition"] == "wrong"
    assert findings["sending"]["said"].startswith("held: 60 new notices")
    assert findings["users"]["condition"] == "note"
    assert "a source of your own" in findings["users"]["said"]
    assert "sample users" not in findings["mail"]["said"]


def test_a_check_says_what_is_held_also_where_mails_go_to_the_folder(shell: Shell) -> None:
    run_the_program()
    shell.monkeypatch.setenv("MAIL_SENDER", "mailbox")
    findings = {each["what"]: each for each in expiry(shell, "check", "--json").json["findings"]}
    assert findings["sending"]["condition"] == "note"
    assert "60 new notices" in findings["sending"]["said"]


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--to", "me@corp.test")])
def test_made_up_users_are_not_foretold_in_their_place(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    shell.monkeypatch.setenv("MAIL_SENDER", "smtp")
    said = expiry(shell, "send", *arguments)
    assert (said.status, "a source of your own" in said.err) == (2, True)
    assert not Path("var/sample-users.db").exists()
