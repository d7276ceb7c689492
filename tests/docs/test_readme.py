from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return code


@pytest.mark.fleet
def test_the_example_runs_as_printed_and_ends_when_told(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example())
    with subprocess.Popen(
        [sys.executable, "example.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    assert re.fullmatch(r"greet: the tick of \d\d:\d\d:\d[02468], attempt 1\n", line)


def test_the_example_is_short() -> None:
    assert len(example().splitlines()) <= 15


def test_every_linked_page_is_there() -> None:
    pages = [README, *README.parent.glob("docs/*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
    ]
    assert [link for page, link in links if not (page.parent / link).exists()] == []
