from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cronfleet import Scheduler
from cronfleet.apps.job_file import read_job_file, register
from tests.apps.processes import Process

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "job-files.md"
EXAMPLE = ROOT / "examples" / "cronfleet.toml"
NIGHT = ROOT / "examples" / "nightly.toml"
COMMANDS = re.findall(r'^    "(\w+)": \w+,$', (ROOT / "dev.py").read_text("utf-8"), re.MULTILINE)


def blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(2))
def test_every_file_on_the_page_can_be_read(number: int, tmp_path: Path) -> None:
    text = blocks()[number]
    if "every" not in text:  # What is about requests alone says nothing about when.
        text += '[jobs.report]\nevery = "1h"\n'
    path = tmp_path / "cronfleet.toml"
    path.write_text(text)
    file = read_job_file(path, {"PGPASSWORD": "one", "API_TOKEN": "two"})
    register(Scheduler("memory:", program=file.program), file)


def test_the_page_has_no_more_files() -> None:
    assert len(blocks()) == 2


@pytest.mark.fleet
@pytest.mark.timeout(120)
def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    with Process(tmp_path, "-m", "cronfleet", "run", str(EXAMPLE)) as instance:
        instance.until("job tidy: 30 2 * * * (Europe/Berlin)")
        instance.until("disk-space@")
        assert instance.stop() == 0


def test_the_commands_of_a_night_are_those_of_dev_py() -> None:
    jobs = tomllib.loads(NIGHT.read_text("utf-8"))["jobs"]
    register(Scheduler("memory:", program="proof"), read_job_file(NIGHT, {}))
    for job in jobs.values():
        python, dev, *words = job["command"]
        assert (python, dev) == ("python3", "dev.py")
        assert words[0] in COMMANDS, words
