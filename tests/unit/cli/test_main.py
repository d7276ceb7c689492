from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cronfleet import (
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidJobError,
    InvalidScheduleError,
    MissingExtraError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownJobError,
)
from cronfleet.cli import commands, logs
from cronfleet.cli.printing import print_table
from cronfleet.config import Settings
from tests.unit.cli.commands import Shell

HEAVY = ("aiosmtplib", "fastapi", "jinja2", "pydantic", "redis", "rich", "sqlalchemy", "uvicorn")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("PORT 'abc'"), 2),
        (ForeignJobError("report", "theirs", "ours"), 2),
        (InvalidJobError("report", "no"), 2),
        (InvalidScheduleError("minute", "60", "no"), 2),
        (MissingExtraError("a Redis store", "redis"), 2),
        (StoreRefusedError("no such password"), 2),
        (UnknownJobError("report", []), 2),
        (StoreUnavailableError("memory:", "gone"), 1),
        (StoreError("strange"), 1),
        (CronfleetError("anything"), 1),
    ],
)
def test_an_error_is_a_line_and_a_status(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, error: CronfleetError, status: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(commands, "cronfleet", fail)
    said = shell()
    assert (said.status, said.out, said.err) == (status, "", f"cronfleet: {error}\n")


def test_each_setting_that_cannot_be_used_has_a_line_of_its_own(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "abc\x1b[2J")
    monkeypatch.setenv("CRON_TIMEZONE", "Nowhere")
    said = shell("run")
    assert said.status == 2
    timezone, port = sorted(said.err.splitlines())
    assert timezone.startswith("cronfleet: CRON_TIMEZONE 'Nowhere': ")
    assert port.startswith("cronfleet: PORT 'abc")
    assert "\x1b" not in said.err


@pytest.mark.parametrize("arguments", [["--version"], ["next", "0 9 * * *", "--json"]])
def test_a_quick_answer_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from cronfleet.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert set(HEAVY) & set(json.loads(done.stderr)) == set()


@pytest.mark.parametrize("command", [["-m", "cronfleet"], ["-m", "cronfleet.cli.main"]])
def test_the_module_is_the_command(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("cronfleet ")


def test_without_its_packages_the_command_names_them(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "cronfleet.cli.commands")
    monkeypatch.setitem(sys.modules, "click", None)
    said = shell("jobs")
    assert said.status == 2
    assert "pip install 'cronfleet[cli]'" in said.err


def test_without_the_servers_packages_the_command_names_them(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONFLEET_STORE", "memory:")
    monkeypatch.delitem(sys.modules, "cronfleet.server.serving", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = shell("run")
    assert (said.status, "pip install 'cronfleet[server]'" in said.err) == (2, True)
    assert "--no-server" in said.err


def test_a_record_is_one_line_whatever_it_says() -> None:
    handler = logs.line_handler()
    record = logging.LogRecord(
        "x", logging.INFO, __file__, 1, "user %r said %s", ("a", "b\n\x1b[31mc"), None
    )
    record.created = 0.25
    record.msecs = 250
    assert handler.format(record) == "1970-01-01T00:00:00.250Z INFO user 'a' said b c"


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(CronfleetError("no disk"), False), (ValueError("a bug"), True)]
)
def test_only_what_nobody_foresaw_has_a_traceback(error: Exception, has_traceback: bool) -> None:
    record = logging.LogRecord(
        "x", logging.WARNING, __file__, 1, "failed", None, (type(error), error, None)
    )
    assert (len(logs.line_handler().format(record).splitlines()) > 1) is has_traceback


def test_a_table_keeps_brackets_and_drops_controls(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [("[red]x[/red]", "y\x1b[31m\nz"), ("w" * 300, "")])
    lines = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in lines] == [2, 3, 1]
    assert lines[1].split() == ["[red]x[/red]", "y", "z"]


def test_a_target_gets_the_store_that_other_commands_look_at(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cronfleet.cli.programs import target_program
    from cronfleet.config import load_settings

    monkeypatch.setenv("CRONFLEET_STORE", "memory:")
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("myapp.py").write_text("from cronfleet import Scheduler\nscheduler = Scheduler()\n")
    url = "redis://:hunter2@127.0.0.1:1/0"
    program = target_program("myapp:scheduler", load_settings(), url)
    assert program.scheduler._store.name == "redis://:***@127.0.0.1:1/0"
    assert "hunter2" not in str(os.environ)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("nowhere:scheduler", "there is no module 'nowhere'"),
        ("nowhere.at.all:scheduler", "there is no module 'nowhere'"),
        ("json:scheduler", "json has no 'scheduler'"),
        ("json:dumps", "is no Scheduler, but a function"),
        ("json", "write module:scheduler"),
        (":scheduler", "write module:scheduler"),
        ("json:", "write module:scheduler"),
    ],
)
def test_a_target_that_is_none_is_status_two(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, target: str, complaint: str
) -> None:
    monkeypatch.setenv("CRONFLEET_STORE", "memory:")
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = shell("run", target)
    assert (said.status, said.out) == (2, "")
    assert complaint in said.err


def test_what_a_targets_own_module_lacks_is_not_blamed_on_the_target(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cronfleet.cli.programs import target_program
    from cronfleet.config import load_settings

    monkeypatch.setenv("CRONFLEET_STORE", "memory:")
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("halfapp.py").write_text("import something_missing\n")
    with pytest.raises(ModuleNotFoundError, match="something_missing"):
        target_program("halfapp:scheduler", load_settings(), None)


def formatted(record: logging.LogRecord, **variables: str) -> str:
    """As it is written when these are set."""
    handler = logs.line_handler()
    settings = Settings.model_validate({name.lower(): value for name, value in variables.items()})
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        logs.log_as_set(settings)
    finally:
        root.removeHandler(handler)
    return handler.format(record)


def a_record(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord("x", 20, __file__, 1, message, (), None, extra=extra)


def test_a_line_about_an_attempt_names_it_and_the_run_once() -> None:
    marks = {"job": "report", "run": "report@5", "attempt": 2, "token": 7}
    assert formatted(a_record("sent", **marks)).endswith("sent [report@5 attempt 2 token 7]")
    said = formatted(a_record("report@5 failed", **marks))
    assert said.endswith("INFO report@5 failed [attempt 2 token 7]")


def test_lines_are_json_if_that_is_set() -> None:
    assert json.loads(formatted(a_record("sent"), LOG_FORMAT="json"))["message"] == "sent"


@pytest.mark.parametrize("format_", ["text", "json"])
def test_the_passwords_of_the_settings_are_in_no_line(format_: str) -> None:
    said = formatted(
        a_record("user hush-1, then hush@2 and hush-3"),
        LOG_FORMAT=format_,
        REDIS_PASSWORD="hush-1",
        USERS_DATABASE_URL="postgresql://user:hush%402@host/name",
        EMAIL_PASSWORD="hush-3",
    )
    assert "user ***, then *** and ***" in said


def test_the_level_is_the_one_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    formatted(a_record("x"))
    assert logging.getLogger().level == logging.INFO
    formatted(a_record("x"), LOG_LEVEL="error")
    assert logging.getLogger().level == logging.ERROR
