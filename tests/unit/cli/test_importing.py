from __future__ import annotations

import io
import sys
import tomllib
from pathlib import Path

import pytest

from tests.unit.cli.commands import Shell

CRONTAB = "30 2 * * * backup --all\n"


def test_import_crontab_prints_a_job_file(shell: Shell) -> None:
    Path("tab").write_text(CRONTAB)
    said = shell("import-crontab", "tab", "--timezone", "Europe/Berlin")
    assert (said.status, said.err) == (0, "")
    assert tomllib.loads(said.out) == {
        "timezone": "Europe/Berlin",
        "jobs": {
            "backup": {
                "schedule": "30 2 * * *",
                "command": ["/bin/sh", "-c", "backup --all"],
                "directory": "${HOME}",
            }
        },
    }


def test_what_it_prints_can_be_checked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    Path("tab").write_text(CRONTAB)
    Path("cronfleet.toml").write_text(shell("import-crontab", "tab", "--timezone", "UTC").out)
    said = shell("check", "cronfleet.toml")
    assert said.status == 0
    assert "at 02:30" in said.out.lower()


def test_import_crontab_reads_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(CRONTAB.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert "[jobs.backup]" in shell("import-crontab", "-", "--timezone", "UTC").out


def test_what_was_not_taken_over_is_told_and_the_exit_status_is_1(shell: Shell) -> None:
    Path("tab").write_bytes(b"@reboot x\n@daily \xff\n" + CRONTAB.encode())
    said = shell("import-crontab", "tab", "--timezone", "UTC")
    assert said.status == 1
    assert "[jobs.backup]" in said.out
    first, second = said.err.splitlines()
    assert first.startswith("cronfleet: line 1: not taken over: @reboot x: not supported")
    assert second.startswith("cronfleet: line 2: not taken over: it: it has characters")


def test_a_system_crontab_is_read_when_it_is_said(shell: Shell) -> None:
    Path("tab").write_text("@daily nobody backup\n")
    said = shell("import-crontab", "--system", "tab", "--timezone", "UTC")
    assert '"backup"' in said.out
    assert "the user 'nobody' of 'backup'" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope",), "cronfleet: nope cannot be read: No such file"),
        (("tab", "--timezone", "Mars"), "cronfleet: tz 'Mars'"),
    ],
)
def test_what_must_be_written_differently_is_exit_status_2(
    shell: Shell, arguments: tuple[str, ...], words: str
) -> None:
    Path("tab").write_text(CRONTAB)
    said = shell("import-crontab", *arguments)
    assert (said.status, said.out) == (2, "")
    assert words in said.err


def test_check_tells_what_is_wrong_with_a_job_file_a_line_each(shell: Shell) -> None:
    Path("jobs.toml").write_text("[jobs.x]\nevery = '1'\ncommand = 'a'\n")
    said = shell("check", "jobs.toml")
    assert said.status == 2
    assert [line.split(": ")[1:4] for line in said.err.splitlines()] == [
        ["jobs.toml", "job 'x'", "every"],
        ["jobs.toml", "job 'x'", "command"],
    ]


def test_variables_may_come_from_the_file_env(shell: Shell) -> None:
    Path("jobs.toml").write_text("[jobs.x]\nevery='1h'\ncommand=['a']\nstdin='${KEY}'\n")
    assert "the environment has no KEY" in shell("check", "jobs.toml").err
    Path(".env").write_text("KEY=hunter2\n")
    assert shell("check", "jobs.toml").status == 0
