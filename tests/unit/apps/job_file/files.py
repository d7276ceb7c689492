"""Job files in the words of a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.job_file import JobFile, read_job_file, register
from cronfleet.apps.job_file.values import CommandWork, FileJob, HttpWork

GOOD = 'schedule = "0 2 * * *"\ncommand = ["backup"]\n'
WEB = '[http]\nallow_hosts = ["example.com"]\n'


def read(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> JobFile:
    path = folder / "jobs.toml"
    path.write_text(dedent(text), encoding="utf-8")
    file = read_job_file(path, environment or {})
    register(Scheduler("memory:", program=file.program), file)
    return file


def only_job(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> FileJob:
    (job,) = read(folder, text, environment).jobs
    return job


def command(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> CommandWork:
    work = only_job(folder, f"[jobs.x]\nevery = '1h'\n{text}", environment).work
    assert isinstance(work, CommandWork)
    return work


def request(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> HttpWork:
    work = only_job(folder, f"{WEB}[jobs.x]\nevery = '1h'\n{text}", environment).work
    assert isinstance(work, HttpWork)
    return work


def wrong(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with a file, a line each, without the folder."""
    with pytest.raises(ConfigurationError) as error:
        read(folder, text, environment)
    return str(error.value).replace(f"{folder}/", "").splitlines()


def wrong_job(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> str:
    """The one thing that is wrong with the one job of a file."""
    (line,) = wrong(folder, f"{WEB}[jobs.x]\n{text}", environment)
    assert line.startswith("jobs.toml: job 'x': ")
    return line.removeprefix("jobs.toml: job 'x': ")
