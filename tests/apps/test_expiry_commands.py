"""`cronfleet password-expiry`, as a shell sees it."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from cronfleet.apps.password_expiry.care.parked import HARD_LIFETIME
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.outbox.suppression import fingerprint
from tests.apps.outboxes import OneByOne, let_pass
from tests.apps.worlds import make_users, row
from tests.unit.cli.commands import Said, Shell

EXPIRED, USERS = 3, 8
COMMANDS = (
    ("approve",),
    ("report",),
    ("forget", "7", "--yes"),
    ("init-db",),
    ("init-db", "--print-sql"),
    ("send", "--dry-run"),
    ("preview", "--user", "7"),
)


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """In a folder with a users' database, of whom three are due."""
    monkeypatch.chdir(tmp_path)
    users = [row(n) if n <= EXPIRED else row(n, "2999-01-01") for n in range(1, USERS + 1)]
    make_users(tmp_path / "company.db", users)
    monkeypatch.setenv("USERS_DATABASE_URL", f"sqlite:///{tmp_path}/company.db")
    return Shell(tmp_path / "var" / "cronfleet.db", monkeypatch, capsys)


@pytest.fixture
def by_smtp(shell: Shell) -> Shell:
    """Where mails would leave."""
    shell.monkeypatch.setenv("EMAIL_USER", "it@corp.test")
    shell.monkeypatch.setenv("EMAIL_PASSWORD", "hunter2")
    shell.monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    shell.monkeypatch.setenv("SMTP_PORT", "1")
    return shell


def expiry(shell: Shell, *arguments: str) -> Said:
    return shell("password-expiry", *arguments)


def set_directory(shell: Shell) -> None:
    """One that nobody is to ask."""
    shell.monkeypatch.setenv("USERS_LDAP_URL", "ldap://127.0.0.1:1")
    shell.monkeypatch.setenv("USERS_LDAP_BASE", "dc=corp,dc=test")


def mails() -> list[str]:
    files = sorted(Path("var/mailbox").glob("*.eml"))
    return [str(message_from_bytes(file.read_bytes())["To"]) for file in files]


def tables(file: Path = Path("company.db")) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in names} - {"sqlite_sequence"}


def test_all_is_well_is_status_zero(shell: Shell) -> None:
    said = expiry(shell, "check")
    assert said.status == 0, said.out
    assert {each["what"] for each in expiry(shell, "check", "--json").json["findings"]} == {
        "users",
        "notices",
        "mail",
        "letterhead",
        "sending",
    }
    assert tables() == {"users"}


def test_what_is_wrong_is_status_one(by_smtp: Shell) -> None:
    said = expiry(by_smtp, "check")
    assert said.status == 1
    assert "mail" in said.out


def test_a_dry_run_tells_what_would_be_and_makes_nothing(by_smtp: Shell) -> None:
    said = expiry(by_smtp, "send", "--dry-run")
    assert said.status == 0, said.err
    assert "8 users read, 3 due" in said.out
    assert "3 mails would go to the mail server 127.0.0.1:1" in said.out
    assert "1     expired    2025-04-01T00:00:00Z" in said.out.splitlines()
    assert "nothing would be sent before an approval" in said.out
    found = expiry(by_smtp, "send", "--dry-run", "--json", "--limit", "2").json
    assert (found["made"], found["to_send"], found["is_dry"]) == (3, 3, True)
    assert [each["user"] for each in found["first"]] == ["1", "2"]
    assert found["first"][0]["expires"] == "2025-04-01T00:00:00Z"
    said = expiry(by_smtp, "send", "--dry-run", "--limit", "2")
    assert "2 a run at most" in said.out
    assert said.out.endswith("and 1 more\n")
    assert tables() == {"users"}


def test_a_dry_run_counts_copies_and_unreadable_rows_as_the_run_does(shell: Shell) -> None:
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.execute("ALTER TABLE users ADD COLUMN boss")
        connection.execute("UPDATE users SET boss = 'boss@corp.test' WHERE id < 3")
        connection.execute("UPDATE users SET password_changed_at = 'soon' WHERE id = 8")
    shell.monkeypatch.setenv("USERS_MANAGER_EMAIL_COLUMN", "boss")
    shell.monkeypatch.setenv("COPY_TO_MANAGER", "expired")
    found = expiry(shell, "send", "--dry-run", "--json").json
    assert (found["due"], found["made"], found["bad_rows"]) == (5, 5, 1)
    assert "8 users read, 5 due, 5 new notices, 1 unreadable" in expiry(shell, "send", "--yes").out


def test_a_dry_run_says_what_would_be_held(by_smtp: Shell) -> None:
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", map(row, range(100, 160)))
    assert "would be held: 63 new notices" in expiry(by_smtp, "send", "--dry-run").out


def test_a_dry_run_counts_what_only_the_mailbox_has_had(by_smtp: Shell) -> None:
    by_smtp.monkeypatch.setenv("MAIL_SENDER", "mailbox")
    expiry(by_smtp, "send", "--yes")
    assert expiry(by_smtp, "send", "--dry-run", "--json").json["to_send"] == 0
    by_smtp.monkeypatch.delenv("MAIL_SENDER")
    found = expiry(by_smtp, "send", "--dry-run", "--json").json
    assert (found["made"], found["to_send"], found["reopened"]) == (0, 3, 3)
    assert "only the mailbox folder has had 3, which" in expiry(by_smtp, "send", "--dry-run").out


def test_a_dry_run_counts_copies_and_whom_no_mail_can_reach(by_smtp: Shell) -> None:
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.execute("ALTER TABLE users ADD manager text DEFAULT 'boss@corp.test'")
        connection.execute("UPDATE users SET email = 'anna@example.com' WHERE id = 1")
        connection.execute("UPDATE users SET email = NULL WHERE id = 2")
    expiry(by_smtp, "init-db")
    suppress(3)
    by_smtp.monkeypatch.setenv("USERS_MANAGER_EMAIL_COLUMN", "manager")
    by_smtp.monkeypatch.setenv("COPY_TO_MANAGER", "expired")
    said = expiry(by_smtp, "send", "--dry-run")
    assert "8 users read, 6 due" in said.out
    assert "6 new notices would be made; 3 mails would go" in said.out
    assert "without an address that a mail can go to: 3" in said.out
    found = expiry(by_smtp, "send", "--dry-run", "--json").json
    assert {each["threshold"] for each in found["first"]} == {"expired/manager"}


def test_nothing_is_sent_before_an_approval(by_smtp: Shell) -> None:
    said = expiry(by_smtp, "send", "--yes")
    assert (said.status, "until somebody approves" in said.err) == (1, True)
    said = expiry(by_smtp, "approve", "--why", "tried")
    assert said.out == "approved: the first run: mails are sent from now on\n"
    assert expiry(by_smtp, "approve").out == "nothing waits for an approval\n"
    report = expiry(by_smtp, "report", "--json").json
    assert (report["is_dry"], report["approval"]["why"]) == (False, "tried")


def test_an_approval_does_not_go_before_the_setting(by_smtp: Shell) -> None:
    by_smtp.monkeypatch.setenv("DRY_RUN", "true")
    assert "DRY_RUN=true still keeps" in expiry(by_smtp, "approve").out


def test_a_run_by_hand_asks_first_and_sends(shell: Shell) -> None:
    shell.monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    said = expiry(shell, "send")
    assert (said.status, mails()) == (1, [])
    assert "Send 3 mails by the mailbox folder" in said.err
    assert expiry(shell, "send", "--yes", "--limit", "1").status == 0
    assert len(mails()) == 1
    said = expiry(shell, "send", "--yes")
    assert "2 SENT; 0 to be sent" in said.out
    assert len(mails()) == 3


@pytest.mark.parametrize("flags", [("--yes",), ("--dry-run",), ("--to", "me@corp.test")])
def test_nothing_is_sent_to_made_up_users_beside_real_notices(
    shell: Shell, flags: tuple[str, ...]
) -> None:
    """A command does not know the users of a source of one's own."""
    shell.monkeypatch.setenv("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    expiry(shell, "send", "--yes")
    shell.monkeypatch.delenv("USERS_DATABASE_URL")
    before = Path("notices.db").read_bytes()
    said = expiry(shell, "send", *flags)
    assert (said.status, "Set USERS_DATABASE_URL to your users" in said.err) == (2, True)
    assert Path("notices.db").read_bytes() == before
    assert len(mails()) == EXPIRED


def test_one_user_alone_is_mailed(shell: Shell) -> None:
    expiry(shell, "send", "--yes", "--limit", "1", "--only", "2", "--only", "7")
    assert mails() == ["user2@corp.test"]
    expiry(shell, "send", "--yes", "--only", "3")
    assert set(mails()) == {"user2@corp.test", "user3@corp.test"}


@pytest.mark.parametrize("flags", [("--yes",), ("--dry-run",), ("--to", "me@corp.test")])
def test_an_id_that_no_user_has_is_named_and_nobody_is_mailed(
    shell: Shell, flags: tuple[str, ...]
) -> None:
    said = expiry(shell, "send", *flags, "--only", "2", "--only", "99", "--only", "2")
    assert (said.status, said.err) == (2, "cronfleet: no user has the id '99'\n")
    assert mails() == []


def test_an_id_of_several_rows_is_named_and_nobody_is_mailed(shell: Shell) -> None:
    """A run refuses them both: the address of either may be the wrong one."""
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.execute(
            "CREATE VIEW accounts AS SELECT * FROM users UNION ALL SELECT * FROM old"
        )
        connection.execute("CREATE TABLE old AS SELECT * FROM users WHERE id = 2")
    shell.monkeypatch.setenv("USERS_TABLE", "accounts")
    said = expiry(shell, "send", "--yes", "--only", "2", "--only", "3")
    assert (said.status, "the id '2' stands in several rows" in said.err) == (2, True)
    assert mails() == []


def test_mails_to_oneself_say_whose_they_are_and_are_noted_nowhere(shell: Shell) -> None:
    said = expiry(shell, "send", "--to", "me@corp.test", "--only", "2")
    assert said.out.startswith("sent to me@corp.test: 1; "), said.err
    (file,) = Path("var/mailbox").glob("*.eml")
    mail = message_from_bytes(file.read_bytes())
    assert mail["To"] == "me@corp.test"
    assert str(mail["Subject"]).startswith("[for user 2] ")
    assert tables() == {"users"}


def test_as_many_mails_to_oneself_as_the_limit_says(shell: Shell) -> None:
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", map(row, range(100, 130)))
    said = expiry(shell, "send", "--to", "me@corp.test", "--limit", "30")
    assert (said.out[:25], len(mails())) == ("sent to me@corp.test: 30;", 30)
    assert len(expiry(shell, "send", "--dry-run", "--json").json["first"]) == 20


def test_an_address_that_is_none_is_said(shell: Shell) -> None:
    said = expiry(shell, "send", "--to", "nobody")
    assert (said.status, "--to:" in said.err) == (2, True)


def test_in_quiet_hours_it_says_why_nothing_is_sent_and_does_not_ask(shell: Shell) -> None:
    now = datetime.now(UTC)
    span = (now - timedelta(hours=1), now + timedelta(hours=1))
    shell.monkeypatch.setenv("QUIET_HOURS", "-".join(f"{each:%H:%M}" for each in span))
    shell.monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    for arguments in ((), ("--yes",), ("--yes", "--only", "2")):
        said = expiry(shell, "send", *arguments)
        assert (said.status, said.out, "Send 3" in said.err) == (1, "", False)
        assert "nothing is sent now: these are QUIET_HOURS" in said.err
    assert "nothing would be sent now: these are" in expiry(shell, "send", "--dry-run").out
    assert expiry(shell, "send", "--dry-run", "--json").json["is_quiet"]
    shell.monkeypatch.delenv("QUIET_HOURS")
    assert not expiry(shell, "send", "--dry-run", "--json").json["is_quiet"]
    assert mails() == []


def test_the_report_tells_the_funnel_and_the_runs(shell: Shell) -> None:
    assert "there is no outbox yet" in expiry(shell, "report").err
    expiry(shell, "send", "--yes")
    said = expiry(shell, "report")
    assert "SENT" in said.out
    assert "NEW" in said.out
    report = expiry(shell, "report", "--json").json
    assert report["counts"]["SENT"] == 3
    assert (report["runs"][0]["users"], report["runs"][0]["made"]) == (USERS, 3)


def parked_notice() -> str:
    """One of which nobody knows whether it arrived."""
    outbox = OneByOne(Database("sqlite:///company.db", "x", writes=True))
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.execute("UPDATE password_notices SET state = 'UNCERTAIN' WHERE user_id = '2'")
    let_pass(outbox, HARD_LIFETIME - timedelta(minutes=1))
    outbox.database.close()
    with closing(sqlite3.connect("company.db")) as connection:
        query = "SELECT id FROM password_notices WHERE user_id = '2'"
        return str(connection.execute(query).fetchone()[0])


def test_parked_notices_are_listed_and_decided_about(shell: Shell) -> None:
    expiry(shell, "send", "--yes")
    assert expiry(shell, "parked").out == "Nothing is parked.\n"
    notice = parked_notice()
    assert notice in expiry(shell, "parked").out
    said = expiry(shell, "resend", notice)
    assert (said.status, "may still be at it" in said.err) == (1, True)
    said = expiry(shell, "approve", notice, "--why", "the log says so", "--json")
    assert (said.json["state"], said.json["reason"][-17:]) == ("SENT", ": the log says so")
    assert "it is SENT" in expiry(shell, "drop", notice).err
    assert "there is no notice" in expiry(shell, "drop", "nothing").err


def test_a_person_is_forgotten(shell: Shell) -> None:
    expiry(shell, "send", "--yes")
    assert expiry(shell, "forget", "2", "--yes").out.startswith("1 notices tell nothing")
    again = expiry(shell, "forget", "2", "--yes", "--json").json
    assert again == {"forgotten": 0, "under_way": 0, "unsuppressed": False}
    assert "0 new notices" in expiry(shell, "send", "--yes").out
    assert len(mails()) == 3


def suppress(*users: int) -> None:
    """As when a mail server has said that nobody lives there."""
    with closing(sqlite3.connect("company.db")) as connection, connection:
        for user in users:
            print_ = fingerprint(f"user{user}@corp.test")
            values = (print_, f"550 5.1.1 no user {user}", 1_700_000_000_000 + user)
            connection.execute("INSERT INTO password_suppressed VALUES (?, ?, ?)", values)


def test_suppressed_addresses_are_listed_and_let_go(shell: Shell) -> None:
    expiry(shell, "init-db")
    assert expiry(shell, "suppressed").out == "No address is suppressed.\n"
    suppress(1, 2)
    said = expiry(shell, "suppressed").out
    assert str(fingerprint("User1@Corp.test")) in said
    assert "550 5.1.1 no user 1" in said
    newest, oldest = expiry(shell, "suppressed", "--json").json["suppressed"]
    assert (newest["reason"], oldest["at"]) == ("550 5.1.1 no user 2", "2023-11-14T22:13:20.001Z")
    assert "again" in expiry(shell, "unsuppress", " USER1@corp.test").out
    assert expiry(shell, "unsuppress", newest["fingerprint"], "--json").json["unsuppressed"]
    assert expiry(shell, "suppressed").out == "No address is suppressed.\n"
    assert expiry(shell, "unsuppress", "user1@corp.test").out == "that address is not suppressed\n"


def test_who_is_forgotten_is_not_known_by_a_suppressed_address_either(shell: Shell) -> None:
    expiry(shell, "init-db")
    suppress(1, 2, 3)
    said = expiry(shell, "forget", "1", "--yes").out
    assert "is forgotten as well" in said
    assert "still in your database" in said
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.execute("DELETE FROM users WHERE id = 2")
    assert "address" not in expiry(shell, "forget", "2", "--yes").out
    assert "address" in expiry(shell, "forget", "2", "--yes", "--address", "user2@corp.test").out
    assert len(expiry(shell, "suppressed", "--json").json["suppressed"]) == 1


def test_the_statements_for_a_dba_make_the_tables(shell: Shell) -> None:
    said = expiry(shell, "init-db", "--print-sql")
    assert tables() == {"users"}
    with closing(sqlite3.connect("other.db")) as connection:
        connection.executescript(said.out)
    assert "password-expiry" not in expiry(shell, "init-db").err
    assert tables(Path("other.db")) == tables() - {"users"}


def test_an_outbox_of_an_earlier_version_is_said_and_made_whole(shell: Shell) -> None:
    expiry(shell, "send", "--yes")
    with closing(sqlite3.connect("company.db")) as connection, connection:
        connection.execute("DROP TABLE password_runs")
    said = expiry(shell, "report")
    assert (said.status, "has no table password_runs" in said.err) == (2, True)
    expiry(shell, "init-db")
    assert expiry(shell, "report").status == 0


def test_a_server_cannot_be_asked_for_it(shell: Shell) -> None:
    said = shell("--url", "https://cron.example.com", "password-expiry", "report")
    assert (said.status, "needs the store itself" in said.err) == (2, True)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_without_a_database_for_the_notices_of_a_directory_nothing_is_made(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    shell.monkeypatch.delenv("USERS_DATABASE_URL")
    set_directory(shell)
    said = expiry(shell, *arguments)
    assert (said.status, "NOTICES_DATABASE_URL: set it" in said.err) == (2, True)
    assert not Path("var/sample-users.db").exists()


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_users_of_two_kinds_are_refused_by_each_command(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    set_directory(shell)
    shell.monkeypatch.setenv("NOTICES_DATABASE_URL", "sqlite:///notices.db")
    said = expiry(shell, *arguments)
    assert (said.status, "the users come from one of them" in said.err) == (2, True)
    assert not Path("notices.db").exists()
