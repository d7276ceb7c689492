from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.commands import Shell
from tests.unit.server.sites import ended_run


def test_the_command_writes_a_file_that_is_whole(shell: Shell, tmp_path: Path) -> None:
    shell.work(lambda scheduler: ended_run(scheduler, "report"))
    assert shell("runs", "--export", "history.jsonl").status == 0
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1]) == {"line": "end", "lines": len(lines) - 1}
    assert shell("verify", "history.jsonl").status == 0
    assert not list(tmp_path.glob("*.part"))


def test_the_command_writes_to_the_output_too(shell: Shell) -> None:
    shell.work(lambda scheduler: ended_run(scheduler, "report"))
    lines = shell("runs", "--export", "-").out.splitlines()
    assert json.loads(lines[0])["line"] == "header"
    assert json.loads(lines[-1])["line"] == "end"


def test_an_export_that_fails_leaves_what_was_there(shell: Shell, tmp_path: Path) -> None:
    kept = tmp_path / "history.jsonl"
    kept.write_text("of yesterday")
    assert shell("runs", "--export", "history.jsonl").status == 2  # There is no store.
    assert kept.read_text() == "of yesterday"
    assert not list(tmp_path.glob("*.part"))


def test_a_file_that_cannot_be_written_is_said(shell: Shell) -> None:
    said = shell("runs", "--export", "no-such-folder/history.jsonl")
    assert (said.status, said.out) == (2, "")
    assert "no-such-folder/history.jsonl cannot be written: No such file" in said.err


def test_a_job_or_a_file_is_named_and_not_both(shell: Shell) -> None:
    assert shell("runs").status == 2
    assert "Name a job" in shell("runs", "report", "--export", "-").err
