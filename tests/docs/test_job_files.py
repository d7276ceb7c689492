from __future__ import annotations

import re
from pathlib import Path

import pytest

from cronfleet import Scheduler
from cronfleet.apps.job_file import read_job_file, register
from tests.apps.processes import Process

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "job-files.md"
EXAMPLE = ROOT / "examples" / "cronfleet.toml"


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
