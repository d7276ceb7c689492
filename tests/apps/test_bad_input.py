"""What cannot work is refused at the start: one clear line, status 2, nothing lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from cronfleet import ConfigurationError, Scheduler, cron
from cronfleet.cli.programs import Program
from cronfleet.cli.working import work
from cronfleet.server.serving import bind
from tests.apps.worlds import make_users
from tests.servers import OwnServer, Server, free_port
from tests.unit.cli.commands import Said, Shell

BACKSLASHES = r"0 \* \* \* \*"


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", str(free_port()))
    return Shell(tmp_path / "var" / "cronfleet.db", monkeypatch, capsys)


def is_refused(said: Said, *words: str) -> bool:
    (line,) = said.err.splitlines()
    assert line.startswith("cronfleet: ")
    assert [word for word in words if word not in line] == []
    return (said.status, said.out) == (2, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::"])
def test_other_machines_are_not_served_without_credentials_and_tls(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HOST", host)
    said = shell("run")
    assert (said.status, said.out) == (2, "")
    credentials, tls = said.err.splitlines()
    assert f"HOST {host}" in credentials
    assert "cronfleet token new" in credentials
    assert [word for word in ("TLS_CERT", "--behind-proxy", "127.0.0.1") if word not in tls] == []


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("CRON_SCHEDULE", BACKSLASHES, ["CRON_SCHEDULE", "remove the backslashes"]),
        ("CRON_SCHEDULE", "60 * * * *", ["CRON_SCHEDULE", "minute '60'", "0-59"]),
        ("CRON_SCHEDULE", "every hour", ["CRON_SCHEDULE", "fields"]),
        ("CRON_TIMEZONE", "Europe/Nowhere", ["CRON_TIMEZONE", "'Europe/Nowhere'", "IANA"]),
        ("PORT", "abc", ["PORT 'abc'", "whole number"]),
        ("PORT", "65536", ["PORT '65536'", "65535"]),
        ("HOST", "example.com", ["HOST 'example.com'", "localhost"]),
        ("PASSWORD_MAX_AGE_DAYS", "0", ["PASSWORD_MAX_AGE_DAYS '0'", "from 1"]),
        ("MAIL_SENDER", "pigeon", ["MAIL_SENDER 'pigeon'", "smtp, ses, sendgrid or mailbox"]),
        ("EMAIL_FROM", "nobody", ["EMAIL_FROM 'nobody'", "name@example.com"]),
        ("CRONFLEET_STORE", "bogus://u:hunter2@x", ["'bogus'", "redis://"]),
        ("REDIS_URL", "http://:hunter2@x", ["REDIS_URL", "redis://host:port/0"]),
        ("USERS_DATABASE_URL", "nonsense:hunter2", ["USERS_DATABASE_URL", "postgresql://"]),
        ("USERS_DATABASE_URL", "sqlite:///nowhere.db", ["no such file"]),
        (
            "USERS_DATABASE_URL",
            "postgresql://u:hunter2@h/x",
            ["pip install 'cronfleet[databases]'"],
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_to_write(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(setting, value)
    monkeypatch.setitem(sys.modules, "psycopg", None)  # As where it is not installed.
    said = shell("run")
    assert is_refused(said, *words)
    assert "hunter2" not in said.err


@pytest.mark.parametrize("setting", ["USERS_DATABASE_URL", "NOTICES_DATABASE_URL"])
def test_an_option_that_no_driver_understands_is_named_with_its_setting(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    Path("theirs.db").touch()
    make_users(Path("users.db"), [])
    monkeypatch.setenv("USERS_DATABASE_URL", "sqlite:///users.db")
    monkeypatch.setenv(setting, "sqlite:///theirs.db?timeout=abc&password=hunter2")
    said = shell("run")
    assert is_refused(said, setting, "theirs.db", "correct the URL")
    assert "hunter2" not in said.err


def test_backslashes_in_the_file_are_named_too(shell: Shell) -> None:
    Path(".env").write_text(f"CRON_SCHEDULE={BACKSLASHES}\n")
    Path(".env").chmod(0o600)
    assert is_refused(shell("run"), "CRON_SCHEDULE", "remove the backslashes")


def test_a_port_in_use_is_named_with_another(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        assert is_refused(shell("run"), f"port {port} on 127.0.0.1 is in use", f"PORT={port + 1}")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["USERS_TABLE", "no table 'users'", "it has people, places"]),
        ({"USERS_TABLE": "people"}, ["USERS_EMAIL_COLUMN", "no column 'email'", "mail, name"]),
        (
            {"USERS_TABLE": "people", "USERS_EMAIL_COLUMN": "mail"},
            ["USERS_PASSWORD_CHANGED_COLUMN", "no column 'password_changed_at'", "changed"],
        ),
    ],
)
def test_a_table_or_column_that_is_not_there_is_answered_with_those_that_are(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], words: list[str]
) -> None:
    with closing(sqlite3.connect("theirs.db")) as connection, connection:
        connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, mail, name, changed)")
        connection.execute("CREATE TABLE places (id INTEGER PRIMARY KEY)")
    monkeypatch.setenv("USERS_DATABASE_URL", "sqlite:///theirs.db")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert is_refused(shell("run"), *words)


@pytest.mark.parametrize("store", ["", "memory:", "sqlite:///file/in/the/way/cronfleet.db"])
def test_a_file_in_the_place_of_the_folder_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    Path("file").touch()
    monkeypatch.setenv("CRONFLEET_DATA_DIR", "file/in/the/way")
    monkeypatch.setenv("CRONFLEET_STORE", store)
    assert is_refused(shell("run"), "file/in/the/way", "Not a directory")


def test_a_folder_that_may_not_be_written_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("var").mkdir(mode=0o500)
    # Root may write into any folder but those of the kernel's own file systems.
    folder = Path("/sys/var") if os.getuid() == 0 else Path("var")
    with pytest.raises(OSError, match="var") as refusal:
        (folder / "mailbox").mkdir(parents=True)
    monkeypatch.setenv("CRONFLEET_DATA_DIR", str(folder))
    assert is_refused(shell("run"), str(folder), str(refusal.value.strerror))


def as_a_plain_user(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`cronfleet` where permissions count, even if root runs the tests."""
    command = [sys.executable, "-m", "cronfleet", *arguments]
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv, as root runs the tests")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = os.environ | {"PORT": str(free_port())}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("closed", "settings"),
    [
        ("var", {}),
        ("var/mailbox", {}),
        ("var/sample-users.db", {}),
        ("var", {"MAILBOX_DIR": "mails", "CRONFLEET_STORE": "memory:"}),
        ("var", {"MAILBOX_DIR": "mails"}),
        ("theirs", {"USERS_DATABASE_URL": "sqlite:///theirs/users.db"}),
        (
            "theirs",
            {
                "USERS_DATABASE_URL": "sqlite:///users.db",
                "NOTICES_DATABASE_URL": "sqlite:///theirs/notices.db",
            },
        ),
    ],
)
def test_what_belongs_to_somebody_else_is_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, closed: str, settings: dict[str, str]
) -> None:
    make_users(Path("users.db"), [])
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    path = shell.store.parent.parent / closed
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.suffix:
        path.touch()
    else:
        path.mkdir()
    path.chmod(0)
    done = as_a_plain_user("run")
    assert is_refused(Said(done.returncode, done.stdout, done.stderr), closed)


def test_a_store_that_belongs_to_somebody_else_is_one_line_for_those_who_look(shell: Shell) -> None:
    shell.store.parent.mkdir(mode=0)
    done = as_a_plain_user("jobs")
    said = Said(done.returncode, done.stdout, done.stderr)
    assert is_refused(said, "var/cronfleet.db", "Permission denied")


def test_a_folder_in_the_place_of_the_users_file_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("users.db").mkdir()
    monkeypatch.setenv("USERS_DATABASE_URL", "sqlite:///users.db")
    assert is_refused(shell("run"), "USERS_DATABASE_URL", "users.db is no file")


def test_a_job_of_another_program_is_not_taken_over(shell: Shell) -> None:
    async def join() -> None:
        scheduler = Scheduler(f"sqlite:///{shell.store}", program="theirs")
        scheduler.add_job(lambda _: None, cron("0 0 1 1 *"), "password-expiry")
        async with scheduler:
            pass

    asyncio.run(join())
    said = shell("run")
    assert is_refused(said, "'password-expiry' belongs to program 'theirs'", "CRONFLEET_FLEET")
    assert shell("jobs", "--json").json["jobs"][0]["program"] == "theirs"


@pytest.mark.redis
@pytest.mark.parametrize("url", ["redis://:hunter2@{}:{}/0", "redis://{}:{}/0"])
def test_a_redis_that_refuses_the_password_is_named_without_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, own_redis: OwnServer, url: str
) -> None:
    with redis.Redis(own_redis.host, own_redis.port) as client:
        # redis-py leaves its answers untyped
        client.config_set("requirepass", "another")  # pyright: ignore[reportUnknownMemberType]
    monkeypatch.setenv("REDIS_URL", url.format(own_redis.host, own_redis.port))
    said = shell("run")
    assert is_refused(said, f"{own_redis.host}:{own_redis.port}")
    assert ".." not in said.err
    assert "hunter2" not in said.err


async def test_a_redis_that_does_not_answer_in_time_is_named_without_its_password() -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    program = Program(Scheduler(url, patience=timedelta()))
    with pytest.raises(ConfigurationError, match=r"redis://:\*\*\*@127.0.0.1") as raised:
        await work(program, None)
    assert "hunter2" not in str(raised.value)
    assert "Start it, or name another one with --store, REDIS_URL" in str(raised.value)


@pytest.mark.redis
def test_a_redis_without_a_database_of_that_number_is_one_line(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    redis_server: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://{redis_server.host}:{redis_server.port}/99")
    assert is_refused(shell("run"), "/99 has no database of that number", "redis://host:6379/0")
    assert caplog.text == ""


def test_an_env_file_that_others_can_read_is_a_warning(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path(".env").write_text("EMAIL_PASSWORD=hunter2\nPORT=abc\n")
    Path(".env").chmod(0o644)
    monkeypatch.delenv("PORT")
    assert is_refused(shell("run"), "PORT 'abc'")
    assert "chmod 600 .env" in caplog.text
    assert "hunter2" not in caplog.text
