"""What a command does whose output is full, closed, or read by nobody."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ["next '* * * * *' -n 1000", "next '* * * * *' --json", "--help", "next -h", "--version"]


def cronfleet(arguments: str, stdout: int, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cronfleet", *shlex.split(arguments)],
        cwd=folder,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_cannot_be_written_is_one_line_and_status_one(
    tmp_path: Path, command: str
) -> None:
    with Path("/dev/full").open("w") as full:
        done = cronfleet(command, full.fileno(), tmp_path)
    said = "cronfleet: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_closed_is_one_line_and_status_one(tmp_path: Path, command: str) -> None:
    line = f"{sys.executable} -m cronfleet {command} >&-"
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False
    )
    said = "cronfleet: the output cannot be written: it is closed\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_nobody_reads_is_no_fault(tmp_path: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = cronfleet(command, pipe.fileno(), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["-h", "run -h", "jobs -h"])
def test_help_has_a_short_name(tmp_path: Path, command: str) -> None:
    done = cronfleet(command, subprocess.PIPE, tmp_path)
    assert (done.returncode, done.stdout.startswith("Usage: cronfleet")) == (0, True)
